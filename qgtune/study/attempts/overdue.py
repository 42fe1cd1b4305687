"""Attempts that run for too long, or have not reported for too long."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from optuna.trial import TrialState

from qgtune.errors import QGTuneError
from qgtune.study.attempts.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from qgtune.study.attempts.ledger import Limits

log = logging.getLogger("qgtune")


class Ending(Protocol):
    """Who ends attempts: a session."""

    study: optuna.Study
    limits: Limits

    def fail(self, number: int, reason: str) -> bool:
        """End a running attempt as failed; false if it has ended meanwhile."""


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

    @property
    def has_limits(self) -> bool:
        """Whether there is anything to keep."""
        limits = self.session.limits
        return (limits.trial_timeout_s, limits.stall_timeout_s) != (None, None)

    @property
    def is_past_grace(self) -> bool:
        """Whether the study's deadline is so long ago that running trials are given back."""
        limits = self.session.limits
        if limits.deadline_s is None or limits.timeout_grace_s is None:
            return False
        return time.time() > limits.deadline_s + limits.timeout_grace_s

    def end_overdue(self) -> set[int]:
        """End the overdue attempts as failed.

        Returns:
            The ids of the processes that run them: they are to be stopped.
        """
        if not self.has_limits:
            return set()
        now_s, pids = self.clock(), set()
        for trial in self.session.study.get_trials(deepcopy=False):
            owner = Attempt.of(trial).owner if trial.state == TrialState.RUNNING else None
            if owner is None or not owner.is_near or self.pid not in (None, owner.pid):
                continue
            n_reports = len(trial.intermediate_values)
            seen = self._seen.setdefault(trial.number, _Seen(now_s, n_reports, now_s))
            if n_reports != seen.n_reports:
                seen.n_reports, seen.changed_s = n_reports, now_s
            if (reason := self._reason(seen, now_s)) and self.session.fail(trial.number, reason):
                log.error("trial %d failed: %s", trial.number, reason)
                pids.add(owner.pid)
        return pids

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
