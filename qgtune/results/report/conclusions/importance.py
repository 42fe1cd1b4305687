"""How much each hyperparameter matters, with how sure that is.

The share of the variance of the trials' ranks that goes away when a hyperparameter is left out of a regression on all
of them and on time. Two reasons against PED-ANOVA and fANOVA, which look at one hyperparameter at a time: a sampler
moves all hyperparameters together, so that one without any effect comes to lie where the good trials are; and a
pruner lets only good trials complete, which are no fair sample. Here the others and time are held fixed, and where a
pruner was at work, trials are compared by what nearly all of them reported.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from qgtune.results.report.excerpt import spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    Array = NDArray[np.float64]

N_RESAMPLES = 200
MOST_TRIALS = 400
FEWEST_TRIALS = 20
TRIALS_PER_COLUMN = 3
FEW_PRUNED = 0.1
NEARLY_ALL = 0.9
SURE = 0.05
_RIDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Importance:
    """How much one hyperparameter matters.

    Attributes:
        share: of the variance of the ranks, what only it explains; in [0, 1].
        low: the low end of the 90 % bootstrap interval of that share.
        high: the high end of it.
        chance: what it would explain by chance in 95 of 100 cases.
    """

    share: float
    low: float
    high: float
    chance: float

    @property
    def is_established(self) -> bool:
        """Whether even the low end is more than chance gives."""
        return self.low > self.chance


@dataclass(frozen=True, slots=True)
class Importances:
    """How much the hyperparameters of a study matter for one objective.

    Attributes:
        of: by hyperparameter, those first that are established, the most important first.
        n_trials: how many trials that rests on.
        step: at which step's report trials were compared; None for their values.
        is_biased: whether trials were pruned that no step makes up for, so that only good ones could be compared.
    """

    of: Mapping[str, Importance]
    n_trials: int
    step: int | None = None
    is_biased: bool = False

    @property
    def established(self) -> list[str]:
        """The hyperparameters that matter, the most important first."""
        return [name for name, found in self.of.items() if found.is_established]


def importances(trials: Sequence[FrozenTrial], objective: int = 0) -> Importances | None:
    """Return how much each hyperparameter matters; None where the trials are too few or too alike to say.

    Args:
        trials: of a study.
        objective: which one.
    """
    compared, step, is_biased = _compared(trials, objective)
    compared = spread(compared, MOST_TRIALS)
    names = list(dict.fromkeys(name for trial, _ in compared for name in trial.params))
    columns = {name: _columns(name, [trial for trial, _ in compared]) for name in names}
    columns = {name: found for name, found in columns.items() if found.shape[1]}
    n_columns = 3 + sum(found.shape[1] for found in columns.values())
    values = [value for _, value in compared]
    too_few = len(compared) < max(FEWEST_TRIALS, TRIALS_PER_COLUMN * n_columns)
    if not columns or too_few or len(set(values)) < 2:  # noqa: PLR2004 - it takes two to differ
        return None
    found = _measured(columns, _scores(values))
    order = sorted(found, key=lambda name: (not found[name].is_established, -found[name].share))
    return Importances({name: found[name] for name in order}, len(compared), step, is_biased)


def _compared(
    trials: Sequence[FrozenTrial], objective: int
) -> tuple[list[tuple[FrozenTrial, float]], int | None, bool]:
    """Return the trials to compare with what they are compared by, at which step, and whether that is unfair."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED]
    by_value = [(trial, trial.values[objective]) for trial in complete if math.isfinite(trial.values[objective])]
    finished = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    if len(pruned) <= FEW_PRUNED * len(finished):
        return by_value, None, False
    step = _common_step(finished)
    if step is None:
        return by_value, None, True
    reported = [(trial, trial.intermediate_values.get(step, math.nan)) for trial in finished]
    return [(trial, value) for trial, value in reported if math.isfinite(value)], step, False


def _common_step(trials: Sequence[FrozenTrial]) -> int | None:
    """Return the last step that nearly all trials reported; None if there is none."""
    counts = Counter(step for trial in trials for step in trial.intermediate_values)
    return max((step for step, n in counts.items() if n >= NEARLY_ALL * len(trials)), default=None)


