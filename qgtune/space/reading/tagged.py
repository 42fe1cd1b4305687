"""Files in one piece, with the tags of QuantumGrav: taken apart into base settings, search space and dependencies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qgtune.errors import Located, QGTuneError, did_you_mean
from qgtune.space.paths import MISSING, all_paths, children, format_path, parse_path, select
from qgtune.space.reading.yaml_files import Tag, load_yaml_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qgtune.space.paths import Parts

_FLOAT_STEP = 0.1  # as QuantumGrav has it


@dataclass(slots=True)
class Apart:
    """A tagged file, taken apart.

    Attributes:
        source: the file.
        base: the settings, each tag replaced by a value of its own.
        space: ranges and choices in the shape of the settings, and nothing else.
        whole: the same with the values that no tag stands for, as a search space may have them.
        dependencies: what follows other values, in the same shape.
        notices: what could not be carried over.
    """

    source: str
    base: Any = None
    space: Any = None
    whole: Any = None
    dependencies: Any = None
    notices: list[str] = field(default_factory=list)
    _problems: list[str] = field(default_factory=list)
    _data: Any = None

    def read(self, data: Any) -> Apart:
        """Take it apart.

        Args:
            data: what `load_yaml_file(…, tags=True)` returned.

        Raises:
            QGTuneError: with every tag that means nothing, each with its line.
        """
        self._data = data
        self.space = _built(data, (), self._node, is_whole=False)
        self.whole = _built(data, (), self._node, is_whole=True)
        self.dependencies = _built(data, (), self._dependency, is_whole=False)
        self.base = self._base(data, ())
        self.notices = list(dict.fromkeys(self.notices))
        if self._problems:
            raise QGTuneError(*dict.fromkeys(self._problems))
        for name in ("space", "whole", "dependencies"):
            if getattr(self, name) is MISSING:
                setattr(self, name, {})
        return self

    def _fail(self, tag: Tag, path: Parts, reason: str) -> None:
        text = f"Cannot use {format_path(path)} of {self.source}, !{tag.name} in line {tag.line}: {reason}."
        self._problems.append(Located(text, format_path(path), self.source, (tag.line, 1)))

    def _node(self, tag: Tag, path: Parts) -> Any:
        """Return the node of a search space that a tag means; `MISSING` for a dependency."""
        if tag.name == "sweep":
            return {"type": "categorical", "value": self._values(tag, path)}
        read = {"range": self._range, "random_uniform": self._uniform}.get(tag.name)
        return MISSING if read is None else read(tag, path)

    def _range(self, tag: Tag, path: Parts) -> Any:
        low, high = self._ends(tag, path)
        is_whole = all(isinstance(end, int) for end in (low, high))
        third = True if tag.data.get("log") is True else tag.data.get("step", 1 if is_whole else _FLOAT_STEP)
        if tag.data.get("log") is True and "step" in tag.data:
            self._fail(tag, path, "a logarithmic range takes no step. Drop one of the two")
        return {"type": "tuple", "value": [low, high, third]}

    def _uniform(self, tag: Tag, path: Parts) -> Any:
        ends = [float(end) if isinstance(end, int) else end for end in self._ends(tag, path)]
        if "size" in tag.data:
            where = f"{self.source}, line {tag.line}"
            text = f"{where}: {format_path(path)} loses its size={tag.data['size']}: each trial draws one value."
            self.notices.append(text)
        return {"type": "tuple", "value": [*ends, True] if tag.data.get("log") is True else ends}

    def _values(self, tag: Tag, path: Parts) -> list[Any]:
        values = tag.data.get("values")
        if not isinstance(values, list) or not values:
            self._fail(tag, path, "it needs `values`, a list of at least one")
            return [None]
        inner = next(_tags_in(values), None)
        if inner is not None:
            self._fail(inner, path, "a tag inside of values is not carried over. Write the values out")
        return values

    def _ends(self, tag: Tag, path: Parts) -> tuple[Any, Any]:
        if not {"start", "stop"} <= set(tag.data):
            self._fail(tag, path, "it needs `start` and `stop`")
        return tag.data.get("start", 0), tag.data.get("stop", 1)

    def _dependency(self, tag: Tag, path: Parts) -> Any:
        """Return what the mapping says of a tag; `MISSING` for a range."""
        if tag.name not in ("reference", "coupled-sweep") or (target := self._target(tag, path)) is None:
            return MISSING
        return format_path(target) if tag.name == "reference" else self._coupled(tag, path, target)

    def _coupled(self, tag: Tag, path: Parts, target: Parts) -> Any:
        values, theirs = self._values(tag, path), self._partners(tag, path, target)
        if theirs and len(theirs) != len(values):
            self._fail(tag, path, f"it has {len(values)} values, and {format_path(target)} has {len(theirs)}")
        pairs = [list(pair) for pair in zip(theirs, values, strict=False)]
        try:
            return f"${{qgtune.couple:{format_path(target)},{_in_grammar(pairs)}}}"
        except ValueError as error:
            self._fail(tag, path, f"{error}. Rename it")
            return MISSING

    def _target(self, tag: Tag, path: Parts) -> Parts | None:
        given = tag.data.get("target")
        try:
            target = parse_path(given) if isinstance(given, str) else tuple(given)
        except (QGTuneError, TypeError):
            self._fail(tag, path, "it needs `target`, a path such as model.layers[0].width")
            return None
        if select(self._data, target) is MISSING:
            hint = did_you_mean(format_path(target), all_paths(self._data))
            self._fail(tag, path, f"there is no {format_path(target)}.{hint}".rstrip("."))
            return None
        return target

    def _partners(self, tag: Tag, path: Parts, target: Parts) -> list[Any]:
        """Return the values that a coupled sweep's are coupled to."""
        other = select(self._data, target)
        if not isinstance(other, Tag) or other.name not in ("sweep", "coupled-sweep"):
            self._fail(tag, path, f"{format_path(target)} is no !sweep")
            return []
        values = other.data.get("values")
        return values if isinstance(values, list) else []

    def _base(self, node: Any, path: Parts, trail: tuple[Parts, ...] = ()) -> Any:
        """Return a node's value in the base settings."""
        if isinstance(node, dict):
            return {key: self._base(item, (*path, key), trail) for key, item in node.items()}
        if isinstance(node, list):
            return [self._base(item, (*path, index), trail) for index, item in enumerate(node)]
        if not isinstance(node, Tag):
            return node
        if node.name in ("reference", "coupled-sweep"):
            return self._followed(node, path, trail)
        return self._node(node, path)["value"][0]

    def _followed(self, tag: Tag, path: Parts, trail: tuple[Parts, ...]) -> Any:
        """Return the value of what follows another one in the base settings."""
        if path in trail:
            names = " -> ".join(map(format_path, (*trail[trail.index(path) :], path)))
            self._fail(tag, path, f"it follows itself: {names}")
            return None
        target = self._target(tag, path)
        if target is None:
            return None
        there = self._base(select(self._data, target), target, (*trail, path))
        if tag.name == "reference":
            return there
        pairs = zip(self._partners(tag, path, target), self._values(tag, path), strict=False)
        return next((own for other, own in pairs if other == there), None)


