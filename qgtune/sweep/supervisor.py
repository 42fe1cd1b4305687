"""What happens when a worker process dies."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qgtune.study.session import Session
    from qgtune.sweep.processes import Death

log = logging.getLogger("qgtune")


@dataclass(slots=True)
class Supervisor:
    """Marks the trials of dead workers failed and decides whether a worker is replaced.

    Attributes:
        session: the study.
        n_jobs: how many workers there are.
        n_deaths: how many workers died since a trial was last finished.
        gave_up: why no worker is replaced any more; empty while they are.
    """

    session: Session
    n_jobs: int
    n_deaths: int = 0
    gave_up: str = ""
    _finished: int = 0

    def died(self, death: Death) -> bool:
        """Take note of a death; return whether the worker is to be replaced."""
        numbers = self.session.mark_died(death.pid, death.reason)
        ledger = self.session.refresh()
        finished = ledger.finished - ledger.died
        if finished > self._finished:
            self._finished, self.n_deaths = finished, 0
        self.n_deaths += 1
        trial = f" in trial {numbers[0]}" if numbers else ""
        log.error("Worker %d died%s: %s.", death.index, trial, death.reason)
        if not self.gave_up and self.n_deaths >= self.n_jobs + 3:
            self.gave_up = (
                f"Cannot go on: {self.n_deaths} workers in a row died without finishing a trial; the last one{trial}: "
                f"{death.reason}."
            )
        return not self.gave_up
