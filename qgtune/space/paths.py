"""How a node of a config is named."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

from qgtune.errors import QGTuneError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Part = str | int
Parts = tuple[Part, ...]

_INDEX = re.compile(r"-?(?:0|[1-9]\d*)")  # `007` is a key
_BRACKETS = re.compile(r"\[\s*(-?\d+)\s*\]")
_NAME = r"[^.\[\]{}$]+"
_ELEMENT = r"\[\s*-?[0-9]+\s*\]"
PATH = rf"(?=\S)(?:{_NAME}|{_ELEMENT})(?:\.{_NAME}|{_ELEMENT})*(?<=\S)"
"""A path, as a regular expression that JavaScript understands, too; the same for a key of a space."""
PATH_HERE = PATH.replace(_ELEMENT, rf"(?:{_ELEMENT}|\[\s*i\s*(?:[+-]\s*[0-9]+\s*)?\])")
"""The same beside `each`, where `[i]` is the element."""
KEY = r"\+{0,2}[^+\s.\[\]{}$](?:[^.\[\]{}$]*[^\s.\[\]{}$])?"


class _Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


@functools.lru_cache(maxsize=4096)
def parse_path(text: str) -> Parts:
    """Read a path: `a.b[0].c`, `a.b.0.c`, `a[-1]`.

    Returns:
        Its parts; a part of digits is an int, whether it names an element of a list or a key.

    Raises:
        QGTuneError: when the text is no path.
    """
    text = text.strip()
    parts = _BRACKETS.sub(r".\1", text).removeprefix(".").split(".")
    if re.fullmatch(PATH, text) is None:
        raise QGTuneError(f"Cannot read path {text!r}: give names and indices, as in model.layers[0].width.")
    return tuple(int(part) if _INDEX.fullmatch(part) else part for part in parts)


def format_path(parts: Iterable[Part]) -> str:
    """Return a path with dots only: `a.b.0.c`."""
    return ".".join(map(str, parts))


_HERE = re.compile(r"\[\s*i\s*(?:([+-])\s*(\d+)\s*)?\]")


def at_index(text: str, index: int) -> str:
    """Return a text with `[i]`, `[i-1]`, … in numbers, for this element of a list.

    Raises:
        QGTuneError: when the number is below zero.
    """

    def number(match: re.Match[str]) -> str:
        found = index + int(f"{match[1] or '+'}{match[2] or 0}")
        if found < 0:
            raise QGTuneError(f"{match[0]} is no element of the list where i is {index}")
        return f"[{found}]"

    return _HERE.sub(number, text)


def replaced(node: Any, parts: Parts, value: Any) -> Any:
    """Return a plain container with another value at a path that it has; what lies on the way is copied."""
    if not parts:
        return value
    part, rest = parts[0], parts[1:]
    copied = list(node) if isinstance(node, list) else dict(node)
    key = part if isinstance(node, list) or part in node else str(part)
    copied[key] = replaced(copied[key], rest, value)  # type: ignore[index]
    return copied


def child(node: Any, part: Part) -> Any:
    """Return a plain container's element, or `MISSING`. A negative index counts from the end of a list."""
    if isinstance(node, list):
        return node[part] if isinstance(part, int) and -len(node) <= part < len(node) else MISSING
    if isinstance(node, dict):
        return node.get(part, node.get(str(part), MISSING))
    return MISSING


def children(node: Any) -> Iterable[tuple[Any, Any]]:
    """Return the keys or indices of a plain container with what is there; nothing for a leaf."""
    return node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()


def is_nameable(key: Any) -> bool:
    """Say whether a path can name a key: text without dots and brackets, or a whole number."""
    if isinstance(key, str):
        return re.fullmatch(KEY, key) is not None
    return isinstance(key, int) and not isinstance(key, bool)


def select(node: Any, parts: Iterable[Part]) -> Any:
    """Return the element of a plain container at a path, or `MISSING`."""
    for part in parts:
        node = child(node, part)
    return node


def normalise(node: Any, parts: Sequence[Part]) -> Parts:
    """Return the path with every negative index counted from the front, as far as the container goes."""
    found: list[Part] = []
    for part in parts:
        negative = isinstance(node, list) and isinstance(part, int) and -len(node) <= part < 0
        found.append(part + len(node) if negative and isinstance(part, int) else part)
        node = child(node, part)
    return tuple(found)


def is_within(parts: Sequence[Part], top: Sequence[Part]) -> bool:
    """Say whether a path is `top` or lies below it."""
    return tuple(map(str, parts[: len(top)])) == tuple(map(str, top))


def overlap(one: Sequence[Part], other: Sequence[Part]) -> bool:
    """Say whether one of two paths is the other or lies below it."""
    return is_within(one, other) or is_within(other, one)


def all_paths(node: Any, prefix: Parts = ()) -> Iterator[str]:
    """Yield every path of a plain container, containers included."""
    if prefix:
        yield format_path(prefix)
    for key, value in children(node):
        yield from all_paths(value, (*prefix, key))


def suggestions(node: Any, parts: Sequence[Part]) -> str:
    """Say which existing paths are nearest to one that does not exist; `" Did you mean …?"` or nothing."""
    return did_you_mean(format_path(parts), all_paths(node))


def adding(node: Any, parts: Sequence[Part]) -> str:
    """Say how to add a path that does not exist; `dead_end` says where that cannot be done."""
    return f"{suggestions(node, parts)} Write +{format_path(parts)} to add it."


def dead_end(node: Any, parts: Sequence[Part]) -> str:
    """Say why a path that does not exist cannot be added, and what to do; the empty text where it can be."""
    for depth, part in enumerate(parts):
        name, inner = format_path(parts[:depth]), child(node, part)
        if inner is not MISSING:
            node = inner
        elif isinstance(node, list):
            return f"{name} has {len(node)} elements. Give the whole of {name}, or tune its length."
        elif isinstance(node, (dict, str)) or node is None:
            return ""  # a text may be an interpolation, or `???`
        else:
            return f"{name} is {node!r}, with nothing below it. Give the whole of {name}."
    return ""


def leaves_of(data: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the scalars, and the empty lists and mappings, of plain data by path."""
    items = list(children(data))
    if not items:
        yield prefix, data
    for key, value in items:
        yield from leaves_of(value, f"{prefix}.{key}" if prefix else str(key))


def is_below(path: str, above: str) -> bool:
    """Say whether a path, dots only, is another one or lies below it."""
    return path == above or path.startswith(f"{above}.")


def texts_of(data: Any, prefix: Parts = ()) -> Iterator[tuple[Parts, str]]:
    """Yield the texts in plain data with their paths, whatever their keys are."""
    for key, value in children(data):
        if isinstance(value, str):
            yield (*prefix, key), value
        else:
            yield from texts_of(value, (*prefix, key))
