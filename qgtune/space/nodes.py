"""What a node of a search space means."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

# What the parser reads and what `space.schema` tells editors are made of these.
KEYS = ("type", "value")
FORMS = {
    "tuple": "A range: [low, high], [low, high, step], or [low, high, true] for a logarithmic one.",
    "categorical": "Choices, which may be lists or mappings; or a mapping of options to what exists only with each.",
    "fixed": "A constant, for a literal that would read as something else.",
}
TYPES = tuple(FORMS)
OPTIONAL = {"tuple": ("when", "prior"), "categorical": ("when", "prior", "replace")}
LIST = "list"
LIST_KEYS = ("type", "length", "each")
LIST_TEXT = "A list of tuned length: `length` is a range [low, high] or choices, `each` the node of every element."
RANGE_SIZES = (2, 3)
_DIGITS = "[0-9]+(?:_[0-9]+)*"
UNSIGNED = rf"(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][-+]?{_DIGITS})?"
NUMBER = rf"[-+]?{UNSIGNED}"


class NodeError(ValueError):
    """A node that means nothing; the text says why and what to do."""


def is_typed(node: Any) -> bool:
    """Say whether a node has the form `{type: …, value: …}`."""
    if not isinstance(node, Mapping) or not isinstance(node.get("type"), str):
        return False
    return set(KEYS) <= set(node) <= {*KEYS, *OPTIONAL.get(node["type"], ())}


def is_list_form(node: Any) -> bool:
    """Say whether a node has the form `{type: list, length: …, each: …}`."""
    return isinstance(node, Mapping) and set(node) == set(LIST_KEYS) and node["type"] == LIST


def form_hint(node: Mapping[Any, Any]) -> str:
    """Say which keys a form has, for a mapping with its `type` and other keys; the empty text where none is named."""
    if "type" not in node:
        return ""
    name = node["type"]
    if name not in (*TYPES, LIST):
        return f"The types of ranges are {', '.join((*TYPES, LIST))}."
    keys = LIST_KEYS if name == LIST else KEYS
    more = f" but {', '.join(OPTIONAL[name])}" if name in OPTIONAL else ""
    return f"The type {name} has the keys {', '.join(keys)}, and no others{more}."


def is_choices(node: Any) -> bool:
    """Say whether a node is a flat, non-empty list of scalars."""
    return isinstance(node, list) and bool(node) and not any(isinstance(item, (list, dict)) for item in node)


_EXACT = sys.float_info.radix**sys.float_info.mant_dig


def range_of(value: Any) -> tuple[BaseDistribution, str]:
    """Read the value of a `{type: tuple}` node.

    Args:
        value: `[low, high]` or `[low, high, third]`; a bool as third makes the range logarithmic, a number is its step.

    Returns:
        The distribution, and a notice when its high end had to be lowered; else the empty text.

    Raises:
        NodeError: when it is no range.
    """
    low, high, third = _three(value)
    log = third is True
    step = None if isinstance(third, bool) or third is None else third
    if low > high:
        raise NodeError(f"its low end {low} is above its high end {high}. Swap them")
    if log and low <= 0:
        raise NodeError(f"a logarithmic range must start above zero, not at {low}. Raise the low end")
    if step is not None and step <= 0:
        raise NodeError(f"its step {step} is not above zero. Give a positive step, or true for a logarithmic range")
    if isinstance(low, int) and isinstance(high, int):
        return _ints(low, high, step, log=log)
    return _floats(float(low), float(high), step, log=log)


def _three(value: Any) -> tuple[Any, Any, Any]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise NodeError(f"a tuple needs a list as its value, not {value!r}. Give [low, high, step]")
    if len(value) == len(("low", "high", "step", "log")) and value[-1] is True:
        raise NodeError("a logarithmic range takes no step. Drop one of the two")
    if len(value) not in RANGE_SIZES:
        raise NodeError(f"a tuple has two or three elements, not {len(value)}. Give [low, high, step or true for log]")
    low, high = (_number(item) for item in value[:2])
    third = None if len(value[2:]) == 0 else value[2]
    if third is not None and not isinstance(third, bool):
        third = _number(third)
    return low, high, third


def _number(item: Any) -> int | float:
    if isinstance(item, str) and re.fullmatch(NUMBER, item.strip()):
        item = float(item)
    if isinstance(item, str) and "${" in item:
        raise NodeError(
            f"a file's ranges hold no interpolations such as {item!r}. Write the number, or the space below "
            "hydra.sweeper.search_space of the config"
        )
    if isinstance(item, bool) or not isinstance(item, (int, float)):
        raise NodeError(f"{item!r} is no number. Give numbers for both ends")
    if not math.isfinite(item):
        raise NodeError(f"{item!r} is not finite. Give finite ends")
    return item


def _ints(low: int, high: int, step: Any, *, log: bool) -> tuple[BaseDistribution, str]:
    if isinstance(step, float):
        if not step.is_integer():
            raise NodeError(f"its ends are whole numbers, but its step {step} is not. Write the ends as floats")
        step = int(step)
    step = 1 if step is None else step
    if max(abs(low), abs(high)) > _EXACT:
        raise NodeError(f"samplers count in floats, which tell whole numbers apart up to {_EXACT:,}. Give smaller ends")
    end = high - (high - low) % step
    return IntDistribution(low, end, step=step, log=log), _lowered(low, high, end, step)


def _floats(low: float, high: float, step: Any, *, log: bool) -> tuple[BaseDistribution, str]:
    if not math.isfinite(high - low):
        raise NodeError(f"its ends {low} and {high} are further apart than floats can tell. Give closer ends")
    if step is None:
        return FloatDistribution(low, high, log=log), ""
    if (high - low) / step > _EXACT:
        raise NodeError(f"its step {step} is too small for floats between {low} and {high} to tell its values apart")
    # Optuna lowers the end by itself, in decimal arithmetic, and warns once per distribution.
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distribution = FloatDistribution(low, high, step=float(step))
    return distribution, _lowered(low, high, distribution.high, step)


def _lowered(low: Any, high: Any, end: Any, step: Any) -> str:
    return "" if end == high else f"no whole number of steps of {step} leads from {low} to {high}: it ends at {end}"
