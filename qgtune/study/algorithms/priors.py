"""Draws around a prior: how many, where they lie, and whether the trials so far bear it out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qgtune.space.counting import in_decimals

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

N_TRUSTED = 10
"""How many finished trials a study has before its prior fades: Optuna's samplers start at random for as many."""
SHARE = 0.75
"""The share of the trials until then that are drawn around the prior; from the k-th on, (N_TRUSTED / k)³ of it.

A slower fade costs more than it finds (`tests/benchmarks/quality/samplers.py`)."""
N_TRIED = 4
"""How many completed trials a study has before they tell whether its prior is right."""
WIDTH = 0.15
"""The standard deviation of a number around its prior, as a part of its range, logarithmic where the range is."""


def share(n_finished: int) -> float:
    """Return the part of the next trials that is drawn around the prior, after so many finished ones."""
    return SHARE * min(1.0, N_TRUSTED / max(1, n_finished)) ** 3


def trust(prior: Mapping[str, Any], trials: Sequence[FrozenTrial]) -> float:
    """Return how far trials bear a prior out: how many of their best third are near it, to how many of all are.

    Args:
        prior: values by path, as the study stores them.
        trials: completed ones, the best first.

    Returns:
        From 0, none of the best, to 1, at least as many as by chance; 1 while there are too few to tell.
    """
    if len(trials) < N_TRIED:
        return 1.0
    near = [is_near(prior, trial) for trial in trials]
    n_best = max(2, len(near) // 3)
    return min(1.0, (sum(near[:n_best]) / n_best) / ((sum(near) + 0.5) / (len(near) + 1)))


def is_near(prior: Mapping[str, Any], trial: FrozenTrial) -> bool:
    """Say whether a trial's values are more likely among draws around a prior than among random ones."""
    shared = [(prior[name], value, trial.distributions[name]) for name, value in trial.params.items() if name in prior]
    return sum(_log_ratio(center, value, distribution) for center, value, distribution in shared) > 0


def _log_ratio(center: Any, value: Any, distribution: BaseDistribution) -> float:
    """Return the log of how much likelier a value is among draws around `center` than among random ones."""
    if isinstance(distribution, CategoricalDistribution):
        return math.log(0.5 * len(distribution.choices) * (value == center) + 0.5)
    low, high, scale, _back = _scaled(distribution)
    if low == high:
        return 0.0
    width = WIDTH * (high - low)
    below, above = ((end - scale(center)) / width for end in (low, high))
    kept = 0.5 * (math.erf(above / math.sqrt(2)) - math.erf(below / math.sqrt(2)))
    return -0.5 * ((scale(value) - scale(center)) / width) ** 2 - math.log(math.sqrt(2 * math.pi) * WIDTH * kept)


def drawn_around(center: Any, distribution: BaseDistribution, source: random.Random) -> Any:
    """Draw a value near `center`: of choices it is that one in at least half of the cases.

    Args:
        center: a value of the distribution, as the study stores it.
        distribution: what values there are.
        source: of random numbers.
    """
    if isinstance(distribution, CategoricalDistribution):
        return center if source.random() < 0.5 else source.choice(distribution.choices)  # noqa: PLR2004 - one in two
    low, high, scale, back = _scaled(distribution)
    while not low <= (drawn := source.gauss(scale(center), WIDTH * (high - low))) <= high:
        pass
    return _on_grid(back(drawn), distribution)


def _scaled(distribution: BaseDistribution) -> tuple[float, float, Callable[[float], float], Callable[[float], float]]:
    """Return the ends of a range on its scale, what brings a value to that scale, and what brings it back."""
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        raise TypeError(f"no distribution of ours: {distribution}")
    scale, back = (math.log, math.exp) if distribution.log else (float, float)
    return scale(distribution.low), scale(distribution.high), scale, back


def _on_grid(value: float, distribution: Any) -> float | int:
    if distribution.step is not None:
        steps = round((value - distribution.low) / distribution.step)
        value = in_decimals(distribution.low + steps * distribution.step, distribution)
    value = min(max(value, distribution.low), distribution.high)
    return int(value) if isinstance(distribution, IntDistribution) else value
