"""How a study stands while it runs: what is finished, who does what, the best value, the time left."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution

from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optuna.distributions import BaseDistribution
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
        parameters: its hyperparameters by path, those first that tell most of a trial.
        reported_s: how long ago a new report was first seen; None where nobody has looked.
    """

    owner: Owner | None
    number: int
    elapsed_s: float
    step: int | None = None
    value: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reported_s: float | None = None


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
        is_finishing: whether `qgtune finish` has ended it: what runs finishes.
        n_workers: how many workers the sweep is to have, once `qgtune workers` has said so; None before.
        is_paused: whether no trial starts for now.
        is_bound: whether `left_s` is the longest that it can take, rather than an estimate.
        is_rough: whether it is rather too long, because only first trials of processes are known.
        elapsed_s: how long the sweep has run.
        stopping_s: how long ago a signal has ended it: what runs is given back, or finishes. None if none has.
        n_stopping: how many of its trials have not stopped since.
        is_new_best: whether the best trial became it a moment ago.
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
    is_rough: bool = False
    elapsed_s: float = 0.0
    stopping_s: float | None = None
    n_stopping: int = 0
    is_new_best: bool = False
    is_finishing: bool = False
    is_paused: bool = False
    n_workers: int | None = None
    spent: tuple[tuple[str, float, float], ...] = ()

    @property
    def finished(self) -> int:
        """How many trials count towards the total."""
        return self.complete + self.pruned + self.failed

    @property
    def share(self) -> float:
        """How much of the study is done, in [0, 1]."""
        parts = [(self.finished, self.n_trials), *((n, all_) for _, n, all_ in self.spent)]
        return min(1.0, max(n / all_ if all_ else 0.0 for n, all_ in parts))


@dataclass(slots=True)
class Durations:
    """How long trials take, the latest ones.

    A process's first trial may import, compile and load what the others have, so that it says nothing about those.

    Attributes:
        first_s: of trials that were the first of their process.
        later_s: of the others.
    """

    first_s: deque[float] = field(default_factory=lambda: deque(maxlen=N_DURATIONS))
    later_s: deque[float] = field(default_factory=lambda: deque(maxlen=N_DURATIONS))
    _first: dict[Owner, int] = field(default_factory=dict)

    def is_first(self, owner: Owner | None, number: int) -> bool:
        """Say whether no earlier trial of this process has been seen."""
        return owner is not None and self._first.setdefault(owner, number) == number

    def add(self, duration_s: float, *, is_first: bool) -> None:
        """Take in a trial that ran through."""
        (self.first_s if is_first else self.later_s).append(duration_s)

    def left_s(
        self, elapsed_s: Sequence[float], firsts: Sequence[bool], n_new: int, n_workers: int
    ) -> tuple[float | None, bool]:
        """Estimate when the last trial ends.

        Args:
            elapsed_s: for how long each running trial has run.
            firsts: for each of them whether it is its process's first.
            n_new: how many trials have not started.
            n_workers: how many workers there are, at least as many as trials run.

        Returns:
            Seconds from now, None while nobody can tell; and whether they are rough.
        """
        later_s = self.later_s or self.first_s
        if not later_s:
            return None, False
        known_s = [self.first_s or later_s if is_first else later_s for is_first in firsts]
        residuals_s = [residual_s(*pair) for pair in zip(known_s, elapsed_s, strict=True)]
        counts_firsts = not self.later_s and (n_new > 0 or not all(firsts))
        is_rough = counts_firsts and len(self.first_s) <= n_workers  # of more, processes have but one trial each
        return time_left_s(later_s, residuals_s, n_new, n_workers), is_rough


@dataclass  # no slots: with them `super` fails before Python 3.14
class Tally(Ledger):
    """A ledger that also knows how long trials take, and what runs; as cheap in a long study."""

    _durations: Durations = field(default_factory=Durations)

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
        spent = self.spent_at(now_s)
        parts = () if limits.budget is None else tuple(limits.budget.parts(spent))
        costs_s = budget_left_s(parts, spent, max(n_workers, len(active)))
        left_s, is_bound, is_rough = self._left_s(active, limits, n_workers, now_s, costs_s)
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
            is_rough=is_rough,
            spent=parts,
        )

    def _left_s(
        self, active: Sequence[Activity], limits: Limits, n_workers: int, now_s: float, costs_s: float | None
    ) -> tuple[float | None, bool, bool]:
        """Return how long the study will take, if anybody can tell, and whether that is a bound, or rough."""
        elapsed_s = [activity.elapsed_s for activity in active]
        firsts = [self._durations.is_first(activity.owner, activity.number) for activity in active]
        n_new = max(0, self.n_to_run(limits) - len(active))
        left_s, is_rough = self._durations.left_s(elapsed_s, firsts, n_new, max(n_workers, len(active)))
        left_s = min((known_s for known_s in (left_s, costs_s) if known_s is not None), default=None)
        known_s = self._durations.later_s or self._durations.first_s
        left_s, is_bound = bounded_s(left_s, known_s, elapsed_s, limits.deadline_s, now_s)
        return left_s, is_bound, is_rough and not is_bound

    def _settle(self, trial: FrozenTrial, limits: Limits) -> None:
        super()._settle(trial, limits)
        attempt = Attempt.of(trial)
        is_first = attempt.counts and self._durations.is_first(attempt.owner, trial.number)
        if attempt.ran_through and trial.datetime_start and trial.datetime_complete:
            duration_s = (trial.datetime_complete - trial.datetime_start).total_seconds()
            self._durations.add(duration_s, is_first=is_first)


def _activity(trial: FrozenTrial, now_s: float) -> Activity:
    started_s = trial.datetime_start.timestamp() if trial.datetime_start else now_s
    step = max(trial.intermediate_values, default=None)
    value = None if step is None else trial.intermediate_values[step]
    elapsed_s = max(0.0, now_s - started_s)
    return Activity(Attempt.of(trial).owner, trial.number, elapsed_s, step, value, _parameters(trial))


def _parameters(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's hyperparameters, most telling first.

    Those on a logarithmic scale come first, then other numbers, then choices; each kind in the order of the space. What
    has but one value is left out.
    """
    distributions = {path: one for path, one in trial.distributions.items() if not one.single()}
    ordered = sorted(distributions, key=lambda path: _weight(distributions[path]))
    return {path: trial.params[path] for path in ordered}


def _weight(distribution: BaseDistribution) -> int:
    if isinstance(distribution, CategoricalDistribution):
        return 2
    return 0 if getattr(distribution, "log", False) else 1


def time_left_s(durations_s: Iterable[float], residuals_s: Sequence[float], n_new: int, n_workers: int) -> float:
    """Estimate when the last trial ends, if each worker takes the next one as soon as it is free.

    Args:
        durations_s: how long finished trials took; one at the least, if any trial has not started.
        residuals_s: how long each running trial is still to run.
        n_new: how many trials have not started.
        n_workers: how many workers there are, at least as many as trials run.

    Returns:
        Seconds from now.
    """
    known_s = list(durations_s)
    mean_s = sum(known_s) / len(known_s) if known_s else 0.0
    free_s = [*residuals_s, *[0.0] * (n_workers - len(residuals_s))]
    rounds = max(0, n_new // n_workers - _EVEN_ROUNDS)  # by then the workers are in step, and whole rounds follow
    heapq.heapify(free_s)
    for _ in range(n_new - rounds * n_workers):
        heapq.heapreplace(free_s, free_s[0] + mean_s)
    return max(free_s) + rounds * mean_s


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


def residual_s(durations_s: Iterable[float], elapsed_s: float) -> float:
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
