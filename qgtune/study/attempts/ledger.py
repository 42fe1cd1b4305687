"""What a study still owes: how many trials are finished, which one is to be retried, when to stop."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from qgtune.errors import OUT_OF_MEMORY
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.limits import Limits, Start, Stop
from qgtune.study.attempts.promotion import Rungs
from qgtune.study.costs.budget import UNBOUNDED
from qgtune.study.costs.spent import Spent
from qgtune.study.objectives import is_better
from qgtune.study.repeats.tally import Configurations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from qgtune.study.repeats.setting import Repeats


@dataclass(slots=True)
class Progress:
    """How the best value of a study came about.

    Attributes:
        best: the value and the number of the best trial so far; None before the first completed one, and with several
            objectives.
        front: the values of those completed trials of a study of several objectives that none other beats.
    """

    best: tuple[float, int] | None = None
    front: list[tuple[float, ...]] = field(default_factory=list)
    _best_time_s: float = 0.0
    _times_s: list[float] = field(default_factory=list)

    def add(self, trial: FrozenTrial, maximize: Sequence[bool]) -> None:
        """Take in a finished trial, in any order."""
        time_s = trial.datetime_complete.timestamp() if trial.datetime_complete else 0.0
        insort(self._times_s, time_s)
        if trial.state != TrialState.COMPLETE or not is_feasible(trial) or any(map(math.isnan, trial.values)):
            return
        values = tuple(trial.values)
        if len(values) > 1:
            if not any(is_better(other, values, maximize) for other in self.front):
                self.front = [other for other in self.front if not is_better(values, other, maximize)] + [values]
        elif self.best is None or is_better(values, self.best[:1], maximize):
            self.best, self._best_time_s = (values[0], trial.number), time_s

    @property
    def n_since_best(self) -> int:
        """How many trials finished after the best one did."""
        return len(self._times_s) - bisect_right(self._times_s, self._best_time_s)

    def enough(self, limits: Limits) -> str:
        """Say why no more trials are wanted; the empty text if they are."""
        if self.best is None:
            return ""
        value, goal = self.best[0], limits.stop_at
        if goal is not None and not is_better((goal,), (value,), limits.maximize):
            return f"the best value {value:g} reaches stop_at={goal:g}"
        patience = limits.stop_after_no_improvement
        if patience is not None and self.n_since_best >= patience:
            return f"{self.n_since_best} trials brought no better value than {value:g}"
        return ""


@dataclass(slots=True)
class Ledger:
    """A running tally of a study's trials.

    Finished trials never change, so each is looked at once, however long the study gets.

    Attributes:
        complete: how many completed.
        pruned: how many were pruned, or have paused.
        rungs: who has paused where.
        configurations: which repeats they have.
        spent: what the attempts cost that have ended.
        failed: how many failed for good.
        running: how many run now; of several repeats of a configuration all together count as one.
        lost: how many of the failed ones lost their worker.
        last_failure: the latest trial that failed for good.
        progress: how the best value came about.
    """

    complete: int = 0
    pruned: int = 0
    failed: int = 0
    running: int = 0
    lost: int = 0
    last_failure: FrozenTrial | None = None
    progress: Progress = field(default_factory=Progress)
    rungs: Rungs = field(default_factory=Rungs)
    configurations: Configurations = field(default_factory=Configurations)
    spent: Spent = field(default_factory=Spent)
    _running: list[FrozenTrial] = field(default_factory=list)
    _run_finished: int = 0
    _run_failed: int = 0
    _to_repeat: dict[int, FrozenTrial] = field(default_factory=dict)
    _repetitions: dict[tuple[int, str, int], set[int]] = field(default_factory=dict)
    _waiting: list[FrozenTrial] = field(default_factory=list)
    _n_settled: int = 0
    _settled: set[int] = field(default_factory=set)

    @property
    def finished(self) -> int:
        """How many trials count towards the total."""
        return self.complete + self.pruned + self.failed

    @property
    def n_ended(self) -> int:
        """How many ends brought the study further: those of trials, and those of repeats. It never gets less."""
        return self.finished + self.configurations.n_values

    def n_to_run(self, limits: Limits) -> int:
        """Return how many attempts, running ones included, it takes to the total if all goes well."""
        n_repeats = 1 if limits.repeats is None else len(limits.repeats.values)
        return (limits.n_trials - self.finished) * n_repeats - self.configurations.n_measured

    def update(self, trials: Sequence[FrozenTrial], limits: Limits) -> None:
        """Take in the study's trials, in the order of their numbers."""
        self.running = 0
        self.configurations.forget_running()
        self._running, self._waiting = [], []
        for trial in trials[self._n_settled :]:
            if trial.number not in self._settled:
                self._take(trial, limits)
        self.running += self.configurations.n_running
        while self._n_settled in self._settled:
            self._settled.discard(self._n_settled)
            self._n_settled += 1

    def _take(self, trial: FrozenTrial, limits: Limits) -> None:
        attempt = Attempt.of(trial)
        self.configurations.take(trial, attempt)
        if (repetition := repetition_of(attempt)) is not None:
            self._take_repetition(repetition, trial.number, counts=attempt.counts)
        if trial.state == TrialState.RUNNING:
            self.running += not attempt.replicate
            self._running.append(trial)
        elif trial.state == TrialState.WAITING:
            self._waiting.append(trial)
        else:
            self._settled.add(trial.number)
            self._settle(trial, limits)

    def _take_repetition(self, repetition: tuple[int, str, int], number: int, *, counts: bool) -> None:
        numbers = self._repetitions.setdefault(repetition, set())
        if counts:
            numbers.add(number)
            self.pruned -= self.rungs.go_on(repetition[0], number)
        else:
            numbers.discard(number)
            self.pruned += self.rungs.take_back(repetition[0], number)

    def _settle(self, trial: FrozenTrial, limits: Limits) -> None:
        attempt = Attempt.of(trial)
        if not attempt.counts:
            return
        self.spent.add(trial, attempt)
        if trial.state == TrialState.FAIL and is_repeated(attempt, limits):
            self._to_repeat[trial.number] = trial
            return
        if trial.state == TrialState.FAIL:
            self.last_failure = trial
        for one, by in self.configurations.ends(trial, attempt):
            self._count(one, by, limits)

    def _count(self, trial: FrozenTrial, by: int, limits: Limits) -> None:
        """Count an end; where `by` is -1, take back one that was counted."""
        attempt = Attempt.of(trial)
        if trial.state == TrialState.COMPLETE:
            self.complete += by
        elif trial.state == TrialState.PRUNED:
            self.pruned += by
            self._pause(trial, attempt)
        else:
            self.failed += by
            self.lost += by * (attempt.end == "lost")
        if by > 0 and trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and attempt.end != "paused":
            self.progress.add(trial, limits.maximize)
        if trial.number >= limits.n_before:
            self._run_finished += by
            self._run_failed += by * (trial.state == TrialState.FAIL)

    def _pause(self, trial: FrozenTrial, attempt: Attempt) -> None:
        if attempt.end == "paused" and attempt.rung is not None:
            score = math.nan if attempt.score is None else attempt.score
            self.rungs.pause(attempt.first(trial.number), attempt.rung, score, trial)

    def next(self, limits: Limits, now_s: float, *, waiting_first: bool = False) -> Start | Stop:
        """Decide what a worker that asks for a trial at time `now_s` (seconds since the epoch) gets.

        Args:
            limits: when the study ends.
            now_s: the time, in seconds since the epoch.
            waiting_first: whether enqueued trials come before retries.
        """
        promoted = self._promoted(limits)
        if (stop := self._stop(limits, now_s, goes_on=promoted is not None)) is not None:
            return stop
        if promoted is not None:
            return Start(again=promoted)
        if limits.repeats is not None and (owed := self._repeat(limits.repeats)) is not None:
            return owed
        if self.finished + self.running >= limits.n_trials or self.free_epochs(limits) <= 0:
            return Stop("soon" if self.configurations.is_drawing else "busy")
        return self._start(waiting_first=waiting_first)

    def spent_at(self, now_s: float) -> Spent:
        """Return what the study has cost at a time, in seconds since the epoch."""
        return self.spent.and_running(self._running, now_s)

    def free_epochs(self, limits: Limits) -> int:
        """Return how many steps no attempt has reported, nor may report without asking."""
        if limits.budget is None or limits.budget.epochs is None:
            return UNBOUNDED
        spent = self.spent_at(0.0)
        return limits.budget.epochs - spent.epochs - spent.reserved

    def _stop(self, limits: Limits, now_s: float, *, goes_on: bool) -> Stop | None:
        if message := self.given_up(limits):
            return Stop("failures", message)
        if self.finished >= limits.n_trials and not goes_on:
            return Stop("done")
        if message := self.progress.enough(limits):
            return Stop("enough", message)
        if limits.budget is not None and (message := limits.budget.end(self.spent_at(now_s))):
            return Stop("enough", message)
        is_late = limits.deadline_s is not None and now_s >= limits.deadline_s
        return Stop("timeout") if is_late else None

    def _promoted(self, limits: Limits) -> FrozenTrial | None:
        """Return the paused attempt that is to go on now.

        When all configurations have started, none runs and none has completed, the best goes on in any case.
        """
        if limits.fidelity is None:
            return None
        maximize = limits.maximize[0]
        is_over = self.finished >= limits.n_trials and not self.running and not self.complete
        promotable = self.rungs.promotable(limits.fidelity.factor, maximize=maximize)
        return promotable or (self.rungs.best_paused(maximize=maximize) if is_over else None)

    def _start(self, *, waiting_first: bool) -> Start:
        waiting = Start(waiting=self._waiting[0]) if self._waiting else None
        if waiting is not None and waiting_first:
            return waiting
        return self._again() or waiting or Start()

    def _again(self) -> Start | None:
        """Return an attempt to run again, if there is one that nobody has."""
        for number, trial in self._to_repeat.items():
            attempt = Attempt.of(trial)
            is_wanted = not attempt.replicate or self.configurations.goes_on(attempt.first(number))
            if is_wanted and not self._repetitions.get((attempt.first(number), attempt.replicate, attempt.turn + 1)):
                return Start(again=trial)
        return None

    def _repeat(self, repeats: Repeats) -> Start | None:
        """Return what a configuration that has started lacks: it has its place in the total already."""
        missing = self.configurations.missing(
            repeats.names, lambda first, name: bool(self._repetitions.get((first, name, 0)))
        )
        return self._again() or (None if missing is None else Start(again=missing[0], replicate=missing[1]))

    def has_room_behind(self, limits: Limits) -> bool:
        """Say whether the total leaves room for one more trial after all those that were taken in, waiting ones too."""
        return self.finished + self.running + len(self._waiting) < limits.n_trials

    def is_repeated_already(self, trial: FrozenTrial) -> bool:
        """Say whether one of the trials taken in repeats the same trial for the same time."""
        repetition = repetition_of(Attempt.of(trial))
        return repetition is not None and bool(self._repetitions.get(repetition))

    def given_up(self, limits: Limits) -> str:
        """Say why the study is given up because of its failures; the empty text means that it is not."""
        failed, finished = self._run_failed, self._run_finished
        if failed == finished >= limits.n_first and self.finished < limits.n_trials:
            return f"the first {failed} trials all failed"
        if failed > limits.max_failure_rate * max(finished, limits.n_first):
            return f"{failed} of {finished} trials failed, above max_failure_rate={limits.max_failure_rate:g}"
        return ""


