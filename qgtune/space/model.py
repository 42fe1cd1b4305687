"""What a search space is, once it is read and checked."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from qgtune.errors import Located, QGTuneError
from qgtune.space.conditions import Conditions, Sometimes
from qgtune.space.counting import in_decimals
from qgtune.space.editing import assign, place, remove, shorten
from qgtune.space.paths import MISSING, is_below, parse_path
from qgtune.space.stored import index_of, to_stored
from qgtune.space.wording import choice_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from omegaconf import DictConfig


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """A path of the config with an Optuna distribution.

    Attributes:
        path: dots only, as in `model.layers.0.width`; its name in the study.
        distribution: what values it takes.
        source: where it was written: a file, `the command line`, or a path of the config.
        choices: the choices as config values, in the distribution's order; empty for a range.
        add: whether the base settings need not have the path (a leading `+`).
        replaces: whether a choice that is a mapping takes the place of the base's, rather than being merged into it.
        when: the conditions under which it is asked for, all of them; empty for always.
        variants: what else the path takes when other conditions hold.
        otherwise: what the config holds there while it is not asked for; `MISSING` for nothing.
        length_of: the path of the list whose length it is; empty for a value of the config.
        prior: the value near which good ones are thought to lie, as the config holds it; `MISSING` for none.
    """

    path: str
    distribution: BaseDistribution
    source: str
    choices: tuple[Any, ...] = ()
    add: bool = False
    replaces: bool = False
    when: Conditions = ()
    variants: tuple[Hyperparameter, ...] = ()
    otherwise: Any = MISSING
    length_of: str = ""
    prior: Any = MISSING

    def all(self) -> tuple[Hyperparameter, ...]:
        """Return itself and its variants."""
        return (self, *self.variants)

    def suggest(self, trial: Any) -> Any:
        """Return the trial's value as a config value: an int, a float, or a fresh copy of a choice.

        Args:
            trial: an `optuna.Trial` or `FixedTrial`.
        """
        match self.distribution:
            case IntDistribution() as ints:
                return int(trial.suggest_int(self.path, ints.low, ints.high, step=ints.step, log=ints.log))
            case FloatDistribution() as floats:
                value = trial.suggest_float(self.path, floats.low, floats.high, step=floats.step, log=floats.log)
                return in_decimals(float(value), floats)
            case CategoricalDistribution() as categories:
                return self.decode(trial.suggest_categorical(self.path, categories.choices))
        raise TypeError(f"no distribution of ours: {self.distribution}")

    def decode(self, stored: Any) -> Any:
        """Turn a value of the study into a config value."""
        if not self.choices or not isinstance(self.distribution, CategoricalDistribution):
            return in_decimals(stored, self.distribution) if isinstance(stored, float) else stored
        return copy.deepcopy(self.choices[index_of(self.distribution, stored)])

    def encode(self, value: Any) -> Any:
        """Turn a config value into a value of the study.

        Raises:
            ValueError: when the space does not hold the value.
        """
        if isinstance(self.distribution, CategoricalDistribution):
            try:
                stored = to_stored(value)
            except TypeError as error:  # a resolver gave what no choice can be
                raise ValueError(str(error)) from None
            return self.distribution.choices[index_of(self.distribution, stored)]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"{value!r} is no number")
        number: int | float = int(value) if isinstance(self.distribution, IntDistribution) else float(value)
        if number != value or not _is_in_range(self.distribution, number):
            raise ValueError(f"{value!r} is not in {self.distribution}")
        return number

    def takes(self, value: Any) -> bool:
        """Say whether a config value is one of its values."""
        try:
            self.encode(value)
        except (TypeError, ValueError):
            return False
        return True

    def extremes(self) -> tuple[Any, ...]:
        """Return the values that a config has to accept: every choice, or both ends of the range."""
        if isinstance(self.distribution, (IntDistribution, FloatDistribution)):
            return (self.distribution.low, self.distribution.high)
        return self.choices


def _is_in_range(distribution: Any, number: float) -> bool:
    steps = 0.0 if distribution.step is None else (number - distribution.low) / distribution.step
    return bool(distribution.low <= number <= distribution.high and abs(steps - round(steps)) < 1e-8)  # noqa: PLR2004 - Optuna's tolerance


MAX_CHOICES = 10_000


def categorical(
    path: str, choices: Sequence[Any], source: str, *, add: bool = False, replaces: bool = False
) -> Hyperparameter:
    """Make a hyperparameter of choices.

    Raises:
        QGTuneError: when there are none, or one stands there twice (Optuna takes 1, 1.0 and true for the same).
    """
    if not choices:
        raise _unusable(path, source, "it has no choices. Give at least one")
    if len(choices) > MAX_CHOICES:
        many = f"it has {len(choices):,} choices, and Optuna keeps all of them with each trial"
        raise _unusable(path, source, f"{many}. Give a range, or at most {MAX_CHOICES:,}")
    try:
        stored = [to_stored(choice) for choice in choices]
    except (TypeError, ValueError) as error:
        raise _unusable(path, source, f"a choice cannot be stored: {error}") from None
    if len(set(stored)) < len(stored):
        index, twice = next((index, choice) for index, choice in enumerate(stored) if choice in stored[:index])
        first = stored[stored.index(twice)]
        if type(first) is not type(twice):
            both = f"{choice_text(first)} and {choice_text(twice)}"
            raise _unusable(path, source, f"Optuna takes the choices {both} for the same. Drop one")
        raise _unusable(path, source, f"the choice {choices[index]!r} stands there twice. Drop one")
    return Hyperparameter(path, CategoricalDistribution(stored), source, tuple(choices), add=add, replaces=replaces)


def _unusable(path: str, source: str, reason: str) -> QGTuneError:
    return QGTuneError(Located(f"Cannot use {path} of {source}: {reason}.", path, source))


@dataclass(frozen=True, slots=True)
class Dependency:
    """A path whose value is computed from other paths.

    Attributes:
        target: the path, dots only.
        expression: the interpolation that stands there in the config.
        sources: the paths it reads.
        text: what the user wrote.
        source: where it was written.
    """

    target: str
    expression: str
    sources: tuple[str, ...]
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Hyperparameters, constants and dependencies over some base settings.

    Attributes:
        hyperparameters: by path; whatever a condition names comes before what it is the condition of.
        constants: values that replace those of the base, by path.
        dependencies: by target.
        notices: what to warn of, once.
        sometimes: what else exists only under conditions.
    """

    hyperparameters: Mapping[str, Hyperparameter]
    constants: Mapping[str, Any] = field(default_factory=dict)
    dependencies: Mapping[str, Dependency] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    sometimes: Sometimes = field(default_factory=Sometimes)

    def prepare(self, config: DictConfig) -> DictConfig:
        """Return a copy of a composed config with the constants and the dependencies in place."""
        prepared = copy.deepcopy(config)
        for path, value in self.constants.items():
            assign(prepared, parse_path(path), value)
        for target, dependency in self.dependencies.items():
            assign(prepared, parse_path(target), dependency.expression)
        return prepared

    @property
    def items(self) -> Iterator[Hyperparameter]:
        """All hyperparameters, also those that share a path."""
        return (item for first in self.hyperparameters.values() for item in first.all())

    @property
    def is_conditional(self) -> bool:
        """Whether a hyperparameter is not asked for in every trial."""
        return any(item.when for item in self.items)

    def value(self, path: str, values: Mapping[str, Any]) -> Any:
        """Return the value of a hyperparameter's path where these were sampled."""
        return values[path] if path in values else self.hyperparameters[path].otherwise

    def holds(self, conditions: Conditions, values: Mapping[str, Any]) -> bool:
        """Say whether all conditions hold where these values were sampled."""
        return all(condition.holds(self.value(condition.path, values)) for condition in conditions)

    def live(self, path: str, values: Mapping[str, Any]) -> Hyperparameter | None:
        """Return what is asked for at a path, after those before it got these values; None for nothing."""
        for item in self.hyperparameters[path].all() if path in self.hyperparameters else ():
            if not item.when or self.holds(item.when, values):
                return item
        return None

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Ask a trial for the value of every live hyperparameter; return config values by path."""
        values: dict[str, Any] = {}
        for path in self.hyperparameters:
            if (item := self.live(path, values)) is not None:
                values[path] = item.suggest(trial)
        return values

    def constants_with(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the constants that hold only where these values were sampled, by path."""
        return {path: value for path, value, when in self.sometimes.constants if self.holds(when, values)}

    def absent_with(self, values: Mapping[str, Any]) -> list[str]:
        """Return the paths that the config has not where these values were sampled."""
        places = self.sometimes.places.items()
        return [path for path, ways in places if not any(self.holds(when, values) for when in ways)]

    def inject(self, config: DictConfig, values: Mapping[str, Any]) -> None:
        """Make a prepared config that of a trial, in place.

        Args:
            config: what `prepare` returned.
            values: those of all live hyperparameters, by path.
        """
        self._add_sometimes(config, values)
        replaced = {path for path, value in values.items() if isinstance(value, dict) and self.replaces(path, values)}
        place(config, {path: value for path, value in values.items() if not self.is_length(path)}, replaced)
        for path in self.absent_with(values):
            remove(config, parse_path(path))
        for path, name in self.sometimes.lengths.items():
            if name in values:
                shorten(config, parse_path(path), values[name])

    def replaces(self, path: str, values: Mapping[str, Any]) -> bool:
        """Say whether a mapping takes the place of what the config has at a path, rather than being merged into it."""
        item = self.live(path, values)
        return item is not None and item.replaces

    def is_length(self, path: str) -> bool:
        """Say whether a path is that of a list's length, which the config itself has not."""
        return path in self.hyperparameters and self.hyperparameters[path].length_of != ""

    def _add_sometimes(self, config: DictConfig, values: Mapping[str, Any]) -> None:
        for path, value in self.constants_with(values).items():
            if path not in self.dependencies:
                assign(config, parse_path(path), value)
            for target, dependency in self.dependencies.items():
                if target != path and is_below(target, path):
                    assign(config, parse_path(target), dependency.expression)
