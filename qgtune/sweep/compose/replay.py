"""The overrides that make a trial's config again, and whether they do.

Hydra's grammar cannot spell every key, and merges mappings. What is plain is known to read back as it was written
(`tests/sweep/test_replay.py` holds it to that); all else is parsed, once a value, and compared.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from qgtune.sweep.compose.arguments import is_word, override_text, without_quotes

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN_KEY = re.compile(r"[A-Za-z_][\w/-]*(\.[\w-]+)*")


def spelled(path: str, value: Any, *, add: bool = False, replaces: bool = False, extends: bool = False) -> list[str]:
    """Return overrides that set a path.

    Args:
        path: dots only.
        value: plain data.
        add: whether the base settings lack the path.
        replaces: whether a mapping takes the place of the base's: then that is deleted first.
        extends: whether a mapping has keys that the base's lacks, which Hydra takes from `++` only.
    """
    if replaces and isinstance(value, dict) and not add:
        return [f"~{path}", override_text(path, value, add=True)]
    return [f"++{override_text(path, value)}" if extends else override_text(path, value, add=add)]


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
