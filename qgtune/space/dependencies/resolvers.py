"""The OmegaConf resolvers that dependencies are written in. Hydra imports this file in every app: keep it light."""

from __future__ import annotations

import contextvars
import functools
import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import Container, DictConfig, ListConfig, OmegaConf

from qgtune.errors import QGTuneError

# The references that are being resolved now, outermost first: by root and path.
_active: contextvars.ContextVar[tuple[tuple[int, str], ...]] = contextvars.ContextVar("qgtune_ref", default=())


def ref(path: str, *, _root_: DictConfig) -> Any:
    """Return the value at a path of the config: `${qgtune.ref:model.layers.-1.width}`.

    Raises:
        QGTuneError: when the config has no such path.
    """
    from qgtune.space.paths import format_path, parse_path

    parts = parse_path(str(path))
    here = (id(_root_), format_path(parts))
    trail = _active.get()
    if here in trail:
        names = [name for _, name in (*trail[trail.index(here) :], here)]
        raise QGTuneError(f"Cannot resolve ${{qgtune.ref:{path}}}: it follows itself: {' -> '.join(names)}.")
    token = _active.set((*trail, here))
    try:
        return _walk(_root_, parts, str(path))
    finally:
        _active.reset(token)


def _walk(root: DictConfig, parts: tuple[str | int, ...], path: str) -> Any:
    node: Any = root
    for part in parts:
        key = part if not isinstance(node, DictConfig) or part in node else str(part)
        if not has_key(node, key):
            from qgtune.space.paths import suggestions

            hint = suggestions(OmegaConf.to_container(root, resolve=False), parts)
            raise QGTuneError(f"Cannot resolve ${{qgtune.ref:{path}}}: the config has no such path.{hint}")
        node = node[key]
    return node


def has_key(node: Any, key: Any) -> bool:
    """Say whether a container has a key or an index, whatever stands there."""
    if isinstance(node, ListConfig):
        return isinstance(key, int) and -len(node) <= key < len(node)
    return isinstance(node, DictConfig) and key in node.keys()  # noqa: SIM118 - `in` alone is false where ??? stands


def look_up(value: Any, mapping: Any) -> Any:
    """Return what `mapping` gives for `value`: `${qgtune.map:${model.activation},{relu:1,tanh:2}}`.

    Raises:
        QGTuneError: when the mapping has no such key, or is no mapping.
    """
    if not isinstance(mapping, Mapping):
        raise QGTuneError(f"Cannot resolve qgtune.map: {mapping!r} is no mapping. Give one, as in {{relu:1,tanh:2}}.")
    for key in mapping:
        if type(key) is type(value) and key == value:
            return mapping[key]
    for key in mapping:
        if key == value or str(key) == str(value):
            return mapping[key]
    known = ", ".join(repr(key) for key in mapping)
    raise QGTuneError(f"Cannot resolve qgtune.map: {value!r} is none of {known}.")


def _fold(name: str, function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def resolve(*values: Any) -> Any:
        numbers = [item for value in values for item in (value if isinstance(value, Container) else (value,))]
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                raise QGTuneError(f"Cannot resolve qgtune.{name}: {number!r} is no number.")
        if not numbers:
            raise QGTuneError(f"Cannot resolve qgtune.{name}: it was given no values.")
        try:
            return functools.reduce(function, numbers)
        except ZeroDivisionError:
            raise QGTuneError(f"Cannot resolve qgtune.{name}: a divisor is zero.") from None

    return resolve


def couple(path: str, pairs: Any, *, _root_: DictConfig) -> Any:
    """Return what goes with a value, found by equality: `${qgtune.couple:model.sizes,[[[1,2],3],[[4],5]]}`.

    Args:
        path: where the value is, which may be a list, a mapping or null.
        pairs: lists of two: such a value, and what goes with it.

    Raises:
        QGTuneError: when no pair has the value, or they are no pairs.
    """
    value, known = resolved(ref(path, _root_=_root_)), resolved(pairs)
    if not isinstance(known, list) or not all(
        isinstance(pair, list) and len(pair) == len(("value", "goes with it")) for pair in known
    ):
        raise QGTuneError(
            f"Cannot resolve qgtune.couple: {known!r} are no pairs. Give [[value, what goes with it], ...]."
        )
    for one, other in known:
        if same(one, value):
            return other
    raise QGTuneError(f"Cannot resolve qgtune.couple: {value!r} of {path} is in none of the pairs.")


def resolved(value: Any) -> Any:
    """Return a node of a config as plain data with every interpolation resolved; any other value as it is."""
    return OmegaConf.to_container(value, resolve=True) if isinstance(value, Container) else value


def _compare(name: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def resolve(one: Any, other: Any) -> bool:
        one, other = resolved(one), resolved(other)
        try:
            return bool(holds(one, other))
        except TypeError:
            raise QGTuneError(f"Cannot resolve qgtune.{name}: {one!r} and {other!r} do not compare.") from None

    return resolve


def same(one: Any, other: Any) -> bool:
    """Say whether two plain values are one: 0 is 0.0, but 1 is not true."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _truths(name: str, values: tuple[Any, ...]) -> tuple[bool, ...]:
    for value in values:
        if not isinstance(value, bool):
            raise QGTuneError(f"Cannot resolve qgtune.{name}: {value!r} is neither true nor false.")
    return values


def _opposite(value: Any) -> bool:
    return not _truths("not", (value,))[0]


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "le": operator.le,
    "lt": operator.lt,
    "ge": operator.ge,
    "gt": operator.gt,
    "eq": same,
    "ne": lambda one, other: not same(one, other),
    "in": lambda one, several: any(same(one, other) for other in several),
}


def register_resolvers() -> None:
    """Register our resolvers with OmegaConf; a second call changes nothing."""
    _register("ref", ref)
    _register("map", look_up)
    _register("couple", couple)
    for name, holds in COMPARISONS.items():
        _register(name, _compare(name, holds))
    _register("and", lambda *values: all(_truths("and", values)))
    _register("or", lambda *values: any(_truths("or", values)))
    _register("not", _opposite)
    folds: dict[str, Callable[[Any, Any], Any]] = {
        "add": operator.add,
        "sub": operator.sub,
        "mul": operator.mul,
        "floordiv": operator.floordiv,
        "min": min,
        "max": max,
    }
    for name, function in folds.items():
        _register(name, _fold(name, function))


def _register(name: str, function: Callable[..., Any]) -> None:
    # OmegaConf 2.4 warns of `register_new_resolver`; in 2.3, `register_resolver` is an even older function.
    register: Any = getattr(OmegaConf, "register_resolver", None)
    if register is not None and "annotation_validation" in inspect.signature(register).parameters:
        register(f"qgtune.{name}", function, replace=True, annotation_validation="off")
    else:
        OmegaConf.register_new_resolver(f"qgtune.{name}", function, replace=True)