def _columns(name: str, trials: Sequence[FrozenTrial]) -> Array:
    """Return a hyperparameter as columns of a regression: a choice each, or a value and its square.

    A trial that does not have it gets zeros: which choice it hangs on is a column of its own.
    """
    present = np.array([name in trial.params for trial in trials])
    distribution = next(trial.distributions[name] for trial in reversed(trials) if name in trial.params)
    values = [trial.params.get(name) for trial in trials]
    if isinstance(distribution, CategoricalDistribution):
        kinds = list(dict.fromkeys(map(repr, (value for value, there in zip(values, present, strict=True) if there))))
        picked = [
            [float(there and repr(value) == kind) for kind in kinds[1:]]
            for value, there in zip(values, present, strict=True)
        ]
        return np.array(picked, dtype=float).reshape(len(trials), max(len(kinds) - 1, 0))
    numbers = np.array([_scaled(value, distribution) if value is not None else math.nan for value in values])
    low, high = np.nanmin(numbers), np.nanmax(numbers)
    if low == high:
        return np.empty((len(trials), 0))
    unit = np.where(present, 2 * (numbers - low) / (high - low) - 1, 0.0)
    is_two = len(np.unique(numbers[present])) == 2  # noqa: PLR2004 - the square of two values says nothing new
    return np.column_stack([unit] if is_two else [unit, np.where(present, unit * unit, 0.0)])


def _scaled(value: float, distribution: BaseDistribution) -> float:
    is_log = isinstance(distribution, (FloatDistribution, IntDistribution)) and distribution.log
    return math.log(value) if is_log and value > 0 else float(value)


def _scores(values: Sequence[float]) -> Array:
    """Return the values as normal scores of their ranks, which a diverged trial cannot bend."""
    given = np.asarray(values)
    ordered = np.sort(given)
    ranks = (np.searchsorted(ordered, given, "left") + np.searchsorted(ordered, given, "right")) / 2 / len(given)
    return np.array([NormalDist().inv_cdf(rank) for rank in np.clip(ranks, 1e-3, 1 - 1e-3)])


def _measured(columns: Mapping[str, Array], scores: Array) -> dict[str, Importance]:
    """Measure each hyperparameter beside the others and time, which is linear and square, too."""
    n = len(scores)
    time = np.linspace(-1, 1, n)
    design = np.column_stack([np.ones(n), time, time * time, *columns.values()])
    ends = 3 + np.cumsum([found.shape[1] for found in columns.values()])
    places = {name: slice(end - found.shape[1], end) for (name, found), end in zip(columns.items(), ends, strict=True)}
    random = np.random.default_rng(0)
    weights = np.array([np.bincount(random.integers(n, size=n), minlength=n) for _ in range(N_RESAMPLES)], dtype=float)
    orders = random.permuted(np.tile(np.arange(n), (N_RESAMPLES, 1)), axis=1)
    whole, again = _Fits.of(design, scores, np.ones((1, n))), _Fits.of(design, scores, weights)
    found = {}
    for name, place in places.items():
        low, high = np.quantile(again.shares(place), [SURE, 1 - SURE])
        chance = np.quantile(_by_chance(design, scores, place, orders), 1 - SURE)
        found[name] = Importance(float(whole.shares(place)[0]), float(low), float(high), float(chance))
    return found


@dataclass(frozen=True, slots=True)
class _Fits:
    """Regressions on the same columns, a row of weights each.

    Attributes:
        inverses: of the normal equations.
        slopes: of the columns.
        totals: the sums of squares around the means.
    """

    inverses: Array
    slopes: Array
    totals: Array

    @classmethod
    def of(cls, design: Array, scores: Array, weights: Array) -> _Fits:
        n, n_columns = design.shape
        products = (design[:, :, None] * design[:, None, :]).reshape(n, -1)  # one large product is quicker than many
        normal = (weights @ products).reshape(-1, n_columns, n_columns)
        inverses = np.asarray(np.linalg.inv(normal + _RIDGE * np.eye(n_columns)), dtype=np.float64)
        slopes = np.einsum("bij,bj->bi", inverses, weights @ (design * scores[:, None]))
        sums = weights.sum(axis=1)
        totals = weights @ scores**2 - (weights @ scores) ** 2 / sums
        return cls(inverses, slopes, np.where(totals > 0, totals, 1.0))

    def shares(self, place: slice) -> Array:
        """Return by how much of the variance each regression is worse without some columns."""
        slopes = self.slopes[:, place]
        solved = np.linalg.solve(self.inverses[:, place, place], slopes[:, :, None])[:, :, 0]
        return np.asarray((slopes * solved).sum(axis=1) / self.totals)


def _by_chance(design: Array, scores: Array, place: slice, orders: NDArray[np.int64]) -> Array:
    """Return the shares of a hyperparameter in studies in which it has no effect.

    What the others leave unexplained is shuffled (Freedman and Lane, 1983).
    """
    others = np.delete(design, place, axis=1)
    explained = others @ _Fits.of(others, scores, np.ones((1, len(scores)))).slopes[0]
    shuffled = explained[:, None] + (scores - explained)[orders].T
    inverse = np.linalg.inv(design.T @ design + _RIDGE * np.eye(design.shape[1]))
    slopes = inverse[place] @ (design.T @ shuffled)
    lost = np.einsum("ij,ij->j", slopes, np.linalg.solve(inverse[place, place], slopes))
    totals = ((shuffled - shuffled.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(lost / np.where(totals > 0, totals, 1.0))
