"""The OmegaConf resolvers that dependencies are written in. Hydra imports this file in every app: keep it light."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

from omegaconf import Container, DictConfig, OmegaConf

from qgtune.errors import QGTuneError


def ref(path: str, *, _root_: DictConfig) -> Any:
    """Return the value at a path of the config: `${qgtune.ref:model.layers.-1.width}`.

    Raises:
        QGTuneError: when the config has no such path.
    """
    from qgtune.space.paths import parse_path, suggestions

    node: Any = _root_
    for part in parse_path(str(path)):
        try:
            node = node[part] if isinstance(node, DictConfig) and part in node else node[_key(node, part)]
        except Exception:  # noqa: BLE001 - OmegaConf raises many kinds for a missing key
            plain = OmegaConf.to_container(_root_, resolve=False)
            hint = suggestions(plain, parse_path(str(path)))
            raise QGTuneError(f"Cannot resolve ${{qgtune.ref:{path}}}: the config has no such path.{hint}") from None
    return node


def _key(node: Any, part: Any) -> Any:
    return str(part) if isinstance(node, DictConfig) else part


def look_up(value: Any, mapping: Any) -> Any:
    """Return what `mapping` gives for `value`: `${qgtune.map:${model.activation},{relu:1,tanh:2}}`.

    Raises:
        QGTuneError: when the mapping has no such key, or is no mapping.
    """
    if not isinstance(mapping, Mapping):
        raise QGTuneError(f"Cannot resolve qgtune.map: {mapping!r} is no mapping. Give one, as in {{relu:1,tanh:2}}.")
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


def register_resolvers() -> None:
    """Register `qgtune.ref`, `qgtune.map` and the arithmetic ones with OmegaConf; a second call changes nothing."""
    _register("ref", ref)
    _register("map", look_up)
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
