"""How many values a distribution has, and which."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def values_of(distribution: BaseDistribution) -> Sequence[Any] | None:
    """Return every value of a distribution, both ends included; None when they cannot be counted.

    Those of a range are not listed: there may be very many.
    """
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step)
    if isinstance(distribution, FloatDistribution):
        if distribution.low == distribution.high:
            return [distribution.low]
        if distribution.step is not None:
            return _Steps(distribution.low, distribution.high, distribution.step)
    return None


class _Steps(Sequence[float]):
    """The values of a stepped range of floats, counted in decimals as Optuna does: in binary the end would be missed.

    Args:
        low: the first value.
        high: the last value.
        step: the distance between two of them.
    """

    def __init__(self, low: float, high: float, step: float) -> None:
        self._low, self._step = low, step
        self._indices = range(int((Decimal(str(high)) - Decimal(str(low))) / Decimal(str(step))) + 1)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: Any) -> Any:
        found = self._indices[index]
        if isinstance(found, int):
            return _at(self._low, self._step, found)
        return [_at(self._low, self._step, one) for one in found]


def in_decimals(value: float, distribution: BaseDistribution) -> float:
    """Return a stepped float as the decimals that were written give it: 0.3, where Optuna adds up to one bit more."""
    if not isinstance(distribution, FloatDistribution) or distribution.step is None:
        return value
    return _at(distribution.low, distribution.step, round((value - distribution.low) / distribution.step))


def _at(low: float, step: float, index: int) -> float:
    return float(Decimal(str(low)) + Decimal(str(step)) * index)
