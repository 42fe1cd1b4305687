"""What a search space is, once it is read and checked."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf, flag_override
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from qgtune.errors import Located, QGTuneError
from qgtune.space.counting import in_decimals
from qgtune.space.paths import Part, Parts, format_path, parse_path

_JSON = ("[", "{", '"')


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
    """

    path: str
    distribution: BaseDistribution
    source: str
    choices: tuple[Any, ...] = ()
    add: bool = False
    replaces: bool = False

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
        return copy.deepcopy(self.choices[_index(self.distribution, stored)])

    def encode(self, value: Any) -> Any:
        """Turn a config value into a value of the study.

        Raises:
            ValueError: when the space does not hold the value.
        """
        if isinstance(self.distribution, CategoricalDistribution):
            return self.distribution.choices[_index(self.distribution, to_stored(value))]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise ValueError(f"{value!r} is no number")
        number: int | float = int(value) if isinstance(self.distribution, IntDistribution) else float(value)
        if number != value or not _is_in_range(self.distribution, number):
            raise ValueError(f"{value!r} is not in {self.distribution}")
        return number

    def extremes(self) -> tuple[Any, ...]:
        """Return the values that a config has to accept: every choice, or both ends of the range."""
        if isinstance(self.distribution, (IntDistribution, FloatDistribution)):
            return (self.distribution.low, self.distribution.high)
        return self.choices


def _is_in_range(distribution: Any, number: float) -> bool:
    steps = 0.0 if distribution.step is None else (number - distribution.low) / distribution.step
    return bool(distribution.low <= number <= distribution.high and abs(steps - round(steps)) < 1e-8)  # noqa: PLR2004 - Optuna's tolerance


def _index(distribution: CategoricalDistribution, stored: Any) -> int:
    for index, choice in enumerate(distribution.choices):
        if choice == stored and isinstance(choice, bool) == isinstance(stored, bool):  # 0 is 0.0, true is not 1
            return index
    raise ValueError(f"{stored!r} is none of {', '.join(map(repr, distribution.choices))}")


def to_stored(value: Any) -> Any:
    """Return a choice as Optuna stores it, so that `from_stored` gives it back whoever reads the study.

    A list or a mapping is compact JSON text, a text that looks like one is quoted as JSON quotes it; an Enum member is
    its name, a `Path` its text.

    Raises:
        ValueError: for NaN, which is no choice since it equals nothing.
        TypeError: for what cannot be written down.
    """
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, PurePath):
        return str(value)
    if _holds_nan(value):
        raise ValueError("NaN equals nothing, not even itself. Take null or .inf")
    if value == "???":
        raise ValueError("'???' is how configs mark a missing value. Take null or another text")
    if isinstance(value, (Mapping, list, tuple)) or (isinstance(value, str) and value[:1] in _JSON):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise TypeError(f"a {type(value).__name__} cannot be stored")
    return value


def _holds_nan(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_nan, value.values()))
    return any(map(_holds_nan, value)) if isinstance(value, (list, tuple)) else value != value  # noqa: PLR0124


def from_stored(stored: Any, distribution: BaseDistribution) -> Any:
    """Return a study's value as a value of the config, without knowing the space that it was sampled from."""
    if isinstance(stored, float):
        return in_decimals(stored, distribution)
    if not isinstance(distribution, CategoricalDistribution) or not isinstance(stored, str) or stored[:1] not in _JSON:
        return stored
    try:
        value = json.loads(stored)
    except ValueError:
        return stored
    # A text of somebody else's is no choice of ours, unless it is written as ours are.
    written = (json.dumps(value, separators=(",", ":"), ensure_ascii=is_ascii) for is_ascii in (False, True))
    return value if stored in written else stored


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
        twice = next(choice for index, choice in enumerate(stored) if choice in stored[:index])
        raise _unusable(path, source, f"the choice {twice!r} stands there twice. Drop one")
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
        hyperparameters: by path, in the order in which they were written.
        constants: values that replace those of the base, by path.
        dependencies: by target.
        notices: what to warn of, once.
    """

    hyperparameters: Mapping[str, Hyperparameter]
    constants: Mapping[str, Any] = field(default_factory=dict)
    dependencies: Mapping[str, Dependency] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    def prepare(self, config: DictConfig) -> DictConfig:
        """Return a copy of a composed config with the constants and the dependencies in place."""
        prepared = copy.deepcopy(config)
        for path, value in self.constants.items():
            assign(prepared, parse_path(path), value)
        for target, dependency in self.dependencies.items():
            assign(prepared, parse_path(target), dependency.expression)
        return prepared

    def inject(self, config: DictConfig, values: Mapping[str, Any]) -> None:
        """Set values by path, in place, in a prepared config."""
        with opened(config, values):
            for path, value in values.items():
                parts = parse_path(path)
                parent = _parent(config, parts)
                replaces = path in self.hyperparameters and self.hyperparameters[path].replaces
                merges = isinstance(value, dict) and not replaces
                _put(parent, parts[-1], _merged(parent, parts[-1], value) if merges else value)

    def suggest(self, trial: Any) -> dict[str, Any]:
        """Ask a trial for the value of every hyperparameter; return config values by path."""
        return {path: hyperparameter.suggest(trial) for path, hyperparameter in self.hyperparameters.items()}


@contextmanager
def opened(config: DictConfig, paths: Iterable[str]) -> Iterator[None]:
    """Let the nodes above some paths take values inside: opening a node once for each value costs as much as it has."""
    with ExitStack() as stack:
        for above in dict.fromkeys(parse_path(path)[:-1] for path in paths):
            stack.enter_context(_open(_parent(config, (*above, ""))))
        yield


def _open(node: Any) -> Any:
    # On the node itself: a structured node minds only its own flags.
    return flag_override(node, ["struct", "readonly"], [False, False])


def assign(config: DictConfig, parts: Parts, value: Any) -> None:
    """Set one value in a config, making the mappings above it where they are missing.

    Raises:
        omegaconf.errors.OmegaConfBaseException: when the node does not take the value.
    """
    _put(_parent(config, parts), parts[-1], value)


def _parent(config: DictConfig, parts: Parts) -> Any:
    node: Any = config
    for part in parts[:-1]:
        key = _key(node, part)
        if isinstance(node, DictConfig) and (key not in node or _is_null(node, key)):
            _put(node, part, {})
        node = node[key]
    if not OmegaConf.is_config(node):
        raise TypeError(f"{format_path(parts[:-1])} is a value, with nothing below it")
    return node


def _is_null(node: DictConfig, key: Any) -> bool:
    return not OmegaConf.is_missing(node, key) and not OmegaConf.is_interpolation(node, key) and node[key] is None


def _put(node: Any, part: Part, value: Any) -> None:
    with _open(node) if OmegaConf.is_struct(node) or OmegaConf.is_readonly(node) else nullcontext():
        node[_key(node, part)] = value


def _merged(parent: Any, part: Part, value: dict[Any, Any]) -> Any:
    """Return a mapping merged into what is there, as Hydra merges an override."""
    key = _key(parent, part)
    there = parent[key] if isinstance(parent, ListConfig) else parent.get(key)
    if not isinstance(there, DictConfig):
        return value
    copied = copy.deepcopy(there)
    with _open(copied):
        copied.merge_with(value)
    return copied


def _key(node: DictConfig | ListConfig, part: Part) -> Any:
    if isinstance(node, ListConfig) or part in node:
        return part
    return str(part)


def plain(config: Any) -> Any:
    """Return a config as plain data, interpolations as text."""
    return OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config
