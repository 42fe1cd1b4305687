"""The overrides that make a trial's config again, and whether they do.

Hydra's grammar cannot spell every key, and merges mappings. What is plain is known to read back as it was written
(`tests/sweep/test_replay.py` holds it to that); all else is parsed, once a value, and compared. Whether the base
settings take it is tried out (`tried_private.py`).
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from qgtune.space.dependencies.resolvers import has_key
from qgtune.space.paths import format_path, parse_path
from qgtune.sweep.compose.arguments import is_word, override_text, without_quotes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from omegaconf import DictConfig

_WORD = r"[A-Za-z_][A-Za-z0-9_-]*"
_PART = re.compile(rf"{_WORD}|0|[1-9][0-9]*")
PLAIN_KEY = re.compile(rf"{_WORD}((\.({_PART.pattern}))*|(/{_WORD})*)")
_WORDS = re.compile(rf"{_WORD}(\.{_WORD})*")


def spelled(path: str, value: Any, *, add: bool = False, deletes: bool = False, extends: bool = False) -> list[str]:
    """Return overrides that set a path.

    Args:
        path: dots only.
        value: plain data.
        add: whether the base settings lack the path.
        deletes: whether a mapping or a list takes the place of the base's, into which Hydra would merge it.
        extends: whether a mapping has keys that the base's lacks, which Hydra takes from `++` only.
    """
    if deletes:
        return [f"~{path}", override_text(path, value, add=True)]
    return [f"++{override_text(path, value)}" if extends else override_text(path, value, add=add)]


def takes_its_place(value: Any, there: Any, *, replaces: bool) -> bool:
    """Say whether a value takes the place of a mapping or list that Hydra would merge it into, or refuse it for.

    Args:
        value: plain data.
        there: what the base settings have, as plain data.
        replaces: whether a mapping is not merged into another.
    """
    if isinstance(value, dict) and isinstance(there, dict):
        return replaces
    return isinstance(value, (dict, list)) and isinstance(there, (dict, list)) and type(value) is not type(there)


def is_field(config: DictConfig, path: str) -> bool:
    """Say whether a path is that of a field of a dataclass, of which Hydra deletes none."""
    above = path.rpartition(".")[0]
    node = OmegaConf.select(config, above) if above else config
    return OmegaConf.is_config(node) and OmegaConf.get_type(node) not in (dict, list)


def within_spelling(config: DictConfig, path: str, value: Any) -> tuple[str, Any]:
    """Return a path and its value as Hydra can name it: no deeper than where a key is one that only a mapping spells.

    Such is a whole number, which stands for the text of its digits in a path, or one with spaces.
    """
    if _WORDS.fullmatch(path):
        return path, value
    keys = _keys(config, path)
    fit = (_PART.fullmatch(str(key)) and (is_index or isinstance(key, str)) for key, is_index in keys)
    n_named = sum(1 for _ in takewhile(bool, fit))
    if n_named in (0, len(keys)):
        return path, value
    for key, _is_index in reversed(keys[n_named:]):
        value = {key: value}
    return format_path(key for key, _is_index in keys[:n_named]), value


def node_at(config: DictConfig, path: str) -> Any:
    """Return what a config has at a path, resolved; None where `???` stands. Unlike OmegaConf's, for any key."""
    node: Any = config
    for key, _is_index in _keys(config, path):
        node = None if OmegaConf.is_missing(node, key) else node[key]
    return node


def _keys(config: DictConfig, path: str) -> list[tuple[Any, bool]]:
    """Return the keys on the way to a path as the config has them, and whether each is an index of a list."""
    keys: list[tuple[Any, bool]] = []
    node: Any = config
    for part in parse_path(path):
        if keys:
            node = node[keys[-1][0]] if has_key(node, keys[-1][0]) else None
        is_index = OmegaConf.is_list(node)
        keys.append((part if is_index or has_key(node, part) else str(part), is_index))
    return keys


def named(value: Any) -> Any:
    """Return plain data with the names of members of an Enum, which Hydra's grammar and a typed config read."""
    if isinstance(value, dict):
        return {named(key): named(item) for key, item in value.items()}
    if isinstance(value, list):
        return [named(item) for item in value]
    return value.name if isinstance(value, Enum) else value


def why_not(set_values: Iterable[tuple[str, Any]]) -> str:
    """Say why overrides do not set these values; the empty text if they do."""
    for path, value in set_values:
        if not PLAIN_KEY.fullmatch(path):
            return f"Hydra cannot spell the key {path!r}"
        if not _is_plain(value) and not _reads_back(override_text(path, value), value):
            return f"Hydra reads the value of {path} as another one"
    return ""


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float)) or (isinstance(value, str) and is_word(value))


def _reads_back(text: str, value: Any) -> bool:
    found = _parsed(text)
    return bool(found) and _same(found[0], value)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> tuple[Any, ...]:
    try:
        return (without_quotes(OverridesParser.create().parse_override(text).value()),)
    except HydraException:
        return ()


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))  # noqa: PLR0124 - NaN
