"""From arguments to ready configs: one prepared config for each combination of config groups."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import optuna
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from omegaconf import OmegaConf
from optuna.distributions import check_distribution_compatibility

from qgtune.errors import QGTuneError
from qgtune.processes.travel import loads
from qgtune.space.conditions import in_words
from qgtune.space.editing import plain
from qgtune.space.paths import MISSING, adding, dead_end, is_below, leaves_of, parse_path, select
from qgtune.space.points import all_points, n_points, widened
from qgtune.space.reading.official import is_official, read_official
from qgtune.space.wording import words
from qgtune.study.algorithms.drawing import drawn
from qgtune.sweep.compose.arguments import Arguments, option_text, parse_arguments
from qgtune.sweep.compose.combination import Combination, combine
from qgtune.sweep.compose.custom import CustomSpace
from qgtune.sweep.compose.given import read_given
from qgtune.sweep.compose.masking import masked
from qgtune.sweep.compose.options import each_shape_once
from qgtune.sweep.compose.trial_config import TrialConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from hydra.core.config_loader import ConfigLoader
    from omegaconf import DictConfig

    from qgtune.space.model import Hyperparameter
    from qgtune.sweep.settings import Settings

log = logging.getLogger("qgtune")
Draw = TrialConfig | tuple[Combination, dict[str, Any]]
"""What a trial was asked for: its config, or, as long as nobody needs that, the values that go into it."""

SAY_EACH_S = 2.0
FEW_POINTS = 2000


@dataclass(slots=True)
class Composition:
    """Everything that a trial's values and config come from.

    A combination of config groups is composed when it is first needed, once a process.

    Attributes:
        config_loader: Hydra's.
        master: the config that Hydra composed for the sweep, with its `hydra` node.
        texts: the overrides of the command line.
        arguments: what they and the base settings ask for.
        settings: the sweeper's settings.
        custom: asks a trial for more values; None for no more.
        combinations: those that were composed so far, by the chosen option of each group, in order.
    """

    config_loader: ConfigLoader
    master: DictConfig
    texts: tuple[str, ...]
    arguments: Arguments
    settings: Settings
    custom: CustomSpace | None = None
    combinations: dict[tuple[str, ...], Combination] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[Hyperparameter, ...]:
        """The choices between config groups."""
        return self.arguments.groups

    @property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """All hyperparameters by path: the config groups first, then those of every combination so far."""
        found = {group.path: group for group in self.groups}
        for combination in self.combinations.values():
            found.update(combination.space.hyperparameters)
        return found

    @property
    def warnings(self) -> list[str]:
        """What to warn of, once each."""
        return list(dict.fromkeys(text for found in self.combinations.values() for text in found.warnings))

    def sample(self, trial: Any) -> TrialConfig:
        """Ask a trial for its values and put them into its config.

        Args:
            trial: an `optuna.Trial`.

        Raises:
            QGTuneError: when the chosen config groups do not go together, or `custom_search_space` suggests a path
                that the config does not have.
        """
        draw = self._drawing
        found = drawn(trial, draw, self._broken) if self.settings.where else draw(trial)
        return found if isinstance(found, TrialConfig) else found[0].place(found[1])

    @property
    def _drawing(self) -> Callable[[Any], Draw]:
        """What asks a trial for all of its values."""
        return self._draw if self.custom is None else self._draw_all

    def _broken(self, found: Draw) -> str:
        """Name a constraint that a draw violates; the empty text for none."""
        return self.settings.where.broken(
            found.task if isinstance(found, TrialConfig) else found[0].task_with(found[1])
        )

    def _draw(self, trial: Any) -> tuple[Combination, dict[str, Any]]:
        combination = self.combination(tuple(group.suggest(trial) for group in self.groups))
        return combination, combination.space.suggest(trial)

    def _draw_all(self, trial: Any) -> TrialConfig:
        """Draw with what `custom_search_space` suggests, which asks for the config."""
        combination, values = self._draw(trial)
        placed = combination.place(values)
        if self.custom is not None:
            known = frozenset((*placed.values, *(group.path for group in self.groups)))
            placed.put_more(self.custom.suggest(placed.whole, trial, known))
        return placed

    def violations(self, point: Mapping[str, Any] | None = None) -> Iterator[str]:
        """Draw at random, for ever; yield a constraint that each draw violates, or the empty text.

        Args:
            point: values that each draw has, as the study stores them.
        """
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        draw = self._drawing
        while True:
            study.enqueue_trial(dict(point or {}))
            yield self._broken(draw(study.ask()))

    def combination(self, options: tuple[Any, ...]) -> Combination:
        """Return the combination of these options, composed at the first call.

        Raises:
            QGTuneError: with all problems of its space, dependencies and values.
        """
        key = tuple(map(str, options))
        if key not in self.combinations:
            self.combinations[key] = self._compose(options)
        return self.combinations[key]

    def _compose(self, options: tuple[Any, ...]) -> Combination:
        Plugins.instance()  # in a worker, its scan fills the store that Hydra's own groups come from
        chosen = list(map(option_text, self.groups, options))
        overrides = [*self.arguments.fixed, *chosen]
        try:
            base = masked(self.config_loader.load_sweep_config(self.master, overrides))
            _refuse_own_keys(self.master, base, chosen)
            space, arguments = read_given(base, "search_space"), self._arguments_with(base)
            if is_official(space.data):
                arguments = _with_official(arguments, read_official(space.data, space.source))
                space = replace(space, data=None)
            if self.groups:
                arguments = _only_those_of(arguments, plain(base))
            return combine(base, space, read_given(base, "dependencies"), arguments, self.settings, overrides)
        except QGTuneError as error:
            raise QGTuneError(*(_with_options(problem, chosen) for problem in error.problems)) from None
        except HydraException as error:
            raise QGTuneError(f"Cannot compose the config for {' '.join(overrides)!r}: {_one_line(error)}") from None

    def _arguments_with(self, base: DictConfig) -> Arguments:
        """Return the arguments with the ranges that the chosen options bring along."""
        params, theirs = self.settings.params, base.hydra.sweeper.params
        brought = {} if theirs is None else OmegaConf.to_container(theirs, resolve=True)
        if not self.groups or brought == params or not isinstance(brought, dict):
            return self.arguments
        params = {str(key): value for key, value in brought.items()}
        found = parse_arguments(self.texts, params, self.config_loader, plain(base))
        return replace(found, groups=self.arguments.groups)

    def check(self) -> None:
        """Compose each option of each group beside the base options of the others, those that are alike once.

        Raises:
            QGTuneError: with all problems.
        """
        problems: dict[str, None] = {}
        wanted = list(each_shape_once(self.groups, self.base_options(), self.config_loader, self.master))
        said_s = time.monotonic()
        for number, options in enumerate(wanted):
            try:
                self.combination(options)
            except QGTuneError as error:
                problems.update(dict.fromkeys(error.problems))
            if (now_s := time.monotonic()) - said_s > SAY_EACH_S:
                log.info("Composed %d of %d options of config groups ", number + 1, len(wanted))
                said_s = now_s
        if not problems:
            problems = dict.fromkeys((*self._clashes(), *self._nowhere()))
        if problems:
            raise QGTuneError(*problems)
        if self.custom is None:
            self.settings.where.check(lambda parts: any(found.may_have(parts) for found in self.combinations.values()))

    def _clashes(self) -> Iterator[str]:
        """Name each hyperparameter that two options give ranges which one study cannot hold."""
        known: dict[str, tuple[Hyperparameter, str]] = {}
        for options, combination in self.combinations.items():
            where = ", ".join(f"{group.path}={option}" for group, option in zip(self.groups, options, strict=True))
            for item in combination.space.items:
                path = item.path
                here = " and ".join(filter(None, (where, in_words(item.when)))) or item.source
                first, there = known.setdefault(path, (item, here))
                try:
                    check_distribution_compatibility(first.distribution, item.distribution)
                except ValueError:
                    yield (
                        f"Cannot tune {path}: with {there} it is {words(first.distribution)}, with {here} it is "
                        f"{words(item.distribution)}. A study holds one list of choices for a name. Give both the "
                        "same, or ranges."
                    )

    def _nowhere(self) -> Iterator[str]:
        """Name each range of the command line that no option of a swept group has a place for."""
        for item in self.arguments.hyperparameters if self.groups else ():
            if all(item.path not in found.space.hyperparameters for found in self.combinations.values()):
                base, parts = plain(self.master), parse_path(item.path)
                yield (
                    f"Cannot use {item.path} of {item.source}: no option of {', '.join(g.path for g in self.groups)} "
                    f"has such a path. {dead_end(base, parts) or adding(base, parts).lstrip()}"
                )

    def base_options(self) -> tuple[Any, ...]:
        """Return the options of the base settings; where they choose none of the group's, its first."""
        chosen = self.master.hydra.runtime.choices
        return tuple(
            there if (there := chosen.get(group.path)) in group.choices else group.choices[0] for group in self.groups
        )

    def fixed_values(self) -> dict[str, Any]:
        """Return what is not sampled, by path: the rest of the base settings, interpolations as they are written."""
        combination = self.combination(self.base_options())
        sampled = self.hyperparameters
        leaves = dict(leaves_of(plain(loads(combination.task_pickle))))
        return {path: value for path, value in leaves.items() if not any(is_below(path, name) for name in sampled)}

    def n_points(self) -> int | None:
        """Return how many points there are; None when a range is continuous. Constraints count where they are few."""
        combinations = [self.combination(options) for options in product(*(g.choices for g in self.groups))]
        counts = [n_points(combination.space) for combination in combinations]
        total = None if None in counts else sum(count or 0 for count in counts)
        where = self.settings.where
        if not where or total is None or total > FEW_POINTS:
            return total
        return sum(not where.broken(c.task_with(values)) for c in combinations for values in all_points(c.space))

    @property
    def is_conditional(self) -> bool:
        """Whether a hyperparameter of an option's space is not asked for in every trial."""
        return any(combination.space.is_conditional for combination in self.combinations.values())

    def missing_in(self, point: Mapping[str, Any]) -> list[str]:
        """Return the live hyperparameters that a point of the base options lacks."""
        space = self.combination(self.base_options()).space
        values = {
            path: space.hyperparameters[path].decode(stored)
            for path, stored in point.items()
            if path in space.hyperparameters
        }
        return [path for path in space.hyperparameters if path not in point and space.live(path, values) is not None]

    def base_values(self) -> dict[str, Any]:
        """Return what the base settings have for whatever is tuned beside them, as config values by path.

        Whether or not the space holds them; empty where they choose no option of a swept config group.
        """
        choices = self.master.hydra.runtime.choices
        options = tuple(choices.get(group.path) for group in self.groups)
        if None in options:
            return {}
        known = self.combinations.get(tuple(map(str, options)))
        try:
            found = known or self._compose(options)  # not kept: the sweep need not have this option
        except QGTuneError:
            return {}
        return {
            **{group.path: option for group, option in zip(self.groups, options, strict=True)},
            **found.base_values(),
        }

    def base_point(self) -> tuple[dict[str, Any], list[str]]:
        """Return the base settings as a point, as the study stores it, and what lies outside of the space."""
        choices = self.master.hydra.runtime.choices
        chosen = {group.path: choices.get(group.path) for group in self.groups}
        outside = [
            f"{group.path}={chosen[group.path]} is not {words(group.distribution)}"
            for group in self.groups
            if chosen[group.path] not in group.choices
        ]
        if outside:
            return {}, outside
        point, outside = self.combination(tuple(chosen.values())).base_point()
        return {**chosen, **point}, outside


