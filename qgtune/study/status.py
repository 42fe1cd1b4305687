"""How a study stands while it runs: what is finished, who does what, the best value, the time left."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optuna.trial import FrozenTrial

    from qgtune.study.attempts.limits import Limits
    from qgtune.study.attempts.owner import Owner
    from qgtune.study.costs.spent import Spent

N_DURATIONS = 100
"""From how many of the latest trials the time left is estimated: a search's trials get shorter as more are pruned."""
_EVEN_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Activity:
    """What a worker does now.

    Attributes:
        owner: the process; None for a trial that other code than ours runs.
        number: the trial.
        elapsed_s: for how long.
        step: the last reported step; None before the first report.
        value: the value reported there; None likewise.
    """

    owner: Owner | None
    number: int
    elapsed_s: float
    step: int | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """How a study stands at one moment.

    Attributes:
        n_trials: the total that it is to reach.
        complete: how many completed.
        pruned: how many were pruned.
        failed: how many failed for good.
        active: what runs now, in the order of the trials.
        best: the value and the number of the best trial; None before the first, and with several objectives.
        n_pareto: how many trials none other beats; None with one objective.
        left_s: about how long it will take; None while nobody can tell.
        spent: of each unit of the study's budget, in words, how much is spent and how much there is.
        is_stopping: whether a signal, or `qgtune finish`, has ended it: what runs is given back, or finishes.
        n_workers: how many workers the sweep is to have, once `qgtune workers` has said so; None before.
        is_paused: whether no trial starts for now.
        is_bound: whether `left_s` is the longest that it can take, rather than an estimate.
    """

    n_trials: int
    complete: int = 0
    pruned: int = 0
    failed: int = 0
    active: tuple[Activity, ...] = ()
    best: tuple[float, int] | None = None
    n_pareto: int | None = None
    left_s: float | None = None
    is_bound: bool = False
    is_stopping: bool = False
    is_paused: bool = False
    n_workers: int | None = None
    spent: tuple[tuple[str, float, float], ...] = ()

    @property
    def finished(self) -> int:
        """How many trials count towards the total."""
        return self.complete + self.pruned + self.failed


@dataclass  # no slots: with them `super` fails before Python 3.14
class Tally(Ledger):
    """A ledger that also knows how long trials take, and what runs; as cheap in a long study."""

    _durations_s: deque[float] = field(default_factory=lambda: deque(maxlen=N_DURATIONS))

    def status(self, trials: Sequence[FrozenTrial], limits: Limits, n_workers: int, now_s: float) -> Status:
        """Take in the study's trials and say how it stands.

        Args:
            trials: all of them, in the order of their numbers.
            limits: when the study ends.
            n_workers: how many workers this sweep has; those of another one show by what they run.
            now_s: the time, in seconds since the epoch.
        """
        self.update(trials, limits)
        best = self.progress.best
        active = tuple(_activity(trial, now_s) for trial in self._running)
        elapsed_s = [activity.elapsed_s for activity in active]
        n_new = max(0, self.n_to_run(limits) - len(active))
        left_s = time_left_s(self._durations_s, elapsed_s, n_new, max(n_workers, len(active)))
        spent = self.spent_at(now_s)
        parts = () if limits.budget is None else tuple(limits.budget.parts(spent))
        left_s = min_s(left_s, budget_left_s(parts, spent, max(n_workers, len(active))))
        left_s, is_bound = bounded_s(left_s, self._durations_s, elapsed_s, limits.deadline_s, now_s)
        return Status(
            limits.n_trials,
            self.complete,
            self.pruned,
            self.failed,
            active,
            best=None if best is None else (best[0], Attempt.of(trials[best[1]]).name(best[1])),
            n_pareto=len(self.progress.front) if len(limits.maximize) > 1 else None,
            left_s=left_s,
            is_bound=is_bound,
            spent=parts,
        )

    def _settle(self, trial: FrozenTrial, limits: Limits) -> None:
        super()._settle(trial, limits)
        if Attempt.of(trial).ran_through and trial.datetime_start and trial.datetime_complete:
            self._durations_s.append((trial.datetime_complete - trial.datetime_start).total_seconds())


def _activity(trial: FrozenTrial, now_s: float) -> Activity:
    started_s = trial.datetime_start.timestamp() if trial.datetime_start else now_s
    step = max(trial.intermediate_values, default=None)
    value = None if step is None else trial.intermediate_values[step]
    return Activity(Attempt.of(trial).owner, trial.number, max(0.0, now_s - started_s), step, value)


def time_left_s(durations_s: Iterable[float], elapsed_s: Sequence[float], n_new: int, n_workers: int) -> float | None:
    """Estimate when the last trial ends, if each worker takes the next one as soon as it is free.

    Args:
        durations_s: how long finished trials took.
        elapsed_s: for how long each running trial has run.
        n_new: how many trials have not started.
        n_workers: how many workers there are, at least as many as trials run.

    Returns:
        Seconds from now; None before any trial is finished.
    """
    known_s = sorted(durations_s)
    if not known_s:
        return None
    mean_s = sum(known_s) / len(known_s)
    free_s = [residual_s(known_s, elapsed) for elapsed in elapsed_s]
    free_s += [0.0] * (n_workers - len(free_s))
    rounds = max(0, n_new // n_workers - _EVEN_ROUNDS)  # by then the workers are in step, and whole rounds follow
    heapq.heapify(free_s)
    for _ in range(n_new - rounds * n_workers):
        heapq.heapreplace(free_s, free_s[0] + mean_s)
    return max(free_s) + rounds * mean_s


def min_s(one_s: float | None, other_s: float | None) -> float | None:
    """Return the shorter of two times; None where neither is known."""
    return min((found for found in (one_s, other_s) if found is not None), default=None)


def budget_left_s(parts: Sequence[tuple[str, float, float]], spent: Spent, n_workers: int) -> float | None:
    """Estimate when a budget is spent, if all workers go on as they did.

    Args:
        parts: of each unit, its name, how much is spent and how much there is.
        spent: what it was spent on.
        n_workers: how many workers there are.

    Returns:
        Seconds from now; None while nothing is spent.
    """
    each_s = [(all_ - n) * spent.worker_s / n / n_workers for _, n, all_ in parts if n]
    return max(0.0, min(each_s)) if each_s else None


def residual_s(durations_s: Sequence[float], elapsed_s: float) -> float:
    """Return how long a trial that has run for `elapsed_s` is still to run: as the ones that ran longer did."""
    longer = [duration - elapsed_s for duration in durations_s if duration > elapsed_s]
    return sum(longer) / len(longer) if longer else 0.0


def bounded_s(
    left_s: float | None,
    durations_s: Iterable[float],
    elapsed_s: Sequence[float],
    deadline_s: float | None,
    now_s: float,
) -> tuple[float | None, bool]:
    """Bound an estimate by the time after which no trial starts; the running ones finish.

    Returns:
        The time left, and whether it is the deadline's.
    """
    if deadline_s is None:
        return left_s, False
    known_s = list(durations_s)
    running_s = max((residual_s(known_s, elapsed) for elapsed in elapsed_s), default=0.0)
    bound_s = max(deadline_s - now_s, running_s, 0.0)
    return (bound_s, True) if left_s is None or bound_s < left_s else (left_s, False)
