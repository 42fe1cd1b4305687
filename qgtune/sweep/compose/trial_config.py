"""A trial's values in place in its config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from qgtune.errors import QGTuneError
from qgtune.space.model import plain
from qgtune.space.paths import MISSING, parse_path, select, suggestions
from qgtune.space.reading.build import IN_JOBS_ONLY
from qgtune.sweep.compose.replay import spelled, why_not

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.space.model import SearchSpace


@dataclass(slots=True)
class TrialConfig:
    """Fresh configs of one trial that hold its values.

    Attributes:
        space: what the values were sampled from.
        base: overrides that make the config without the values: what the command line fixed, and the config groups.
        constants: the space's constants that differ from the base settings: overrides, each with its path and value.
        whole: the config with its `hydra` node.
        task: the config without it.
        values: config values by path.
    """

    space: SearchSpace
    base: tuple[str, ...]
    constants: Mapping[str, tuple[str, Any]]
    whole: DictConfig
    task: DictConfig
    values: dict[str, Any] = field(default_factory=dict)
    _added: set[str] = field(default_factory=set)
    _extended: set[str] = field(default_factory=set)

    def put(self, values: Mapping[str, Any]) -> None:
        """Set values of the space."""
        self.values.update(values)
        self._added.update(path for path in values if self.space.hyperparameters[path].add)
        self._inject(values)

    def put_more(self, values: Mapping[str, Any]) -> None:
        """Set values that the space does not know, as `custom_search_space` suggests them.

        Args:
            values: by path; a leading `+` adds a path that the config does not have.

        Raises:
            QGTuneError: when the config has no such path.
        """
        more: dict[str, Any] = {}
        for name, value in values.items():
            path = ".".join(map(str, parse_path(name.lstrip("+"))))
            if name.startswith("+"):
                self._added.add(path)
            elif (there := plain(self.task)) is not None and select(there, parse_path(path)) is MISSING:
                hint = suggestions(there, parse_path(path))
                raise QGTuneError(f"Cannot set {name}: the config has no such path.{hint} Suggest +{name} to add it.")
            more[path] = value
        self.values.update(more)
        self._inject(more)

    def _inject(self, values: Mapping[str, Any]) -> None:
        there = {path: OmegaConf.select(self.task, path) for path, value in values.items() if isinstance(value, dict)}
        self._extended.update(path for path, node in there.items() if _has_more(values[path], node))
        self.space.inject(self.whole, values)
        self.space.inject(self.task, values)

    def sampled(self) -> list[str]:
        """Return overrides that set the values."""
        known = self.space.hyperparameters
        return [
            text
            for path, value in self.values.items()
            for text in spelled(
                path,
                value,
                add=path in self._added,
                replaces=path in known and known[path].replaces,
                extends=path in self._extended,
            )
        ]

    def overrides(self) -> tuple[list[str], str]:
        """Return the overrides that make this config without any sweeper, and why they do not; empty if they do."""
        derived = {path: self._read(path) for path in self.space.dependencies}
        in_jobs_only = [path for path, value in derived.items() if value is MISSING]
        derived = {path: value for path, value in derived.items() if value is not MISSING}
        constants = {path: value for path, (_text, value) in self.constants.items()}
        texts = [
            *self.base,
            *(text for text, _value in self.constants.values()),
            *self.sampled(),
            *(text for path, value in derived.items() for text in spelled(path, value)),
        ]
        differs = f"the job decides on {', '.join(in_jobs_only)}" if in_jobs_only else ""
        return texts, differs or why_not({**constants, **self.values, **derived}.items())

    def _read(self, path: str) -> Any:
        try:
            value = OmegaConf.select(self.task, path)
            return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        except InterpolationResolutionError as error:
            if IN_JOBS_ONLY in str(error):
                return MISSING
            raise


def _has_more(value: Any, there: Any) -> bool:
    """Say whether a mapping has keys, on whatever level, that the one which it is merged into has not."""
    if not isinstance(value, dict):
        return False
    return not isinstance(there, DictConfig) or any(
        key not in there or _has_more(item, there[key]) for key, item in value.items()
    )