def compose(config_loader: ConfigLoader, master: DictConfig, texts: Sequence[str], settings: Settings) -> Composition:
    """Compose and check what a sweep's trials are made of.

    Args:
        config_loader: Hydra's.
        master: the config that Hydra composed for the sweep, with its `hydra` node.
        texts: the overrides of the command line that are not Hydra's own.
        settings: the sweeper's settings.

    Raises:
        QGTuneError: with all problems of space, dependencies and values.
    """
    arguments = parse_arguments(texts, settings.params, config_loader, plain(master))
    if settings.points:
        arguments = replace(arguments, groups=tuple(_widened(group, settings.enqueue) for group in arguments.groups))
    name = settings.custom_search_space
    custom = CustomSpace(name, arguments.fixed_texts) if name else None
    composition = Composition(config_loader, master, tuple(texts), arguments, settings, custom)
    composition.check()
    return composition


def _widened(group: Hyperparameter, points: Sequence[Any]) -> Hyperparameter:
    return widened(group, [point[group.path] for point in points if isinstance(point, dict) and group.path in point])


def _with_options(problem: str, chosen: Sequence[str]) -> str:
    """Name the options with which something does not go together."""
    return f"With {', '.join(chosen)}: {problem}" if chosen else problem


def _only_those_of(arguments: Arguments, base: Any) -> Arguments:
    """Return the arguments without the ranges of paths that only other options have."""
    return replace(
        arguments, hyperparameters=tuple(h for h in arguments.hyperparameters if h.add or _has(base, h.path))
    )


