"""A value of the config as the study stores it, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution

from qgtune.space.counting import in_decimals
from qgtune.space.dependencies.resolvers import same

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_JSON = ("[", "{", '"')


def index_of(distribution: CategoricalDistribution, stored: Any) -> int:
    """Return which choice a stored value is.

    Raises:
        ValueError: when it is none.
    """
    for index, choice in enumerate(distribution.choices):
        if same(choice, stored):
            return index
    raise ValueError(f"{stored!r} is none of {', '.join(map(repr, distribution.choices))}")


def to_stored(value: Any) -> Any:
    """Return a choice as Optuna stores it, so that `from_stored` gives it back whoever reads the study.

    A list or a mapping is compact JSON text, a text that looks like one is quoted as JSON quotes it; an Enum member is
    its name, a `Path` its text.

    Raises:
        ValueError: for NaN, which is no choice since it equals nothing.
        TypeError: for what cannot be written down.
    """
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, PurePath):
        return str(value)
    if _holds_nan(value):
        raise ValueError("NaN equals nothing, not even itself. Take null or .inf")
    if value == "???":
        raise ValueError("'???' is how configs mark a missing value. Take null or another text")
    if isinstance(value, (Mapping, list, tuple)) or (isinstance(value, str) and value[:1] in _JSON):
        return json.dumps(_named(value), separators=(",", ":"), ensure_ascii=False)
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise TypeError(f"a {type(value).__name__} cannot be stored")
    return value


def _named(value: Any) -> Any:
    """Return a choice with its Enum members and paths as text, wherever they stand in it."""
    if isinstance(value, Mapping):
        return {_named(key): _named(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(one) for one in value]
    return value.name if isinstance(value, Enum) else str(value) if isinstance(value, PurePath) else value


def _holds_nan(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_nan, value.values()))
    return any(map(_holds_nan, value)) if isinstance(value, (list, tuple)) else value != value  # noqa: PLR0124


def from_stored(stored: Any, distribution: BaseDistribution) -> Any:
    """Return a study's value as a value of the config, without knowing the space that it was sampled from."""
    if isinstance(stored, float):
        return in_decimals(stored, distribution)
    if not isinstance(distribution, CategoricalDistribution) or not isinstance(stored, str) or stored[:1] not in _JSON:
        return stored
    try:
        value = json.loads(stored)
    except ValueError:
        return stored
    # A text of somebody else's is no choice of ours, unless it is written as ours are.
    written = (json.dumps(value, separators=(",", ":"), ensure_ascii=is_ascii) for is_ascii in (False, True))
    return value if stored in written else stored


def is_same(one: Any, other: Any) -> bool:
    """Say whether two values of the config are one choice: `0.0` and `0` are, `1` and true are not."""
    try:
        one, other = to_stored(one), to_stored(other)
    except (TypeError, ValueError):
        return False
    return same(one, other)