def _built(node: Any, path: Parts, of_tag: Callable[[Tag, Parts], Any], *, is_whole: bool) -> Any:
    """Return a structure of what the tags mean; `MISSING` where there is nothing."""
    if isinstance(node, Tag):
        return of_tag(node, path)
    if isinstance(node, dict):
        items = {key: _built(item, (*path, key), of_tag, is_whole=is_whole) for key, item in node.items()}
        kept = {key: item for key, item in items.items() if item is not MISSING}
        return kept if kept or (is_whole and not items) else MISSING
    if isinstance(node, list):
        found = [_built(item, (*path, index), of_tag, is_whole=is_whole) for index, item in enumerate(node)]
        if all(item is MISSING for item in found) and not (is_whole and not found):
            return MISSING
        return [{} if item is MISSING else item for item in found]
    return node if is_whole else MISSING


def _tags_in(node: Any) -> Iterator[Tag]:
    if isinstance(node, Tag):
        yield node
    for _key, item in children(node):
        yield from _tags_in(item)


def has_tags(data: Any) -> bool:
    """Say whether a file that was read with its tags has any."""
    return next(_tags_in(data), None) is not None


def load_space(path: Path) -> tuple[Any, Any]:
    """Read a search space from a file that may hold tags.

    Returns:
        The space, and the dependencies that its tags mean; None for none.

    Raises:
        QGTuneError: when the file cannot be read, or a tag means nothing.
    """
    data = load_yaml_file(path, "search space", tags=True)
    if not has_tags(data):
        return data, None
    apart = Apart(str(path)).read(data)
    return apart.whole, apart.dependencies or None


def laid_over(mapping: Any, more: Any) -> Any:
    """Return a dependency mapping with what another one says on top of it."""
    if isinstance(mapping, dict) and isinstance(more, dict):
        return {**mapping, **{key: laid_over(mapping.get(key), item) for key, item in more.items()}}
    if isinstance(mapping, list) and isinstance(more, list):
        n = max(len(mapping), len(more))
        pairs = [[*items, *[None] * (n - len(items))] for items in (mapping, more)]
        return [laid_over(one, other) for one, other in zip(*pairs, strict=True)]
    return mapping if more in (None, {}, []) else more


def _in_grammar(value: Any) -> str:
    """Write a value as OmegaConf's grammar has it between the braces of a resolver.

    Raises:
        ValueError: for a key that it cannot spell.
    """
    if isinstance(value, dict):
        if odd := [key for key in value if not re.fullmatch(r"[A-Za-z_]\w*", str(key))]:
            raise ValueError(f"no expression can spell the key {odd[0]!r}")
        return "{" + ",".join(f"{key}:{_in_grammar(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_in_grammar, value)) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
        return f"'{escaped}'"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)
