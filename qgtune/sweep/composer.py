"""From arguments to ready configs: one prepared config for each combination of config groups."""

from __future__ import annotations

import itertools
import pickle
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from qgtune.errors import QGTuneError
from qgtune.space.build import build_space, check_space
from qgtune.space.paths import MISSING, parse_path, select
from qgtune.sweep.arguments import Arguments, override_text
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
    """

    space: SearchSpace
    config_pickle: bytes
    task_pickle: bytes
    overrides: tuple[str, ...]
    constants: tuple[str, ...]

    def load(self, values: Mapping[str, Any]) -> tuple[DictConfig, DictConfig]:
        """Return a fresh whole config and a fresh task config (without `hydra`) with `values` in place."""
        whole: DictConfig = pickle.loads(self.config_pickle)
        task: DictConfig = pickle.loads(self.task_pickle)
        self.space.inject(whole, values)
        self.space.inject(task, values)
        return whole, task


@dataclass(frozen=True, slots=True)
class Composition:
    """Everything that a trial's values and config come from.

    Attributes:
        groups: the choices between config groups.
        combinations: by the chosen option of each group, in order.
    """

    groups: tuple[Hyperparameter, ...]
    combinations: Mapping[tuple[str, ...], Combination]

    @property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """All hyperparameters by path: the config groups first, then those of every combination."""
        found = {group.path: group for group in self.groups}
        for combination in self.combinations.values():
            found.update(combination.space.hyperparameters)
        return found

    def suggest(self, trial: Any) -> tuple[Combination, dict[str, Any]]:
        """Ask a trial for its values.

        Args:
            trial: an `optuna.Trial` or `FixedTrial`.

        Returns:
            The combination that its config groups chose, and its values by config path.
        """
        combination = self.combinations[tuple(group.suggest(trial) for group in self.groups)]
        return combination, combination.space.suggest(trial)


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
    return Composition(arguments.groups, combinations)


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
