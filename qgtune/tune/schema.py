"""The JSON schema of a tuning config, made of the checks of its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.space.reading.schema import DIALECT
from qgtune.tune.settings import KEYS

if TYPE_CHECKING:
    from qgtune.space.reading.schema import Schema


def tuning_schema() -> Schema:
    """Return the schema of a tuning config."""
    properties: dict[str, Any] = {
        name: {"description": key.meaning, "default": key.default, **key.check.schema} for name, key in KEYS.items()
    }
    return {
        "$schema": DIALECT,
        "title": "Tuning config of qgtune",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
