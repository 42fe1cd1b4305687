"""Writing to a composed config by paths, in place, and asking what it has there."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, ListConfig, OmegaConf, flag_override
from omegaconf.errors import ValidationError

from qgtune.space.dependencies.resolvers import has_key
from qgtune.space.leaves_private import set_leaf
from qgtune.space.paths import Part, Parts, format_path, parse_path

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def place(config: DictConfig, values: Mapping[str, Any], replaced: Collection[str] = ()) -> None:
    """Set values by path, in place; mappings are merged, but for those that replace what is there."""
    parents: dict[Parts, Any] = {}
    for path, value in values.items():
        parts = parse_path(path)
        above, last = parts[:-1], parts[-1]
        if (parent := parents.get(above)) is None:
            parent = parents[above] = _parent(config, parts)
        merges = isinstance(value, dict) and path not in replaced
        _put(parent, last, _merged(parent, last, value) if merges else value)
        if isinstance(value, (dict, list)):
            parents.clear()  # what lay below is another node now


def assign(config: DictConfig, parts: Parts, value: Any) -> None:
    """Set one value in a config, making the mappings above it where they are missing.

    Raises:
        omegaconf.errors.OmegaConfBaseException: when the node does not take the value.
    """
    _put(_parent(config, parts), parts[-1], value)


def remove(config: DictConfig, parts: Parts) -> None:
    """Take a path out of a config, if it is there."""
    node: Any = config
    for part in parts[:-1]:
        key = _key(node, part)
        if not has_key(node, key) or OmegaConf.is_missing(node, key) or not OmegaConf.is_config(node[key]):
            return
        node = node[key]
    if has_key(node, key := _key(node, parts[-1])):
        with _open(node):
            del node[key]


def has_path(config: DictConfig, path: str) -> bool:
    """Say whether a config has a node at a path, whatever it holds."""
    node: Any = config
    for part in parse_path(path):
        if not OmegaConf.is_config(node):
            return False
        key = part if has_key(node, part) else str(part)
        if not has_key(node, key):
            return False
        if OmegaConf.is_interpolation(node, key):
            return True  # where it leads is known when it is read
        node = None if OmegaConf.is_missing(node, key) else node[key]
    return True


def shorten(config: DictConfig, parts: Parts, length: int) -> None:
    """Leave a list that many elements."""
    node = _parent(config, (*parts, 0))
    with _open(node):
        while len(node) > length:
            node.pop()


def _parent(config: DictConfig, parts: Parts) -> Any:
    node: Any = config
    for part in parts[:-1]:
        key = _key(node, part)
        if isinstance(node, DictConfig) and (key not in node or _is_null(node, key)):
            _put(node, part, {})
        node = node[key]
    if not OmegaConf.is_config(node):
        raise TypeError(f"{format_path(parts[:-1])} is a value, with nothing below it")
    return node


def _is_null(node: DictConfig, key: Any) -> bool:
    return not OmegaConf.is_missing(node, key) and not OmegaConf.is_interpolation(node, key) and node[key] is None


def _open(node: Any) -> Any:
    # On the node itself: a structured node minds only its own flags.
    return flag_override(node, ["struct", "readonly"], [False, False])


def _put(node: Any, part: Part, value: Any) -> None:
    key = _key(node, part)
    if set_leaf(node, key, value):
        return
    with _open(node):
        try:
            node[key] = value
        except ValidationError:
            if not isinstance(node, DictConfig) or not isinstance(value, (dict, list)):
                raise
            node.merge_with({key: value})  # which makes mappings the dataclasses that the node wants


def _merged(parent: Any, part: Part, value: dict[Any, Any]) -> Any:
    """Return a mapping merged into what is there, as Hydra merges an override."""
    key = _key(parent, part)
    there = parent[key] if isinstance(parent, ListConfig) else parent.get(key)
    if not isinstance(there, DictConfig):
        return value
    copied = copy.deepcopy(there)
    with _open(copied):
        copied.merge_with(value)
    return copied


def _key(node: DictConfig | ListConfig, part: Part) -> Any:
    if isinstance(node, ListConfig) or part in node:
        return part
    return str(part)


def plain(config: Any) -> Any:
    """Return a config as plain data, interpolations as text."""
    return OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config
