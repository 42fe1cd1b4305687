"""From arguments to ready configs: one prepared config for each combination of config groups."""

from __future__ import annotations

import contextlib
import itertools
import pickle
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from qgtune.errors import QGTuneError
from qgtune.space.lint import lint
from qgtune.space.paths import MISSING, parse_path, select
from qgtune.space.points import base_point, value_at
from qgtune.space.reading.build import build_space, check_space
from qgtune.space.reading.official import is_official, read_official
from qgtune.space.wording import words
from qgtune.sweep.compose.arguments import Arguments, override_text
from qgtune.sweep.compose.custom import CustomSpace
from qgtune.sweep.compose.trial_config import Draw
from qgtune.sweep.masking import masked
from qgtune.sweep.settings import Given, Settings, read_given

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hydra.core.config_loader import ConfigLoader

    from qgtune.space.model import Hyperparameter, SearchSpace

_PLAIN_KEY = re.compile(r"[A-Za-z_][\w/-]*(\.[\w-]+)*")


@dataclass(frozen=True, slots=True)
class Combination:
    """A composed config that is ready for samples.

    Attributes:
        space: the hyperparameters, constants and dependencies over this config.
        config_pickle: the prepared config with its `hydra` node. A pickle, since loading one is several times
            faster than copying a `DictConfig`.
        task_pickle: the same without the `hydra` node.
        overrides: the overrides behind it: what the command line fixed, and the chosen config groups.
        constants: overrides for the space's constants that differ from the base.
        warnings: what to warn of, once.
    """

    space: SearchSpace
    config_pickle: bytes
    task_pickle: bytes
    overrides: tuple[str, ...]
    constants: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def place(self, values: Mapping[str, Any]) -> Draw:
        """Return fresh configs with `values` of the space in place."""
        whole: DictConfig = pickle.loads(self.config_pickle)
        task: DictConfig = pickle.loads(self.task_pickle)
        draw = Draw(self.space, self.overrides, self.constants, whole, task)
        draw.put(values)
        return draw

    def base_value(self, path: str) -> Any:
        """Return the base settings' value at a path, resolved; the empty text where there is none."""
        try:
            return value_at(pickle.loads(self.task_pickle), path)
        except LookupError:
            return ""

    def base_point(self) -> tuple[dict[str, Any], list[str]]:
        """Return the base settings as a point of the space, as the study stores it, and what lies outside of it."""
        return base_point(self.space.hyperparameters, pickle.loads(self.task_pickle))


@dataclass(frozen=True, slots=True)
class Composition:
    """Everything that a trial's values and config come from.

    Attributes:
        groups: the choices between config groups.
        combinations: by the chosen option of each group, in order.
        custom: asks a trial for more values; None for no more.
        choices: the option of each config group in the base settings.
    """

    groups: tuple[Hyperparameter, ...]
    combinations: Mapping[tuple[str, ...], Combination]
    custom: CustomSpace | None = None
    choices: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """All hyperparameters by path: the config groups first, then those of every combination."""
        found = {group.path: group for group in self.groups}
        for combination in self.combinations.values():
            found.update(combination.space.hyperparameters)
        return found

    @property
    def warnings(self) -> list[str]:
        """What to warn of, once each."""
        return list(dict.fromkeys(text for found in self.combinations.values() for text in found.warnings))

    def draw(self, trial: Any) -> Draw:
        """Ask a trial for its values and put them into its config.

        Args:
            trial: an `optuna.Trial`.

        Raises:
            QGTuneError: when `custom_search_space` suggests a path that the config does not have.
        """
        combination = self.combinations[tuple(group.suggest(trial) for group in self.groups)]
        draw = combination.place(combination.space.suggest(trial))
        if self.custom is not None:
            known = frozenset((*draw.values, *(group.path for group in self.groups)))
            draw.put_more(self.custom.suggest(draw.whole, trial, known))
        return draw

    def replay(self, values: Mapping[str, Any]) -> Draw:
        """Put a finished trial's values into its config.

        Args:
            values: config values by path. A path that neither the space nor the config has any more is left out.
        """
        options = tuple(values.get(group.path, group.choices[0]) for group in self.groups)
        combination = self.combinations[options]
        known = {path: values[path] for path in combination.space.hyperparameters if path in values}
        draw = combination.place(known)
        there = {*known, *(group.path for group in self.groups)}
        for path in values.keys() - there:
            with contextlib.suppress(QGTuneError):
                draw.put_more({path: values[path]})
        return draw

    def base_point(self) -> tuple[dict[str, Any], list[str]]:
        """Return the base settings as a point, as the study stores it, and what lies outside of the space."""
        chosen = {group.path: self.choices.get(group.path) for group in self.groups}
        outside = [
            f"{group.path}={chosen[group.path]} is not {words(group.distribution)}"
            for group in self.groups
            if chosen[group.path] not in group.choices
        ]
        if outside:
            return {}, outside
        point, outside = self.combinations[tuple(str(option) for option in chosen.values())].base_point()
        return {**chosen, **point}, outside


