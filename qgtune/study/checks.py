"""Checks of single settings: each returns the value or raises `ValueError` with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

PROGRESS = ("auto", "bar", "log", "off")


def text(value: Any) -> str:
    """Check for a text; numbers are taken as one."""
    if value is None or isinstance(value, (Mapping, list)):
        raise ValueError("it is no text")
    return str(value)


def optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let null pass, and check anything else."""
    return lambda value: None if value is None else check(value)


def whole(low: int) -> Callable[[Any], int]:
    """Check for a whole number of at least `low`."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("it is no whole number")
        if value < low:
            raise ValueError(f"it must be {low} or more")
        return value

    return check


def number(low: float, high: float) -> Callable[[Any], float]:
    """Check for a number in [low, high]."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError("it is no number")
        if not low <= value <= high:
            raise ValueError(f"it must lie in [{low:g}, {high:g}]")
        return float(value)

    return check


def flag(value: Any) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise ValueError("it is neither true nor false")
    return value


def mapping(value: Any) -> dict[str, Any]:
    """Check for a mapping; its keys become texts."""
    if not isinstance(value, Mapping):
        raise ValueError("it is no mapping")
    return {str(key): item for key, item in value.items()}


def paths(value: Any) -> tuple[str, ...]:
    """Check for a path or a list of paths."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, Sequence) or not all(isinstance(item, str) for item in items):
        raise ValueError("it is no list of paths")
    return tuple(items)


def items(value: Any) -> tuple[Any, ...]:
    """Check for a list."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError("it is no list")
    return tuple(value)


def progress(value: Any) -> str:
    """Check for how progress is shown; a plain `off` is false in YAML."""
    name = "off" if value is False else value
    if name not in PROGRESS:
        raise ValueError("give `auto`, `bar`, `log` or `off`")
    return str(name)
