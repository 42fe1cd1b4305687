"""Pickling what belongs to the user: by name where it can be found, by value where `cloudpickle` is installed."""

from __future__ import annotations

import pickle
from typing import Any

from qgtune.errors import QGTuneError, first_line


def dumps(thing: Any) -> bytes:
    """Pickle a thing; with what no module holds by name, such as the dataclasses of hydra-zen, by value.

    Raises:
        QGTuneError: when that needs `cloudpickle`, and it is not installed.
    """
    try:
        return pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        try:
            import cloudpickle
        except ImportError:
            raise QGTuneError(
                f"Cannot copy the config: {first_line(error)}. Install cloudpickle, or define the class at the top "
                "level of a module."
            ) from None
        pickled: bytes = cloudpickle.dumps(thing)
        return pickled


def loads(pickled: bytes) -> Any:
    """Return what `dumps` pickled."""
    return pickle.loads(pickled)
