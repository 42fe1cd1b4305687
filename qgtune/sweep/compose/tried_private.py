"""Overrides put into a config as Hydra itself puts them in, to see what it makes of them.

Composing anew takes a hundred times as long. Tried on Hydra 1.3 and 1.4 by `tests/sweep/test_replay.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qgtune.errors import first_line
from qgtune.space.paths import format_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from omegaconf import DictConfig


def difference(base: DictConfig, overrides: Sequence[str], expected: Any) -> str:
    """Say why overrides do not make a config; the empty text if they do.

    Args:
        base: what they are put into; it changes.
        overrides: none that chooses an option of a config group.
        expected: the config as plain data, interpolations as text, members of an Enum by name.
    """
    OmegaConf.set_struct(base, True)
    try:
        ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(list(overrides)), base)
    except (HydraException, OmegaConfBaseException, ValueError, TypeError, KeyError) as error:
        return f"Hydra says: {first_line(error).rstrip('.')}"
    found = OmegaConf.to_container(base, resolve=False, enum_to_str=True)
    other = next(_different(found, expected), None)
    return "" if other is None else f"Hydra makes another value of {format_path(other)}"


def _different(found: Any, expected: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths where two configs differ; the order of keys is none."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in {**expected, **found}:
            if key not in found or key not in expected:
                yield (*here, key)
            else:
                yield from _different(found[key], expected[key], (*here, key))
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for index, (one, other) in enumerate(zip(found, expected, strict=True)):
            yield from _different(one, other, (*here, index))
    elif type(found) is not type(expected) or (found != expected and (found == found or expected == expected)):  # noqa: PLR0124 - NaN
        yield here
