"""Attempts that run for too long, or have not reported for too long."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from optuna.trial import TrialState

from qgtune.errors import QGTuneError
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.control import Control
from qgtune.study.attempts.ledger import Ledger
from qgtune.study.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from qgtune.study.attempts.limits import Limits

log = logging.getLogger("qgtune")


class Ending(Protocol):
    """Who ends attempts: a session."""

    study: optuna.Study
    limits: Limits

    def end_running(self, number: int, outcome: Outcome) -> bool:
        """End a running attempt; false if it has ended meanwhile."""


@dataclass(slots=True)
class _Seen:
    since_s: float
    n_reports: int
    changed_s: float


@dataclass(slots=True)
class Timekeeper:
    """Ends the attempts of this machine that have used up their time.

    Attributes:
        session: the study.
        pid: the process whose attempts are looked at; None for all of this machine.
        clock: returns seconds that no clock change moves.
    """

    session: Ending
    pid: int | None = None
    clock: Callable[[], float] = time.monotonic
    _seen: dict[int, _Seen] = field(default_factory=dict)
    _ledger: Ledger = field(default_factory=Ledger)

    @property
    def has_limits(self) -> bool:
        """Whether there is anything to keep."""
        limits = self.session.limits
        return (limits.trial_timeout_s, limits.stall_timeout_s) != (None, None) or self._counts_hours

    @property
    def _counts_hours(self) -> bool:
        budget = self.session.limits.budget
        return budget is not None and budget.has_hours

    def _spent(self) -> str:
        """Say that running attempts have spent the study's hours; the empty text if they have not."""
        limits = self.session.limits
        if limits.budget is None or not self._counts_hours:
            return ""
        self._ledger.update(self.session.study.get_trials(deepcopy=False), limits)
        return replace(limits.budget, epochs=None).end(self._ledger.spent_at(time.time()))

    @property
    def is_past_grace(self) -> bool:
        """Whether the study's deadline is so long ago that running trials are given back."""
        limits = self.session.limits
        if limits.deadline_s is None or limits.timeout_grace_s is None:
            return False
        return time.time() > limits.deadline_s + limits.timeout_grace_s

    def end_overdue(self) -> set[int]:
        """End the overdue attempts as failed, those that somebody wants to end, and all when the budget is spent.

        Returns:
            The ids of the processes that run them: they are to be stopped.
        """
        stops = Control.of(self.session.study).stops
        if not self.has_limits and not stops:
            return set()
        now_s, pids, spent = self.clock(), set(), self._spent()
        for trial in self.session.study.get_trials(deepcopy=False):
            owner = Attempt.of(trial).owner if trial.state == TrialState.RUNNING else None
            if owner is None or not owner.is_near or self.pid not in (None, owner.pid):
                continue
            n_reports = len(trial.intermediate_values)
            seen = self._seen.setdefault(trial.number, _Seen(now_s, n_reports, now_s))
            if n_reports != seen.n_reports:
                seen.n_reports, seen.changed_s = n_reports, now_s
            outcome = self._outcome(seen, now_s, stops.get(str(trial.number)))
            if spent and outcome is None:
                outcome = Outcome("pruned", reason=spent)
            if outcome is not None and self.session.end_running(trial.number, outcome):
                log.error("trial %d %s: %s", trial.number, outcome.end, outcome.reason)
                pids.add(owner.pid)
        return pids

    def _outcome(self, seen: _Seen, now_s: float, wanted: str | None) -> Outcome | None:
        if wanted is not None:
            return Outcome("pruned" if wanted == "pruned" else "failed", reason="it was ended by qgtune stop")
        reason = self._reason(seen, now_s)
        return Outcome("failed", reason=reason) if reason else None

    def _reason(self, seen: _Seen, now_s: float) -> str:
        limits = self.session.limits
        if limits.trial_timeout_s is not None and now_s - seen.since_s > limits.trial_timeout_s:
            return f"it ran for longer than trial_timeout={limits.trial_timeout_s:g} s"
        if limits.stall_timeout_s is not None and now_s - seen.changed_s > limits.stall_timeout_s:
            return f"it reported nothing for longer than stall_timeout={limits.stall_timeout_s:g} s"
        return ""


def refuse_in_process(trial_timeout_s: float | None, stall_timeout_s: float | None, way_out: str) -> None:
    """Refuse limits where the function runs in the process that would have to end it.

    Raises:
        QGTuneError: for each limit.
    """
    given = {"trial_timeout": trial_timeout_s, "stall_timeout": stall_timeout_s}
    problems = [
        f"Cannot keep {name}={value:g}: the only worker runs in this process, which nobody could end. {way_out}"
        for name, value in given.items()
        if value is not None
    ]
    if problems:
        raise QGTuneError(*problems)
