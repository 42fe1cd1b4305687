"""Whether more trials would find better ones."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from qgtune.results.report.conclusions.known import Conclusion, Known
from qgtune.study.attempts.ledger import is_feasible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

FEWEST_TRIALS = 40
FLAT = 0.01
STEEP = 0.05


def convergence(known: Known) -> Conclusion | None:
    """Say that the second half of the trials changed little, or that the last quarter still changed much.

    Changes are measured by the distance from the median complete trial to the best one. Silent between both, for
    several objectives, and for fewer than 40 finished trials.
    """
    finished = known.finished
    if known.state.is_multi_objective or len(finished) < FEWEST_TRIALS or not known.state.best:
        return None
    maximize = known.state.directions[0] == "maximize"
    best = known.state.best[0].values[0]
    distance = abs(best - median(trial.values[0] for trial in known.state.completed))
    half = _best_of(finished[: len(finished) // 2], maximize=maximize)
    late = _best_of(finished[: 3 * len(finished) // 4], maximize=maximize)
    if half is None or late is None or not math.isfinite(distance) or distance == 0:
        return None
    name = known.state.objectives[0]
    if abs(half - best) <= FLAT * distance:
        n_late = len(finished) - len(finished) // 2
        what = f"found no better {name} than {best:.6g}" if half == best else _moved(name, half, best)
        text = f"The search has converged: the last {n_late:,} trials {what}."
        return Conclusion(text, known.facts.command("best", "--yaml"))
    if abs(late - best) >= STEEP * distance:
        n_late = len(finished) - 3 * len(finished) // 4
        text = f"The search has not converged: the last {n_late:,} trials {_moved(name, late, best)}."
        return Conclusion(text, known.resume(known.more_trials(0.5)))
    return None


def _moved(name: str, before: float, now: float) -> str:
    return f"moved the best {name} from {before:.6g} to {now:.6g}"


def _best_of(trials: Sequence[FrozenTrial], *, maximize: bool) -> float | None:
    values = [trial.values[0] for trial in trials if trial.state == TrialState.COMPLETE and is_feasible(trial)]
    return (max if maximize else min)(values, default=None)
