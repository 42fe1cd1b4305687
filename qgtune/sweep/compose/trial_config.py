"""A trial's values in place in its config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from qgtune.errors import QGTuneError
from qgtune.space.dependencies.resolvers import resolved
from qgtune.space.editing import has_path, place, plain
from qgtune.space.paths import MISSING, format_path, parse_path, select, suggestions
from qgtune.space.reading.build import IN_JOBS_ONLY
from qgtune.sweep.compose.replay import spelled, why_not

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
        there: what the base settings have of what this config may have not.
        hydra_texts: as YAML, what other trials have in the `hydra` node, too, by key.
        varied: what the config had at the paths whose values differ between the repeats of a configuration.
    """

    space: SearchSpace
    base: tuple[str, ...]
    constants: Mapping[str, tuple[str, Any]]
    whole: DictConfig
    task: DictConfig
    values: dict[str, Any] = field(default_factory=dict)
    there: frozenset[str] = frozenset()
    hydra_texts: dict[str, str] = field(default_factory=dict)
    varied: dict[str, Any] = field(default_factory=dict)
    _added: set[str] = field(default_factory=set)
    _extended: set[str] = field(default_factory=set)

    def put(self, values: Mapping[str, Any]) -> None:
        """Set values of the space."""
        self.values.update(values)
        added = [path for path in values if (item := self.space.live(path, values)) and item.add]
        self._added.update(path for path in added if not has_path(self.task, path))
        self._note_extended(values)
        self.space.inject(self.whole, values)
        self.space.inject(self.task, values)

    def put_more(self, values: Mapping[str, Any]) -> None:
        """Set values that the space does not know, as `custom_search_space` suggests them.

        Args:
            values: by path; a leading `+` adds a path that the config does not have.

        Raises:
            QGTuneError: when the config has no such path.
        """
        more: dict[str, Any] = {}
        for name, value in values.items():
            path = format_path(parse_path(name.lstrip("+")))
            if name.startswith("+"):
                if not has_path(self.task, path):
                    self._added.add(path)
            elif (there := plain(self.task)) is not None and select(there, parse_path(path)) is MISSING:
                hint = suggestions(there, parse_path(path))
                raise QGTuneError(f"Cannot set {name}: the config has no such path.{hint} Suggest +{name} to add it.")
            more[path] = value
        self.values.update(more)
        self._note_extended(more)
        place(self.whole, more)
        place(self.task, more)

    def vary(self, path: str, value: Any) -> None:
        """Set what differs between the repeats of a configuration.

        Raises:
            QGTuneError: when the config has no such path.
        """
        self.varied[path] = select(plain(self.task), parse_path(path))
        self.put_more({path: value})

    @property
    def own_overrides(self) -> tuple[str, ...]:
        """The overrides that only this repeat of its configuration has."""
        return tuple(text for path in self.varied for text in spelled(path, self.values[path]))

    def _note_extended(self, values: Mapping[str, Any]) -> None:
        there = {path: OmegaConf.select(self.task, path) for path, value in values.items() if isinstance(value, dict)}
        self._extended.update(path for path, node in there.items() if _has_more(values[path], node))

    def sampled(self) -> list[str]:
        """Return overrides that set the values, but for the lengths of lists."""
        return [
            text
            for path, value in self.values.items()
            if not self.space.is_length(path)
            for text in spelled(
                path,
                value,
                add=path in self._added,
                replaces=self.space.replaces(path, self.values),
                extends=path in self._extended,
            )
        ]

    def overrides(self) -> tuple[list[str], str]:
        """Return the overrides that make this config without any sweeper, and why they do not; empty if they do."""
        derived = {path: self._read(path) for path in self.space.dependencies if has_path(self.task, path)}
        in_jobs_only = [path for path, value in derived.items() if value is MISSING]
        derived = {path: value for path, value in derived.items() if value is not MISSING}
        constants = {path: value for path, (_text, value) in self.constants.items()}
        branched = self.space.constants_with(self.values)
        lists = self._lists()
        texts = [
            *self.base,
            *(text for path, (text, _value) in self.constants.items() if path not in lists),
            *(text for path, value in branched.items() for text in self._spelled(path, value)),
            *self.sampled(),
            *(
                text
                for path, value in derived.items()
                for text in spelled(path, value, replaces=not self._is_structured(path))
            ),
            *(f"~{path}" for path in self._gone()),
        ]
        texts = [text for text in texts if not _is_inside(text, lists)]
        texts += [text for path, value in lists.items() for text in self._spelled(path, value)]
        differs = f"the job decides on {', '.join(in_jobs_only)}" if in_jobs_only else self._undeletable()
        values = {path: value for path, value in self.values.items() if not self.space.is_length(path)}
        return texts, differs or why_not({**constants, **branched, **values, **derived, **lists}.items())

    def _spelled(self, path: str, value: Any) -> list[str]:
        return spelled(path, value, add=path not in self.there, extends=path in self.there and isinstance(value, dict))

    def _gone(self) -> list[str]:
        """Return what the base settings have and this config has not."""
        return [path for path in self.space.absent_with(self.values) if path in self.there]

    def _undeletable(self) -> str:
        """Name what is absent and no override deletes: a field of a dataclass."""
        for path in self._gone():
            if self._is_structured(path.rpartition(".")[0]):
                return f"Hydra deletes no field of a structured config, such as {path}"
        return ""

    def _is_structured(self, path: str) -> bool:
        """Say whether a path is that of a dataclass, of which Hydra deletes nothing; the empty path is the config's."""
        node = OmegaConf.select(self.task, path) if path else self.task
        return OmegaConf.is_config(node) and OmegaConf.get_type(node) not in (dict, list)

    def _lists(self) -> dict[str, Any]:
        """Return the lists whose length was sampled, whole: no override shortens one."""
        lists = [path for path, name in self.space.sometimes.lengths.items() if name in self.values]
        return {path: self._read(path) for path in lists if has_path(self.task, path)}

    def _read(self, path: str) -> Any:
        try:
            return resolved(OmegaConf.select(self.task, path))
        except InterpolationResolutionError as error:
            if IN_JOBS_ONLY in str(error):
                return MISSING
            raise


def _is_inside(override: str, lists: Iterable[str]) -> bool:
    key = override.lstrip("+~").partition("=")[0]
    return any(key.startswith(f"{path}.") for path in lists)


def _has_more(value: Any, there: Any) -> bool:
    """Say whether a mapping has keys, on whatever level, that the one which it is merged into has not."""
    if not isinstance(value, dict):
        return False
    return not isinstance(there, DictConfig) or any(
        key not in there or _has_more(item, there[key]) for key, item in value.items()
    )
