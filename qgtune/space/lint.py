"""What looks wrong in a search space that can be used as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.distributions import FloatDistribution, IntDistribution

from qgtune.errors import Located
from qgtune.space.dependencies.mapping import interpolations
from qgtune.space.paths import MISSING, is_within, overlap, parse_path
from qgtune.space.points import base_value
from qgtune.space.wording import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from omegaconf import DictConfig

    from qgtune.space.model import Hyperparameter, SearchSpace

WIDE = 1000  # ends this many times apart are rarely meant to be linear


def lint(space: SearchSpace, config: DictConfig | None) -> list[str]:
    """Return a warning for each thing in a space that is legal but seldom meant.

    These are: a base value outside its range; a single choice; a range whose reader follows something else; a linear
    range whose ends lie more than 1000 times apart.

    Args:
        space: a space that was built and checked.
        config: the base settings that it is for, before `space.prepare`; None when there are none.
    """
    found: list[str] = []
    for item in space.items:
        found += [_located(item, text) for text in (*_base(item, config), *_single(item), *_linear(item))]
    return found + (list(_unread(space, config)) if config is not None else [])


def _located(item: Hyperparameter, text: str) -> Located:
    return Located(f"{item.path} of {item.source}: {text}", item.path, item.source)


def _base(item: Hyperparameter, config: DictConfig | None) -> Iterator[str]:
    if config is None or item.when:  # the base settings may hold something else there
        return
    value = base_value(config, item)
    if value is MISSING:
        return
    try:
        item.encode(value)
    except ValueError:
        yield f"its base value {value!r} lies outside of it ({words(item.distribution)})."


def _single(item: Hyperparameter) -> Iterator[str]:
    if item.distribution.single():
        value = item.extremes()[0]
        yield f"it has one value only, {value!r}. Write that value, or give it more."


def _linear(item: Hyperparameter) -> Iterator[str]:
    match item.distribution:
        case FloatDistribution(low=low, high=high, log=False, step=None) if 0 < low < high / WIDE:
            yield _wide(low, high)
        case IntDistribution(low=low, high=high, log=False, step=1) if 0 < low < high / WIDE:
            yield _wide(low, high)


def _wide(low: float, high: float) -> str:
    return (
        f"it is linear, though {high:g} is more than {WIDE} times {low:g}, so that few trials get a small value. For a "
        f"logarithmic range write [{low:g}, {high:g}, true], on the command line tag(log,interval({low:g},{high:g}))."
    )


def _unread(space: SearchSpace, config: DictConfig) -> Iterator[str]:
    """Find ranges whose one reader in the base settings was given something else to follow."""
    readers = interpolations(config)
    for item in space.hyperparameters.values():
        path = parse_path(item.path)
        reading = [target for target, sources in readers.items() if _reads(sources, path)]
        overwritten = [target for target in reading if _is_set(target, space.dependencies)]
        followed = any(_reads(dependency.sources, path) for dependency in space.dependencies.values())
        if reading and overwritten == reading and not followed:
            text = (
                f"it is read by {', '.join(reading)}, which a dependency sets to something else. "
                "Unless your code reads it, too, the range has no effect."
            )
            yield _located(item, text)


def _reads(sources: tuple[str, ...], path: tuple[str | int, ...]) -> bool:
    return any(overlap(parse_path(source), path) for source in sources)


def _is_set(path: str, targets: Mapping[str, object]) -> bool:
    return any(is_within(parse_path(path), parse_path(target)) for target in targets)
