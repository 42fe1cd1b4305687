"""Whether the best values lie at the end of a range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna.distributions import FloatDistribution, IntDistribution

from qgtune.results.report.conclusions.known import Conclusion, Known
from qgtune.results.report.study_state import sorted_by_value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    Range = FloatDistribution | IntDistribution

NEAR = 0.05
CLOSE = 0.1
BEST_SHARE = 0.1
FEWEST_BEST = 5
UNLIKELY = 0.01
DECADE = 10


@dataclass(frozen=True, slots=True)
class Edge:
    """An end of a range at which the best trials lie.

    Attributes:
        path: of the hyperparameter.
        range: its distribution.
        upper: whether it is the upper end.
        n_near: how many of the best trials lie at it.
        n_best: of how many.
    """

    path: str
    range: Range
    upper: bool
    n_near: int
    n_best: int


def edge(known: Known) -> Conclusion | None:
    """Name the most important hyperparameter whose best values lie at an end of its range, and the wider range."""
    found = next(iter(edges(known)), None)
    if found is None:
        return None
    best = known.state.best[0].params[found.path]
    end = found.range.high if found.upper else found.range.low
    wider = override(found)
    text = (
        f"The best {known.names[found.path]}, {best:.4g}, lies at the {'upper' if found.upper else 'lower'} end of its "
        f"range, {end:g}, as in {found.n_near} of the best {found.n_best} trials: a wider range may hold better ones."
    )
    return Conclusion(text, known.resume(wider, known.more_trials(0.5)))


def edges(known: Known) -> list[Edge]:
    """Return the ends at which the best trials lie, those of the most important hyperparameter first.

    Silent for a hyperparameter that is not established to matter, that only some trials have, and for an end that has
    nothing beyond it: zero, or one for a range of shares.
    """
    importances = None if known.state.is_multi_objective else known.importances[0]
    if importances is None or not known.state.best:
        return []
    ranked = sorted_by_value(known.state, known.state.completed)
    best = ranked[: max(FEWEST_BEST, round(BEST_SHARE * len(ranked)))]
    paths = [path for path in importances.established if all(path in trial.params for trial in known.finished)]
    found = [_edge(path, known.space[path], best, upper=upper) for path in paths for upper in (True, False)]
    return [one for one in found if one is not None]


def _edge(path: str, distribution: BaseDistribution, best: list[FrozenTrial], *, upper: bool) -> Edge | None:
    if not isinstance(distribution, (FloatDistribution, IntDistribution)) or _is_natural(distribution, upper=upper):
        return None
    places = [_place(trial.params[path], distribution) for trial in best]
    distances = [1 - place if upper else place for place in places]
    n_near = sum(distance <= CLOSE for distance in distances)
    if distances[0] > NEAR or _chance(n_near, len(distances), _share_near(distribution)) > UNLIKELY:
        return None
    return Edge(path, distribution, upper, n_near, len(distances))


def _is_natural(distribution: Range, *, upper: bool) -> bool:
    """Say whether a range cannot go on beyond an end."""
    if upper:
        is_share = isinstance(distribution, FloatDistribution) and not distribution.log
        return is_share and distribution.high == 1 and distribution.low >= 0
    least = _least(distribution)
    return distribution.low >= least > distribution.low - (distribution.step or 0) or distribution.low == least


def _least(distribution: Range) -> int:
    """Return below what a range that lies above it does not go on: nothing has less than one layer."""
    return 1 if isinstance(distribution, IntDistribution) and distribution.low > 0 else 0


def _place(value: float, distribution: Range) -> float:
    """Return where a value lies in its range, from 0 to 1, in the range's own scale."""
    low, high, at = distribution.low, distribution.high, value
    if distribution.log:
        low, high, at = math.log(low), math.log(high), math.log(at)
    return 0.5 if low == high else (at - low) / (high - low)


def _share_near(distribution: Range) -> float:
    """Return the share of the range that counts as near an end: a tenth, or one value of few."""
    n_values = math.inf if distribution.step is None else (distribution.high - distribution.low) / distribution.step + 1
    return max(CLOSE, 1 / n_values)


def _chance(n_near: int, n_all: int, share: float) -> float:
    """Return how likely so many or more lie near an end if values are drawn without regard to it."""
    return sum(math.comb(n_all, k) * share**k * (1 - share) ** (n_all - k) for k in range(n_near, n_all + 1))


def override(found: Edge) -> str:
    """Return the override that makes a range wider at one end: by a decade if it is logarithmic, else by half."""
    low, high = _wider(found)
    if isinstance(found.range, IntDistribution):
        if found.range.step != 1:
            return f"{found.path}=range({low},{high + 1},{found.range.step})"
        interval = f"int(interval({low},{high}))"
    elif found.range.step is not None:
        return f"{found.path}=range({low:.12g},{high + found.range.step / 2:.12g},{found.range.step:.12g})"
    else:
        interval = f"interval({low:.12g},{high:.12g})"
    return f"{found.path}=tag(log,{interval})" if found.range.log else f"{found.path}={interval}"


def _wider(found: Edge) -> tuple[float, float]:
    low, high, step = found.range.low, found.range.high, found.range.step
    if found.range.log:
        ends = (low, high * DECADE) if found.upper else (low / DECADE, high)
        return (max(1, math.floor(ends[0])), math.ceil(ends[1])) if isinstance(found.range, IntDistribution) else ends
    more, least = (high - low) / 2, _least(found.range)
    room = math.inf if found.upper or low < least else low - least
    if step is None:
        more = min(more, room)
    else:
        n_steps = max(1, math.ceil(more / step))
        more = step * (n_steps if room == math.inf else min(n_steps, math.floor(room / step + 1e-9)))
    return (low, high + more) if found.upper else (low - more, high)
