"""One prepared config of a combination of config groups, ready for samples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hydra.types import RunMode
from omegaconf import ListConfig, OmegaConf, open_dict

from qgtune.processes.travel import dumps, loads
from qgtune.space.editing import has_path, plain, shorten
from qgtune.space.lint import lint
from qgtune.space.paths import MISSING, format_path, is_below, parse_path, select
from qgtune.space.points import base_point, base_value, base_values, leaves_of, widened
from qgtune.space.reading.build import build_space, check_space
from qgtune.space.reading.tagged import laid_over
from qgtune.sweep.compose.replay import is_field, spelled, takes_its_place, within_spelling
from qgtune.sweep.compose.trial_config import TrialConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from omegaconf import DictConfig

    from qgtune.space.model import Hyperparameter, SearchSpace
    from qgtune.space.paths import Parts
    from qgtune.sweep.compose.arguments import Arguments
    from qgtune.sweep.compose.given import Given
    from qgtune.sweep.settings import Settings


@dataclass(frozen=True, slots=True)
class Combination:
    """A composed config that is ready for samples.

    Attributes:
        space: the hyperparameters, constants and dependencies over this config.
        config_pickle: the prepared config with its `hydra` node. A pickle, since loading one is several times
            faster than copying a `DictConfig`.
        task_pickle: the same without the `hydra` node.
        base_pickle: the composed config without the `hydra` node, before the space came in.
        base_containers: the mappings and lists of it that the space has a path of, as plain data.
        overrides: the overrides behind it: what the command line fixed, and the chosen config groups.
        constants: the space's constants that differ from the base: overrides and the value, by path.
        warnings: what to warn of, once.
        there: those paths of the space's conditional parts that the base settings have.
        lengths: how many elements the base settings have of each list whose length is tuned, by its path.
        hydra_texts: as YAML, what all its trials have in the `hydra` node, by key; filled by the first of them.
        tried: why overrides of a form do not make the config that they should, by form; filled by its trials.
    """

    space: SearchSpace
    config_pickle: bytes
    task_pickle: bytes
    base_pickle: bytes
    base_containers: Mapping[str, Any]
    overrides: tuple[str, ...]
    constants: Mapping[str, tuple[tuple[str, ...], Any]]
    warnings: tuple[str, ...] = ()
    there: frozenset[str] = frozenset()
    lengths: Mapping[str, int] = field(default_factory=dict)
    hydra_texts: dict[str, str] = field(default_factory=dict, compare=False)
    tried: dict[Any, str] = field(default_factory=dict, compare=False)

    def place(self, values: Mapping[str, Any]) -> TrialConfig:
        """Return fresh configs with `values` of the space in place."""
        whole: DictConfig = loads(self.config_pickle)
        task: DictConfig = loads(self.task_pickle)
        placed = TrialConfig(
            space=self.space,
            base=self.overrides,
            base_pickle=self.base_pickle,
            base_containers=self.base_containers,
            tried=self.tried,
            constants=self.constants,
            whole=whole,
            task=task,
            there=self.there,
            hydra_texts=self.hydra_texts,
        )
        placed.put(values)
        return placed

    def task_with(self, values: Mapping[str, Any]) -> DictConfig:
        """Return a fresh config, without its `hydra` node, with `values` of the space in place."""
        task: DictConfig = loads(self.task_pickle)
        self.space.inject(task, values)
        return task

    def may_have(self, parts: Parts) -> bool:
        """Say whether some trial's config has a path."""
        space, path = self.space, format_path(parts)
        added = (*space.hyperparameters, *(known for known, _value, _when in space.sometimes.constants))
        return has_path(loads(self.task_pickle), path) or any(is_below(path, known) for known in added)

    def base_value(self, item: Hyperparameter) -> Any:
        """Return the base settings' value for a hyperparameter, resolved; the empty text where there is none."""
        value = base_value(self._base(), item)
        return "" if value is MISSING else value

    def base_point(self) -> tuple[dict[str, Any], list[str]]:
        """Return the base settings as a point of the space, as the study stores it, and what lies outside of it."""
        return base_point(self.space, self._base())

    def base_values(self) -> dict[str, Any]:
        """Return the base settings' values for what is asked for there, whether or not the space holds them."""
        return base_values(self.space, self._base())

    def _base(self) -> DictConfig:
        config: DictConfig = loads(self.task_pickle)
        for path, length in self.lengths.items():
            shorten(config, parse_path(path), length)
        return config


def combine(
    base: DictConfig,
    given_space: Given,
    dependencies: Given,
    arguments: Arguments,
    settings: Settings,
    overrides: Sequence[str],
) -> Combination:
    """Build the space over a composed config.

    Raises:
        QGTuneError: with every problem of space, dependencies and values.
    """
    task = _without_hydra(base)
    space = build_space(
        given_space.data,
        plain(task),
        laid_over(given_space.follows, dependencies.data),
        tune=settings.tune,
        tune_model=settings.tune_model,
        tune_training=settings.tune_training,
        fixed=arguments.fixed_paths,
        extra=arguments.hyperparameters,
        space_source=given_space.source,
        dependencies_source=dependencies.source,
    )
    check_space(space, task)
    notices = () if settings.points else (*space.notices, *lint(space, task))
    if settings.points:
        space = _widened(space, settings.enqueue)
    return Combination(
        space,
        dumps(space.prepare(base)),
        dumps(space.prepare(task)),
        dumps(task),
        dict(_containers(space, plain(task))),
        (*overrides, *_leaving_multirun(base)),
        dict(_constant_overrides(space, task)),
        notices,
        frozenset(_there(space, plain(task))),
        {
            path: len(found)
            for path in space.sometimes.lengths
            if isinstance(found := OmegaConf.select(task, path), ListConfig)
        },
    )


def _widened(space: SearchSpace, points: Sequence[Any]) -> SearchSpace:
    """Return the space with ranges and choices that hold these points."""
    found = [leaves_of(point, space.hyperparameters) for point in points]
    return replace(
        space,
        hyperparameters={
            path: widened(item, [values[path] for values in found if path in values])
            for path, item in space.hyperparameters.items()
        },
    )


def _there(space: SearchSpace, base: Any) -> Iterator[str]:
    """Yield what the base settings have of what a trial's config may have not."""
    more = space.sometimes
    for path in (*more.places, *(path for path, _value, _when in more.constants), *more.lengths):
        if select(base, parse_path(path)) is not MISSING:
            yield path


def _containers(space: SearchSpace, base: Any) -> Iterator[tuple[str, Any]]:
    """Yield the mappings and lists of the base settings that the space has a path of."""
    branched = (path for path, _value, _when in space.sometimes.constants)
    for path in {*space.hyperparameters, *space.dependencies, *branched, *space.sometimes.lengths}:
        if isinstance(there := select(base, parse_path(path)), (dict, list)):
            yield path, there


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


def _constant_overrides(space: SearchSpace, base: DictConfig) -> Iterator[tuple[str, tuple[tuple[str, ...], Any]]]:
    there_all = plain(base)
    for path, value in space.constants.items():
        there = select(there_all, parse_path(path))
        if there is MISSING or there != value or type(there) is not type(value):
            deletes = takes_its_place(value, there, replaces=True) and not is_field(base, path)
            named_path, named_value = within_spelling(base, path, value)
            texts = spelled(named_path, named_value, add=there is MISSING, deletes=deletes and named_path == path)
            yield path, (tuple(texts), value)
