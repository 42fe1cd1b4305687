"""How many values a distribution has, and which."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution


def values_of(distribution: BaseDistribution) -> Sequence[Any] | None:
    """Return every value of a distribution, both ends included; None when they cannot be counted."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step)
    if isinstance(distribution, FloatDistribution):
        if distribution.low == distribution.high:
            return [distribution.low]
        if distribution.step is not None:
            return _steps(distribution.low, distribution.high, distribution.step)
    return None


def _steps(low: float, high: float, step: float) -> list[float]:
    """Count in decimals, as Optuna does: in binary the end would be missed."""
    n = int((Decimal(str(high)) - Decimal(str(low))) / Decimal(str(step)))
    return [_at(low, step, index) for index in range(n + 1)]


def in_decimals(value: float, distribution: BaseDistribution) -> float:
    """Return a stepped float as the decimals that were written give it: 0.3, where Optuna adds up to one bit more."""
    if not isinstance(distribution, FloatDistribution) or distribution.step is None:
        return value
    return _at(distribution.low, distribution.step, round((value - distribution.low) / distribution.step))


def _at(low: float, step: float, index: int) -> float:
    return float(Decimal(str(low)) + Decimal(str(step)) * index)