def _has(base: Any, path: str) -> bool:
    parts = parse_path(path)
    on_the_way = (select(base, parts[:depth]) for depth in range(1, len(parts)))
    return select(base, parts) is not MISSING or any(isinstance(node, str) and "${" in node for node in on_the_way)


def _refuse_own_keys(master: DictConfig, base: DictConfig, chosen: Sequence[str]) -> None:
    """Refuse options that change how the sweep itself runs: it runs already.

    Raises:
        QGTuneError: for each group of Hydra's that an option of the app's chooses otherwise.
    """
    before, now = master.hydra.runtime.choices, base.hydra.runtime.choices
    changed = [key for key in ("hydra/launcher", "hydra/sweeper") if chosen and before.get(key) != now.get(key)]
    if changed:
        raise QGTuneError(
            *(
                f"Cannot choose {key}={now[key]} in a trial: the sweep runs already. Give it for the sweep."
                for key in changed
            )
        )


def _with_official(arguments: Arguments, found: Sequence[Hyperparameter]) -> Arguments:
    """Add hyperparameters that the command line neither fixed nor gave a range."""
    given = {*arguments.fixed_paths, *(hyperparameter.path for hyperparameter in arguments.hyperparameters)}
    more = tuple(hyperparameter for hyperparameter in found if hyperparameter.path not in given)
    return replace(arguments, hyperparameters=(*more, *arguments.hyperparameters))


def _one_line(error: BaseException) -> str:
    texts = [" ".join(str(text).split()) for text in (error, error.__cause__) if text is not None and str(text)]
    return " ".join(texts)
