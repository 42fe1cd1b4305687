"""What happens when a worker ends before its time."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qgtune.files import short_path
from qgtune.processes.output.announcements import output_of
from qgtune.study.attempts.control import Control
from qgtune.study.attempts.overdue import Timekeeper

if TYPE_CHECKING:
    from qgtune.processes.pool import Death
    from qgtune.study.attempts.limits import Stop
    from qgtune.study.session import Session

log = logging.getLogger("qgtune")


@dataclass(slots=True)
class Supervisor:
    """Marks the trials of dead workers failed and decides whether workers are replaced.

    Attributes:
        session: the study.
        n_jobs: how many workers there are.
        n_deaths: how many workers died, or were ended early, since a trial was last finished.
        gave_up: why no worker is replaced any more; empty while they are.
        has_abandoned: whether a launcher gave up on workers that may run on.
    """

    session: Session
    n_jobs: int
    n_deaths: int = 0
    gave_up: str = ""
    has_abandoned: bool = False
    _finished: int = 0
    _timekeeper: Timekeeper | None = None

    @property
    def timekeeper(self) -> Timekeeper:
        """What keeps the attempts' time."""
        if self._timekeeper is None:
            self._timekeeper = Timekeeper(self.session)
        return self._timekeeper

    def overdue(self) -> set[int]:
        """End the attempts that have used up their time; return the ids of their processes."""
        return self.timekeeper.end_overdue()

    def replaces_overdue(self) -> bool:
        """Say whether a fresh worker takes the place of one whose attempt was overdue."""
        return not self.gave_up and self.session.wants_more()

    def gives_back(self) -> bool:
        """Say whether the sweep's time, and its grace, are over."""
        return self.timekeeper.is_past_grace

    def n_wanted(self) -> int | None:
        """Return how many workers `qgtune workers` wants; None if it was not asked."""
        return Control.of(self.session.study).workers.get(self.session.owner.name)

    def died(self, death: Death) -> bool:
        """Take note of a death; return whether the worker is to be replaced."""
        if death.was_told:
            self.session.end_told(death.pid)
            return False
        lost = self.session.end_lost(death.pid, death.reason)
        trial = _in_trial(lost)
        log.error("Worker %d died%s: %s.%s", death.index, trial, death.reason, self._last_words(lost))
        self._count(1, f"died without finishing a trial; the last one{trial}: {death.reason}")
        return not self.gave_up

    def _last_words(self, lost: list[int]) -> str:
        """Say where the outputs of lost trials are, with a leading space; the empty text if they have none."""
        files = [output_of(Path(self.session.folder), number) for number in lost] if self.session.folder else []
        return "".join(f" What it printed is in {short_path(file)}." for file in files if file is not None)

    def goes_on(self, stop: Stop) -> bool:
        """Say whether a fresh worker takes the place of one that ended in good order."""
        if stop.why == "interrupted":
            self.stopped(1)
        is_replaced = stop.why in ("full", "leaves", "interrupted")  # in its place, while that is one
        return is_replaced and not self.gave_up and self.session.wants_more()

    def stopped(self, n_workers: int) -> None:
        """Take note of workers that a cluster ended early and that gave their trials back."""
        log.warning("Ended early: %d of the workers. Their trials are run again.", n_workers)
        self._count(n_workers, "were ended before they finished a trial. Give the launcher's jobs more time")

    def launcher_failed(self, reason: str, lost: list[int], *, is_hopeless: bool) -> None:
        """Take note that a launcher raised an error instead of waiting for its workers.

        Args:
            reason: the error, one line.
            lost: the trials whose workers are known to be dead.
            is_hopeless: whether no worker of that launch got a trial.
        """
        reason = reason.rstrip(".")
        if is_hopeless:
            self.gave_up = f"Cannot launch workers: {reason}. Mend it and run again: the study goes on."
            return
        trial = _in_trial(lost)
        log.error("The launcher lost a worker%s: %s.", trial, reason)
        self.has_abandoned = True
        self._count(max(1, len(lost)), f"died without finishing a trial; the last one{trial}: {reason}")

    def _count(self, n_workers: int, how: str) -> None:
        ledger = self.session.refresh()
        finished = ledger.n_ended - ledger.lost
        if finished > self._finished:
            self._finished, self.n_deaths = finished, 0
        self.n_deaths += n_workers
        if not self.gave_up and self.n_deaths >= self.n_jobs + 3:
            self.gave_up = f"Cannot go on: {self.n_deaths} workers in a row {how}."


def _in_trial(numbers: list[int]) -> str:
    plural = "s" if len(numbers) > 1 else ""
    return f" in trial{plural} {', '.join(map(str, numbers))}" if numbers else ""
