"""Dependencies: values that follow other values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qgtune.errors import Located, QGTuneError
from qgtune.space.editing import plain
from qgtune.space.model import Dependency
from qgtune.space.paths import (
    MISSING,
    Parts,
    at_index,
    child,
    format_path,
    is_nameable,
    is_within,
    normalise,
    overlap,
    parse_path,
    select,
    suggestions,
    texts_of,
)

_INNERMOST = re.compile(r"\$\{([^{}]*)\}")
_REFERENCE = re.compile(
    r"\s*(?:(?P<resolver>qgtune\.(?:ref|couple)|oc\.select)\s*:\s*)?(?P<quote>['\"]?)(?P<path>\.*[^\s.:,'\"\0][^:,'\"\0]*?)(?P=quote)\s*"
)
EACH_KEYS = {"type", "first", "each"}
_BRACKETS = re.compile(r"\[\s*([^\[\]]+?)\s*\]")
# A resolver's argument cannot hold brackets unless it is quoted; people write `${qgtune.ref:layers[-1].width}`.
_BARE_BRACKETS = re.compile(r"(\$\{\s*qgtune\.ref\s*:\s*)([\w.-]+\[[\w.\[\]-]*)(\s*\})")


@dataclass(slots=True)
class Reader:
    """Reads a dependency mapping against the settings that it is for.

    Attributes:
        settings: plain data: the base settings with the space's constants in place.
        source: where the mapping was written.
        deleted: paths that the command line deleted, so that nothing can follow there.
        problems: what is wrong with it, one line each.
        found: the dependencies by target.
    """

    settings: Any
    source: str
    deleted: Sequence[Parts] = ()
    problems: list[str] = field(default_factory=list)
    found: dict[str, Dependency] = field(default_factory=dict)

    def read(self, mapping: Any) -> dict[str, Dependency]:
        """Read the whole mapping; afterwards `problems` holds what is wrong."""
        if mapping is not None and not isinstance(mapping, Mapping):
            text = f"Cannot read the dependencies of {self.source}: they are no mapping."
            self.problems.append(Located(text, "", self.source))
            return {}
        for target, text in leaves(self._spread(mapping or {}, ())):
            self._read_leaf(target, text)
        for cycle in cycles(self.found):
            text = f"Cannot use the dependencies of {self.source}: they form a cycle: {' -> '.join(cycle)}. Break it."
            self.problems.append(Located(text, cycle[0], self.source))
        return self.found

    def _spread(self, node: Any, path: Parts) -> Any:
        """Return a mapping in which `{type: list, each: …}` stands once for each element of the settings' list."""
        if isinstance(node, list):
            return [self._spread(item, (*path, index)) for index, item in enumerate(node)]
        if not isinstance(node, Mapping):
            return node
        there = select(self.settings, path)
        if not is_each(node):
            if node.get("type") == "list" and isinstance(there, list):
                self._fail(format_path(path), node, "it needs `each`, may have `first`, and nothing else")
                return None
            return {key: self._spread(item, (*path, key)) for key, item in node.items()}
        if not isinstance(there, list):
            self._fail(format_path(path), "each", "the config has no list there")
            return None
        first = node.get("first", node["each"])
        return [
            self._spread(self._numbered(node["each"] if index else first, (*path, index)), (*path, index))
            for index in range(len(there))
        ]

    def _numbered(self, node: Any, element: Parts) -> Any:
        """Put the element's number into all texts of its node."""
        if isinstance(node, Mapping):
            return {key: self._numbered(item, element) for key, item in node.items()}
        if isinstance(node, list):
            return [self._numbered(item, element) for item in node]
        if not isinstance(node, str):
            return node
        try:
            return at_index(node, int(element[-1]))
        except QGTuneError as error:
            self._fail(format_path(element), node, f"{error}. Say with `first` what holds for the first element")
            return None

    def _read_leaf(self, target: Parts, text: Any) -> None:
        name = format_path(target)
        if not isinstance(text, str):
            self._fail(name, text, "it is neither a path nor an expression. Write a path such as model.width")
            return
        if select(self.settings, target) is MISSING:
            if any(is_within(target, path) for path in self.deleted):
                return
            self._fail(name, text, f"the config has no such target.{suggestions(self.settings, target)}")
            return
        target = normalise(self.settings, target)
        try:
            sources = [self._source(parts) for parts in self._needed(text, target)]
            expression = _expression(text)
        except QGTuneError as error:
            self._fail(name, text, str(error))
            return
        name = format_path(target)
        self.found[name] = Dependency(name, expression, tuple(sources), text, self.source)

    def _needed(self, text: str, target: Parts) -> Iterator[Parts]:
        """Yield the paths that have to exist: `oc.select` does without."""
        for parts, optional in _sources(text, target):
            if not optional or select(self.settings, parts) is not MISSING:
                yield parts

    def _source(self, parts: Parts) -> str:
        node = self.settings
        for depth, part in enumerate(parts):
            if isinstance(node, str) and "${" in node:
                break  # an interpolation: what it leads to is known only when it is read
            inner = child(node, part)
            if inner is MISSING and isinstance(node, list) and isinstance(part, int):
                raise QGTuneError(
                    f"index {part} is out of range: {format_path(parts[:depth])} has {len(node)} elements"
                )
            if inner is MISSING:
                raise QGTuneError(f"the config has no {format_path(parts)!r}.{suggestions(self.settings, parts)}")
            node = inner
        return format_path(normalise(self.settings, parts))

    def _fail(self, target: str, text: Any, reason: str) -> None:
        end = "" if reason.endswith((".", "?")) else "."
        problem = f"Cannot let {target} follow {text!r} ({self.source}): {reason}{end}"
        self.problems.append(Located(problem, target, self.source))


