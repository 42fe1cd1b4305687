"""What a run is judged by."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from rivals import Trial

    Floats = NDArray[np.float64]
    Steps = Sequence[tuple[float, float]]

N_RESAMPLES = 2000


def incumbents(trials: Sequence[Trial], regrets: Floats) -> list[tuple[float, float]]:
    """Return when a run changed its mind, and the true regret of what it then took for the best, by what it had seen.

    Returns:
        Pairs of seconds and regret, in order. The regret may rise: what looks better need not be.
    """
    found: list[tuple[float, float]] = []
    least = math.inf
    for trial in trials:
        if trial.loss < least:
            least = trial.loss
            found.append((trial.end_s, float(regrets[trial.index])))
    return found


def at(steps: Sequence[tuple[float, float]], times_s: Sequence[float]) -> list[float]:
    """Return the regret at these times; NaN before the first trial has ended."""
    return [next((regret for second, regret in reversed(steps) if second <= time), math.nan) for time in times_s]


def sampled(steps: Sequence[tuple[float, float]], times_s: Sequence[float]) -> Floats:
    """Return the regret at these times; before the first trial has ended that of the first."""
    return np.array([steps[0][1] if math.isnan(regret) else regret for regret in at(steps, times_s)])


def sooner(curve: Floats, reference: Floats, times: Floats, end: int = -1) -> float:
    """Return when a curve is where a reference ends, over when that one is; infinity for never.

    Args:
        curve: regrets at `times`; a mean over searches, since the end of a single one is luck.
        reference: likewise.
        times: increasing.
        end: where in `times` the reference ends.
    """
    mine, its = (np.flatnonzero(regrets <= reference[end]) for regrets in (curve, reference))
    return float(times[mine[0]] / times[its[0]]) if len(mine) else math.inf


def time_to(steps: Sequence[tuple[float, float]], regret: float) -> float:
    """Return when a run was at a regret, or below, for good or not; infinity for never."""
    return next((second for second, there in steps if there <= regret + 1e-12), math.inf)


def overhead(trials: Sequence[Trial], n_workers: int) -> float:
    """Return the time from the first start to the last end over what an ideal schedule of the same trainings takes.

    Ideal: in the order in which they started, each on the worker that is free first, for as long as it was recorded.
    """
    free_s = [0.0] * n_workers
    for trial in sorted(trials, key=lambda one: one.start_s):
        heapq.heapreplace(free_s, free_s[0] + trial.recorded_s)
    return (max(t.end_s for t in trials) - min(t.start_s for t in trials)) / max(free_s)


def interval(
    values: Sequence[float], statistic: Callable[[Floats], float] = lambda sample: float(np.median(sample))
) -> tuple[float, float, float]:
    """Return a statistic of some values and its 95 % interval, by bootstrap with a fixed seed."""
    data = np.asarray(values, dtype=float)
    chance = np.random.default_rng(0)
    samples = [statistic(data[chance.integers(len(data), size=len(data))]) for _ in range(N_RESAMPLES)]
    low, high = np.quantile(samples, [0.025, 0.975], method="closest_observation")
    return statistic(data), float(low), float(high)
