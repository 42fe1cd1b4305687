"""Checks of single settings: each returns the value or raises `ValueError` with the reason."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Check(Generic[T]):
    """A check, and the JSON schema of what it lets pass, for editors.

    Attributes:
        read: returns the value or raises `ValueError`.
        schema: may let pass what no schema can tell: that 5.0 is no whole number.
    """

    read: Callable[[Any], T]
    schema: Mapping[str, Any]

    def __call__(self, value: Any) -> T:
        """Return the value or raise `ValueError` with the reason."""
        return self.read(value)


def _text(value: Any) -> str:
    if value is None or isinstance(value, (Mapping, list)) or value != value:  # noqa: PLR0124 - NaN
        raise ValueError("it is no text")
    if not str(value).strip():
        raise ValueError("it is empty. Leave it out, or give null, for none")
    return str(value)


text = Check(_text, {"type": ["string", "number", "boolean"], "pattern": r"\S"})
"""Checks for a text; numbers are taken as one."""


def optional(check: Check[T]) -> Check[T | None]:
    """Let null pass, and check anything else."""
    return Check(lambda value: None if value is None else check(value), {"anyOf": [check.schema, {"type": "null"}]})


def whole(low: int, high: int = 10**9) -> Check[int]:
    """Check for a whole number in [low, high]."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("it is no whole number")
        if value < low:
            raise ValueError(f"it must be {low} or more")
        if value > high:
            raise ValueError(f"it must be {high:,} or less")
        return value

    return Check(check, {"type": "integer", "minimum": low, "maximum": high})


seed = whole(0, 2**32 - 1)
"""Checks for the root of random numbers, as numpy takes it."""


def number(low: float, high: float) -> Check[float]:
    """Check for a number in [low, high]."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("it is no number")
        if not low <= value <= high:
            raise ValueError(f"it must lie in [{low:g}, {high:g}]")
        return float(value)

    ends = {name: end for name, end in (("minimum", low), ("maximum", high)) if abs(end) != float("inf")}
    return Check(check, {"type": "number", **ends})


seconds = number(0, float("inf"))
"""Checks for a duration."""


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it is neither true nor false")
    return value


flag = Check(_flag, {"type": "boolean"})
"""Checks for true or false."""


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("it is no mapping")
    return {str(key): item for key, item in value.items()}


mapping = Check(_mapping, {"type": "object"})
"""Checks for a mapping; its keys become texts."""


def _storage(value: Any) -> str | dict[str, Any]:
    return mapping(value) if isinstance(value, Mapping) else text(value)


storage: Check[str | dict[str, Any]] = Check(_storage, {"anyOf": [text.schema, mapping.schema]})
"""Checks for a path or URL, or a mapping with a `_target_`."""


def _paths(value: Any) -> tuple[str, ...]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, Sequence) or not all(isinstance(item, str) for item in items):
        raise ValueError("it is no list of paths")
    return tuple(items)


paths = Check(_paths, {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
"""Checks for a path or a list of paths."""


def _prior(value: Any) -> str | dict[str, Any]:
    if isinstance(value, str) and value != "base":
        raise ValueError("give `base`, or a mapping of paths to values")
    return value if isinstance(value, str) else mapping(value)


prior = Check(_prior, {"anyOf": [{"const": "base"}, mapping.schema]})
"""Checks for `base`, or a mapping."""


def _items(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError("it is no list")
    return tuple(value)


items = Check(_items, {"type": "array"})
"""Checks for a list."""


def one_of_or_off(*known: str) -> Check[str]:
    """Return a check that the value is one of some texts, or `off`, which is false where it stands plain in YAML."""

    def read(value: Any) -> str:
        name = "off" if value is False else value
        if name not in (*known, "off"):
            raise ValueError(f"give {', '.join(f'`{one}`' for one in known)} or `off`")
        return str(name)

    return Check(read, {"enum": [*known, "off", False]})


progress = one_of_or_off("auto", "bar", "log")
"""Checks for how progress is shown."""


def one_of(*known: str) -> Check[str]:
    """Return a check that the value is one of some texts."""

    def read(value: Any) -> str:
        if value not in known:
            raise ValueError(f"it must be {' or '.join(known)}")
        return str(value)

    return Check(read, {"enum": list(known)})


def named(name: str) -> Callable[[Any], Any]:
    """Return a check that is imported when it is first needed: `package.module:Class.method`."""

    def check(value: Any) -> Any:
        read: Callable[[Any], Any] = pkgutil.resolve_name(name)
        return read(value)

    return check
