"""Pickling what belongs to the user: by name where it can be found, by value where it cannot."""

from __future__ import annotations

import pickle
from typing import Any


def dumps(thing: Any) -> bytes:
    """Pickle a thing; with what no module holds by name, such as the dataclasses of hydra-zen, by value."""
    try:
        return pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError):
        import cloudpickle  # slow to import, and seldom needed

        pickled: bytes = cloudpickle.dumps(thing)
        return pickled


def loads(pickled: bytes) -> Any:
    """Return what `dumps` pickled."""
    return pickle.loads(pickled)