def compose(config_loader: ConfigLoader, master: DictConfig, arguments: Arguments, settings: Settings) -> Composition:
    """Compose and check every combination of config groups.

    Args:
        config_loader: Hydra's.
        master: the config that Hydra composed for the sweep, with its `hydra` node.
        arguments: what the command line asks for.
        settings: the sweeper's settings.

    Raises:
        QGTuneError: with all problems of space, dependencies and values.
    """
    space = read_given(master, "search_space")
    if is_official(space.data):
        arguments = _with_official(arguments, read_official(space.data, space.source))
        space = replace(space, data=None)
    dependencies = read_given(master, "dependencies")
    combinations: dict[tuple[str, ...], Combination] = {}
    problems: dict[str, None] = {}
    for options in itertools.product(*(group.choices for group in arguments.groups)):
        overrides = [*arguments.fixed, *_chosen(arguments.groups, options)]
        try:
            base = masked(config_loader.load_sweep_config(master, overrides))
            combinations[options] = _combination(base, space, dependencies, arguments, settings, overrides)
        except QGTuneError as error:
            problems.update(dict.fromkeys(error.problems))
        except HydraException as error:
            problems[f"Cannot compose the config for {' '.join(overrides)!r}: {_one_line(error)}"] = None
    if problems:
        raise QGTuneError(*problems)
    custom = settings.custom_search_space
    return Composition(
        arguments.groups,
        combinations,
        CustomSpace(custom, arguments.fixed_texts) if custom else None,
        {group.path: master.hydra.runtime.choices.get(group.path) for group in arguments.groups},
    )


def _with_official(arguments: Arguments, found: Sequence[Hyperparameter]) -> Arguments:
    """Add hyperparameters that the command line neither fixed nor gave a range."""
    given = {*arguments.fixed_paths, *(hyperparameter.path for hyperparameter in arguments.hyperparameters)}
    more = tuple(hyperparameter for hyperparameter in found if hyperparameter.path not in given)
    return replace(arguments, hyperparameters=(*more, *arguments.hyperparameters))


def _chosen(groups: Sequence[Hyperparameter], options: Sequence[str]) -> Iterator[str]:
    for group, option in zip(groups, options, strict=True):
        yield f"{'+' if group.add else ''}{group.path}={option}"


def _combination(
    base: DictConfig,
    given_space: Given,
    dependencies: Given,
    arguments: Arguments,
    settings: Settings,
    overrides: Sequence[str],
) -> Combination:
    task = _without_hydra(base)
    plain = OmegaConf.to_container(task, resolve=False)
    space = build_space(
        given_space.data,
        plain,
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
        pickle.dumps(space.prepare(base)),
        pickle.dumps(space.prepare(task)),
        tuple(overrides),
        tuple(_constant_overrides(space, task)),
        (*space.notices, *lint(space, task)),
    )


def _without_hydra(config: DictConfig) -> DictConfig:
    task = config.copy()
    OmegaConf.copy_cache(from_config=config, to_config=task)
    with open_dict(task):
        del task["hydra"]
    return task


def _constant_overrides(space: SearchSpace, base: DictConfig) -> Iterator[str]:
    plain = OmegaConf.to_container(base, resolve=False)
    for path, value in space.constants.items():
        there = select(plain, parse_path(path))
        if there is MISSING:
            yield override_text(path, value, add=True)
        elif there != value or type(there) is not type(value):
            yield override_text(path, value)


def replayable(overrides: Sequence[str]) -> list[str]:
    """Return those of the overrides whose keys Hydra's grammar can spell."""
    return [text for text in overrides if _PLAIN_KEY.fullmatch(text.lstrip("+~").split("=", 1)[0].split("@", 1)[0])]


def _one_line(error: BaseException) -> str:
    texts = [" ".join(str(text).split()) for text in (error, error.__cause__) if text is not None and str(text)]
    return " ".join(texts)
