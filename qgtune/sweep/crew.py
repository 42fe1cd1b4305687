"""Launching workers until a study is done."""

from __future__ import annotations

import logging
import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from qgtune.files import short_path
from qgtune.processes.interrupts import Interrupts
from qgtune.results.invocation import own_command
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.limits import Start, Stop
from qgtune.sweep.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from qgtune.study.session import Session

log = logging.getLogger("qgtune")

POLL_S = 1.0
_NO_PROGRESS = "Cannot go on: the workers ended without finishing a trial. Look for their errors above."


@dataclass(slots=True)
class Crew:
    """Launches workers, and launches again when they ended before the study was done.

    Attributes:
        session: the study.
        n_workers: how many workers run at a time.
        launch: runs that many workers to their end and tells the supervisor of those that died.
        interrupts: the signals of this process.
        wait: lets so many seconds pass, while workers run that no launcher waits for.
    """

    session: Session
    n_workers: int
    launch: Callable[[int, Supervisor], None]
    interrupts: Interrupts = field(default_factory=Interrupts)
    wait: Callable[[float], None] = time.sleep

    def run(self) -> str:
        """Run the study to its end.

        Returns:
            Why it was given up, one line; the empty text if it was not.
        """
        supervisor = Supervisor(self.session, self.n_workers)
        self.session.end_dead()
        while self.interrupts.received is None and not supervisor.gave_up:
            before = self.session.refresh().n_ended
            decision = self.session.decide()
            n_abandoned = self.session.ledger.running if supervisor.has_abandoned else 0
            if isinstance(decision, Stop) and not (decision.why == "busy" and n_abandoned):
                return verdict(self.session, decision)
            wanted = supervisor.n_wanted() or self.n_workers
            n_workers = min(wanted, self.session.ledger.n_to_run(self.session.limits)) - n_abandoned
            if n_workers <= 0:
                self.wait(POLL_S)
                self.session.end_dead()
                continue
            self.launch(n_workers, supervisor)
            self.session.end_dead()
            if self._stands_still(before, supervisor):
                return verdict(self.session, self.session.decide()) or _NO_PROGRESS
        decision = self.session.decide()  # the workers that lived went on, perhaps to the end
        return "" if isinstance(decision, Stop) and decision.why == "done" else supervisor.gave_up

    def _stands_still(self, before: int, supervisor: Supervisor) -> bool:
        still = self.session.refresh().n_ended == before
        return still and not supervisor.n_deaths and not supervisor.gave_up and self.interrupts.received is None


def verdict(session: Session, decision: Start | Stop) -> str:
    """Say what a decision means for whoever has nothing left to run.

    Returns:
        Why the study is given up, one line; the empty text if it is not.
    """
    if isinstance(decision, Start):
        return _NO_PROGRESS
    if decision.why == "enough":
        log.info("Stopped: %s.", decision.message)
    if decision.why == "busy" and (unknown := session.unknown()):
        source = shlex.quote(short_path(Path(session.folder))) if session.folder else "STORAGE"
        log.warning(
            "The total waits for trials %s, and nobody can tell whether their processes live. If they do not, end "
            "them and run the sweep again:  %s settle %s %s",
            ", ".join(map(str, unknown)),
            own_command(short_path),
            source,
            " ".join(map(str, unknown)),
        )
    if decision.why != "failures":
        return ""
    return f"Cannot go on: {decision.message}.{last_failure(session)} Mend it and run again: the study goes on."


def last_failure(session: Session) -> str:
    """Return a sentence on the latest trial that failed for good, with a leading space; empty if there is none."""
    last = session.ledger.last_failure
    if last is None:
        return ""
    attempt = Attempt.of(last)
    trace = f" Its traceback is in {short_path(Path(attempt.log))}." if attempt.log else ""
    return f" Trial {last.number} failed: {(attempt.reason or 'for a reason that nobody wrote').rstrip('.')}.{trace}"


def none_completed(session: Session) -> str:
    """Say that no trial completed, if so; else return the empty text."""
    ledger = session.refresh()
    if ledger.complete or not ledger.finished:
        return ""
    return f"No trial completed.{last_failure(session)} Mend it and raise n_trials."