def repetition_of(attempt: Attempt) -> tuple[int, str, int] | None:
    """Return which trial an attempt repeats, as which repeat of it, and for which time; None for a first attempt."""
    return None if attempt.repeats is None else (attempt.repeats, attempt.replicate, attempt.turn)


def is_entitled(trials: Sequence[FrozenTrial], trial: FrozenTrial, limits: Limits) -> bool:
    """Say whether a new trial may run where nothing keeps others from creating one at the same time.

    Trial numbers put all claims in one order. A trial may run if the ones before it, running and waiting ones
    included, leave room for it in the total, and none of them is the same retry. Since a trial before it can only
    make room from then on, never take it, no more than the total are ever entitled; and since the first of several
    in a race sees none of the others, one always is.

    Args:
        trials: the study's trials, read after `trial` was created.
        trial: the new one.
        limits: the total.
    """
    before = Ledger()
    before.update(trials[: trial.number], limits)
    attempt = Attempt.of(trial)
    goes_on = attempt.repeats is not None and before.rungs.go_on(attempt.repeats, trial.number)
    return (goes_on or before.has_room_behind(limits)) and not before.is_repeated_already(trial)


def is_repeated(attempt: Attempt, limits: Limits) -> bool:
    """Say whether an attempt is repeated, so that it does not count.

    One that was given back always is; one that was lost `max_retries` times, and so is one that failed where failures
    are retried. What the memory does not suffice for is not: the same values need as much again.
    """
    if attempt.end == "returned":
        return True
    if attempt.reason.startswith(OUT_OF_MEMORY):
        return False
    is_a_loss = attempt.end == "lost" or (attempt.end == "failed" and bool(attempt.reason) and limits.retry_exceptions)
    return is_a_loss and attempt.losses < limits.max_retries


def ends_configuration(trial: FrozenTrial, limits: Limits) -> bool:
    """Say whether a trial has ended its configuration: no other attempt or repeat is wanted any more."""
    attempt = Attempt.of(trial)
    goes_on = attempt.end in ("measured", "paused") or (trial.state == TrialState.FAIL and is_repeated(attempt, limits))
    return attempt.counts and trial.state.is_finished() and not goes_on


def is_feasible(trial: FrozenTrial) -> bool:
    """Say whether a trial violates none of its constraints.

    Before Optuna 5.0 they are a list, which the samplers' `constraints_func` leaves in the trial.
    """
    constraints: Mapping[str, float] = getattr(trial, "constraints", {})
    return all(value <= 0 for value in constraints.values() or trial.system_attrs.get("constraints") or ())
