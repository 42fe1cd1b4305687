"""A trial's values in place in its config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from qgtune.errors import QGTuneError
from qgtune.processes.travel import loads
from qgtune.space.dependencies.resolvers import resolved
from qgtune.space.editing import has_path, place, plain
from qgtune.space.paths import MISSING, format_path, parse_path, replaced, select, suggestions
from qgtune.space.reading.build import IN_JOBS_ONLY
from qgtune.sweep.compose.replay import is_field, named, node_at, spelled, takes_its_place, why_not, within_spelling
from qgtune.sweep.compose.tried_private import difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qgtune.space.model import SearchSpace


@dataclass(slots=True)
class TrialConfig:
    """Fresh configs of one trial that hold its values.

    Attributes:
        space: what the values were sampled from.
        base: overrides that make the config without the values: what the command line fixed, and the config groups.
        base_pickle: the composed config before the space came in, without its `hydra` node.
        base_containers: the mappings and lists of it that the space has a path of, as plain data.
        tried: why overrides of a form do not make the config that they should, by form; all trials share it.
        constants: the space's constants that differ from the base settings: overrides and the value, by path.
        whole: the config with its `hydra` node.
        task: the config without it.
        values: config values by path.
        there: what the base settings have of what this config may have not.
        hydra_texts: as YAML, what other trials have in the `hydra` node, too, by key.
        varied: what the config had at the paths whose values differ between the repeats of a configuration.
    """

    space: SearchSpace
    base: tuple[str, ...]
    base_pickle: bytes
    base_containers: Mapping[str, Any]
    tried: dict[Any, str]
    constants: Mapping[str, tuple[tuple[str, ...], Any]]
    whole: DictConfig
    task: DictConfig
    values: dict[str, Any] = field(default_factory=dict)
    there: frozenset[str] = frozenset()
    hydra_texts: dict[str, str] = field(default_factory=dict)
    varied: dict[str, Any] = field(default_factory=dict)
    _added: set[str] = field(default_factory=set)
    _extended: set[str] = field(default_factory=set)
    _containers: dict[str, Any] = field(default_factory=dict)

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
        there = {path: OmegaConf.select(self.task, path) for path, value in more.items() if _is_container(value)}
        self._containers.update({path: plain(node) for path, node in there.items() if OmegaConf.is_config(node)})
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
        return tuple(text for path in self.varied for text in self._texts(path, self.values[path]))

    def _note_extended(self, values: Mapping[str, Any]) -> None:
        there = {path: OmegaConf.select(self.task, path) for path, value in values.items() if isinstance(value, dict)}
        self._extended.update(path for path, node in there.items() if _has_more(values[path], node))

    def sampled(self) -> list[str]:
        """Return overrides that set the values, but for the lengths of lists."""
        return [
            text
            for path, value in self.values.items()
            if not self.space.is_length(path)
            for text in self._texts(
                path,
                value,
                add=path in self._added,
                replaces=self.space.replaces(path, self.values),
                extends=path in self._extended,
            )
        ]

    def _texts(
        self, path: str, value: Any, *, add: bool = False, replaces: bool = False, extends: bool = False
    ) -> list[str]:
        """Return overrides that set a path of the base settings."""
        named_path, value = within_spelling(self.task, path, value)
        there = self._containers.get(path, self.base_containers.get(path)) if named_path == path else None
        deletes = (
            there is not None and takes_its_place(value, there, replaces=replaces) and not is_field(self.task, path)
        )
        return spelled(named_path, value, add=add, deletes=deletes and not add, extends=extends)

    def overrides(self) -> tuple[list[str], str]:
        """Return the overrides that make this config without any sweeper, and why they do not; empty if they do."""
        derived = {path: self._read(path) for path in self.space.dependencies if has_path(self.task, path)}
        in_jobs_only = [path for path, value in derived.items() if value is MISSING]
        derived = {path: value for path, value in derived.items() if value is not MISSING}
        branched = self.space.constants_with(self.values)
        lists = self._lists()
        texts = [
            *(text for path, (texts, _value) in self.constants.items() if path not in lists for text in texts),
            *(text for path, value in branched.items() for text in self._set_whole(path, value)),
            *self.sampled(),
            *(text for path, value in derived.items() for text in self._texts(path, value, replaces=True)),
            *(f"~{path}" for path in self._gone()),
        ]
        texts = [text for text in texts if not _is_inside(text, lists)]
        texts += [text for path, value in lists.items() for text in self._set_whole(path, value)]
        if in_jobs_only:
            return [*self.base, *texts], f"the job decides on {', '.join(in_jobs_only)}"
        constants = {path: value for path, (_texts, value) in self.constants.items()}
        values = {path: value for path, value in self.values.items() if not self.space.is_length(path)}
        all_set = {**constants, **branched, **values, **derived, **lists}
        return [*self.base, *texts], self._undeletable() or self._why_not(all_set, texts, {**derived, **lists})

    def _why_not(self, all_set: Mapping[str, Any], texts: Sequence[str], read: Mapping[str, Any]) -> str:
        """Say why overrides that set these values do not make this config again; the empty text if they do."""
        spellings = {path: within_spelling(self.task, path, value) for path, value in all_set.items()}
        form = (
            *((path, _form(value)) for path, value in all_set.items() if self._is_odd(path, value, spellings[path])),
            *self._gone(),
        )
        if (why := why_not(spellings.values())) or not form:
            return why
        if form not in self.tried:
            expected = OmegaConf.to_container(self.task, resolve=False, enum_to_str=True)
            for path, value in read.items():
                if select(expected, parse_path(path)) is not MISSING:
                    expected = replaced(expected, parse_path(path), value)
            self.tried[form] = difference(loads(self.base_pickle), texts, expected)
        return self.tried[form]

    def _is_odd(self, path: str, value: Any, spelling: tuple[str, Any]) -> bool:
        """Say whether what Hydra makes of an override depends on what the base settings have there."""
        return _is_container(value) or spelling[0] != path or path in self.base_containers

    def _set_whole(self, path: str, value: Any) -> list[str]:
        extends = path in self.there and isinstance(value, dict)
        return self._texts(path, value, add=path not in self.there, replaces=True, extends=extends)

    def _gone(self) -> list[str]:
        """Return what the base settings have and this config has not."""
        return [path for path in self.space.absent_with(self.values) if path in self.there]

    def _undeletable(self) -> str:
        """Name what is absent and no override deletes: a field of a dataclass."""
        for path in self._gone():
            if is_field(self.task, path):
                return f"Hydra deletes no field of a structured config, such as {path}"
        return ""

    def _lists(self) -> dict[str, Any]:
        """Return the lists whose length was sampled, whole: no override shortens one."""
        lists = [path for path, name in self.space.sometimes.lengths.items() if name in self.values]
        return {path: self._read(path) for path in lists if has_path(self.task, path)}

    def _read(self, path: str) -> Any:
        try:
            return named(resolved(node_at(self.task, path)))
        except InterpolationResolutionError as error:
            if IN_JOBS_ONLY in str(error):
                return MISSING
            raise


def _is_container(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _form(value: Any) -> Any:
    """Return what two values have in common that Hydra merges alike; it can be hashed."""
    if isinstance(value, dict):
        return tuple((key, _form(item)) for key, item in value.items())
    return ("[]", *map(_form, value)) if isinstance(value, list) else None


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
