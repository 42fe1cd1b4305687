"""From arguments to ready configs: one prepared config for each combination of config groups."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict
from optuna.distributions import check_distribution_compatibility

from qgtune.errors import QGTuneError
from qgtune.processes.travel import dumps, loads
from qgtune.space.lint import lint
from qgtune.space.model import plain
from qgtune.space.paths import MISSING, is_below, leaves_of, parse_path, select
from qgtune.space.points import base_point, value_at
from qgtune.space.reading.build import build_space, check_space
from qgtune.space.reading.official import is_official, read_official
from qgtune.space.wording import words
from qgtune.sweep.compose.arguments import COMMAND_LINE, Arguments, option_text, override_text, parse_arguments
from qgtune.sweep.compose.custom import CustomSpace
from qgtune.sweep.compose.trial_config import TrialConfig
from qgtune.sweep.masking import masked
from qgtune.sweep.settings import Given, Settings, read_given

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hydra.core.config_loader import ConfigLoader
    from omegaconf import DictConfig

    from qgtune.space.model import Hyperparameter, SearchSpace

log = logging.getLogger("qgtune")

SAY_EACH_S = 2.0


@dataclass(frozen=True, slots=True)
class Combination:
    """A composed config that is ready for samples.

    Attributes:
        space: the hyperparameters, constants and dependencies over this config.
        config_pickle: the prepared config with its `hydra` node. A pickle, since loading one is several times
            faster than copying a `DictConfig`.
        task_pickle: the same without the `hydra` node.
        overrides: the overrides behind it: what the command line fixed, and the chosen config groups.
        constants: the space's constants that differ from the base: an override and the value, by path.
        warnings: what to warn of, once.
    """

    space: SearchSpace
    config_pickle: bytes
    task_pickle: bytes
    overrides: tuple[str, ...]
    constants: Mapping[str, tuple[str, Any]]
    warnings: tuple[str, ...] = ()

    def place(self, values: Mapping[str, Any]) -> TrialConfig:
        """Return fresh configs with `values` of the space in place."""
        whole: DictConfig = loads(self.config_pickle)
        task: DictConfig = loads(self.task_pickle)
        placed = TrialConfig(self.space, self.overrides, self.constants, whole, task)
        placed.put(values)
        return placed

    def base_value(self, path: str) -> Any:
        """Return the base settings' value at a path, resolved; the empty text where there is none."""
        try:
            return value_at(loads(self.task_pickle), path)
        except LookupError:
            return ""

    def base_point(self) -> tuple[dict[str, Any], list[str]]:
        """Return the base settings as a point of the space, as the study stores it, and what lies outside of it."""
        return base_point(self.space.hyperparameters, loads(self.task_pickle))


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
        combination = self.combination(tuple(group.suggest(trial) for group in self.groups))
        placed = combination.place(combination.space.suggest(trial))
        if self.custom is not None:
            known = frozenset((*placed.values, *(group.path for group in self.groups)))
            placed.put_more(self.custom.suggest(placed.whole, trial, known))
        return placed

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
            return _combination(base, space, read_given(base, "dependencies"), arguments, self.settings, overrides)
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
        """Compose each option of each group beside the first options of the others.

        Raises:
            QGTuneError: with all problems.
        """
        problems: dict[str, None] = {}
        wanted = list(
            {str(options): options for options in _each_option_once(self.groups, self._base_options())}.values()
        )
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
            problems = dict.fromkeys(self._clashes())
        if problems:
            raise QGTuneError(*problems)

    def _clashes(self) -> Iterator[str]:
        """Name each hyperparameter that two options give ranges which one study cannot hold."""
        known: dict[str, tuple[Hyperparameter, str]] = {}
        for options, combination in self.combinations.items():
            where = ", ".join(f"{group.path}={option}" for group, option in zip(self.groups, options, strict=True))
            for path, item in combination.space.hyperparameters.items():
                first, there = known.setdefault(path, (item, where))
                try:
                    check_distribution_compatibility(first.distribution, item.distribution)
                except ValueError:
                    yield (
                        f"Cannot tune {path}: with {there} it is {words(first.distribution)}, with {where} it is "
                        f"{words(item.distribution)}. A study holds one list of choices for a name. Give both the "
                        "same, or ranges."
                    )

    def _base_options(self) -> tuple[Any, ...]:
        """Return the options of the base settings; where they choose none of the group's, its first."""
        chosen = self.master.hydra.runtime.choices
        return tuple(
            there if (there := chosen.get(group.path)) in group.choices else group.choices[0] for group in self.groups
        )

    def fixed_values(self) -> dict[str, Any]:
        """Return what is not sampled, by path: the rest of the base settings, interpolations as they are written."""
        combination = self.combination(self._base_options())
        sampled = {*self.hyperparameters, *(group.path for group in self.groups)}
        leaves = dict(leaves_of(plain(loads(combination.task_pickle))))
        return {path: value for path, value in leaves.items() if not any(is_below(path, name) for name in sampled)}

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
    name = settings.custom_search_space
    custom = CustomSpace(name, arguments.fixed_texts) if name else None
    composition = Composition(config_loader, master, tuple(texts), arguments, settings, custom)
    composition.check()
    return composition