def is_each(node: Any) -> bool:
    """Say whether a node of a mapping stands for all elements of a list."""
    return isinstance(node, Mapping) and node.get("type") == "list" and {"type", "each"} <= set(node) <= EACH_KEYS


def leaves(node: Any, prefix: Parts = ()) -> Iterator[tuple[Parts, Any]]:
    """Yield the targets of a mapping with what was written there; null and empty containers are passed over."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from leaves(value, (*prefix, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from leaves(value, (*prefix, index))
    elif node is not None:
        yield prefix, node


def _expression(text: str) -> str:
    """Return what to put into the config.

    Raises:
        QGTuneError: when OmegaConf cannot parse it.
    """
    if "${" not in text:
        # As written: `-1` is the last element of whatever list stands there, which may be a choice.
        source = format_path(parse_path(text))
        plain = re.fullmatch(r"[A-Za-z_][\w.-]*", source)
        return f"${{qgtune.ref:{source}}}" if plain else f"${{qgtune.ref:'{source}'}}"
    expression = _BARE_BRACKETS.sub(r"\1'\2'\3", text)
    try:
        OmegaConf.create({"it": expression})
    except OmegaConfBaseException as error:
        raise QGTuneError(f"it is no OmegaConf expression: {str(error).splitlines()[0]}") from None
    return expression


def paths_read(text: str) -> list[Parts]:
    """Return the paths that an expression reads and cannot do without.

    Raises:
        QGTuneError: when OmegaConf cannot parse it.
    """
    _expression(text)
    return [parts for parts, optional in _sources(text, ()) if not optional]


def _sources(text: str, target: Parts) -> Iterator[tuple[Parts, bool]]:
    """Yield the paths that a leaf reads, and whether it does without: itself, or those inside its interpolations."""
    if "${" not in text:
        yield parse_path(text), False
        return
    while match := _INNERMOST.search(text):
        reference = _REFERENCE.fullmatch(match[1].split(",", 1)[0])
        if reference is not None:
            yield _absolute(reference["path"], target), reference["resolver"] == "oc.select"
        # What stands in its place is part of no path: where it leads is known only when it is read.
        text = f"{text[: match.start()]}\0{text[match.end() :]}"


def _absolute(path: str, target: Parts) -> Parts:
    level = len(path) - len(path.lstrip("."))
    parts = parse_path(_BRACKETS.sub(r".\1", path[level:]).lstrip("."))
    return (*target[: len(target) - level], *parts) if level else parts


def cycles(dependencies: Mapping[str, Dependency]) -> list[list[str]]:
    """Return every cycle among dependencies, each as its targets with the first one again at the end."""
    paths = {target: parse_path(target) for target in dependencies}
    follows = {
        target: [other for other in paths if any(overlap(paths[other], parse_path(s)) for s in dependency.sources)]
        for target, dependency in dependencies.items()
    }
    found: list[list[str]] = []
    done: set[str] = set()
    for start in follows:
        _walk(start, [], follows, done, found)
    return found


def cycle_through(settings: Any, dependencies: Mapping[str, Dependency], target: str) -> list[str]:
    """Return a cycle that `target` leads into, also by way of the settings' own interpolations; empty if none shows."""
    links = dict(dependencies)
    for path, sources in interpolations(settings).items():
        links.setdefault(path, Dependency(path, "", sources, "", ""))
    found = cycles(links)
    return next((cycle for cycle in found if target in cycle), [])


def interpolations(settings: Any) -> dict[str, tuple[str, ...]]:
    """Return the paths that hold an interpolation, each with the paths that it reads.

    Args:
        settings: a config, or its plain data with interpolations as text.
    """
    return {
        format_path(parts): _read_by(text, parts)
        for parts, text in texts_of(plain(settings))
        if "${" in text and all(map(is_nameable, parts))  # nothing can refer to a key that no path can name
    }


def _read_by(text: str, target: Parts) -> tuple[str, ...]:
    try:
        return tuple(format_path(parts) for parts, _ in _sources(text, target))
    except QGTuneError:
        return ()


def _walk(
    target: str, trail: list[str], follows: Mapping[str, Sequence[str]], done: set[str], found: list[list[str]]
) -> None:
    if target in trail:
        found.append([*trail[trail.index(target) :], target])
        return
    if target in done:
        return
    for source in follows[target]:
        _walk(source, [*trail, target], follows, done, found)
    done.add(target)


def without(
    dependencies: Mapping[str, Dependency], paths: Sequence[Parts]
) -> tuple[dict[str, Dependency], list[Dependency]]:
    """Split dependencies into those that stay and those whose target is one of `paths` or lies below one.

    Raises:
        QGTuneError: for each path below a target: what follows would overwrite it.
    """
    kept: dict[str, Dependency] = {}
    dropped: list[Dependency] = []
    problems: list[str] = []
    for target, dependency in dependencies.items():
        parts = parse_path(target)
        if any(is_within(parts, path) for path in paths):
            dropped.append(dependency)
            continue
        kept[target] = dependency
        problems += [
            f"Cannot set {format_path(path)}: {target} follows {dependency.text!r} ({dependency.source}), with all "
            f"that is in it. Set what it follows, or the whole of {target}."
            for path in paths
            if is_within(path, parts)
        ]
    if problems:
        raise QGTuneError(*problems)
    return kept, dropped
