"""A trial's values in place in its config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from qgtune.errors import QGTuneError
from qgtune.results.configs import resolve_plain
from qgtune.space.model import plain
from qgtune.space.paths import MISSING, parse_path, select, suggestions
from qgtune.sweep.compose.arguments import override_text
from qgtune.sweep.workers.job import set_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.space.model import SearchSpace


@dataclass(slots=True)
class Draw:
    """The values of one trial and fresh configs that hold them.

    Attributes:
        space: what the values were drawn from.
        base: overrides that make the config without the values: what the command line fixed, and the config groups.
        constants: overrides for the space's constants.
        whole: the config with its `hydra` node.
        task: the config without it.
        values: config values by path.
    """

    space: SearchSpace
    base: tuple[str, ...]
    constants: tuple[str, ...]
    whole: DictConfig
    task: DictConfig
    values: dict[str, Any] = field(default_factory=dict)
    _added: set[str] = field(default_factory=set)

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
        self.space.inject(self.whole, values)
        self.space.inject(self.task, values)

    def sampled(self) -> list[str]:
        """Return overrides that set the values."""
        return [override_text(path, value, add=path in self._added) for path, value in self.values.items()]

    def derived(self) -> list[str]:
        """Return overrides that set what the dependencies give."""
        return [override_text(path, self._read(path)) for path in self.space.dependencies]

    def resolve(self, number: int) -> Any:
        """Return the task's config as plain data with everything resolved, as the job `number` would see it."""
        set_job(self.whole, number, [], "")
        before = HydraConfig.instance().cfg
        HydraConfig.instance().set_config(self.whole)
        try:
            return resolve_plain(self.task)
        finally:
            HydraConfig.instance().cfg = before

    def _read(self, path: str) -> Any:
        value = OmegaConf.select(self.task, path)
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