def _each_option_once(groups: Sequence[Hyperparameter], base: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield base
    for place, group in enumerate(groups):
        for option in group.choices:
            yield (*base[:place], option, *base[place + 1 :])


def _with_options(problem: str, chosen: Sequence[str]) -> str:
    """Name the options with which something does not go together."""
    if not chosen:
        return problem
    missing, lacks, _hint = problem.partition("the base settings have no such path.")
    if lacks and COMMAND_LINE in missing:  # adding the path would hand it to options that know nothing of it
        problem = (
            f"{missing}{lacks} Give the range in the files of the options that have it, below hydra.sweeper.params."
        )
    return f"With {', '.join(chosen)}: {problem}"


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


def _combination(
    base: DictConfig,
    given_space: Given,
    dependencies: Given,
    arguments: Arguments,
    settings: Settings,
    overrides: Sequence[str],
) -> Combination:
    task = _without_hydra(base)
    space = build_space(
        given_space.data,
        plain(task),
        dependencies.data,
        tune=settings.tune,
        tune_model=settings.tune_model,
        tune_training=settings.tune_training,
        fixed=arguments.fixed_paths,
        extra=arguments.hyperparameters,
        space_source=given_space.source,
        dependencies_source=dependencies.source,
    )
    check_space(space, task)
    return Combination(
        space,
        dumps(space.prepare(base)),
        dumps(space.prepare(task)),
        (*overrides, *_leaving_multirun(base)),
        dict(_constant_overrides(space, task)),
        (*space.notices, *lint(space, task)),
    )


def _leaving_multirun(base: DictConfig) -> tuple[str, ...]:
    """Return what makes a run of one job of overrides whose config, rather than the command line, asks for a sweep."""
    asked = any(str(text).startswith("hydra.mode=") for text in plain(base.hydra.overrides.hydra))
    return () if asked or base.hydra.mode != RunMode.MULTIRUN else ("hydra.mode=RUN",)


def _without_hydra(config: DictConfig) -> DictConfig:
    task = config.copy()
    OmegaConf.copy_cache(from_config=config, to_config=task)
    with open_dict(task):
        del task["hydra"]
    return task


def _constant_overrides(space: SearchSpace, base: DictConfig) -> Iterator[tuple[str, tuple[str, Any]]]:
    there_all = plain(base)
    for path, value in space.constants.items():
        there = select(there_all, parse_path(path))
        if there is MISSING or there != value or type(there) is not type(value):
            yield path, (override_text(path, value, add=there is MISSING), value)


def _one_line(error: BaseException) -> str:
    texts = [" ".join(str(text).split()) for text in (error, error.__cause__) if text is not None and str(text)]
    return " ".join(texts)
