"""The study as its progress sees it, and how often it looks."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from qgtune.study.attempts.control import Control
from qgtune.study.status import Tally

if TYPE_CHECKING:
    from qgtune.processes.interrupts import Interrupts
    from qgtune.study.session import Session
    from qgtune.study.status import Activity, Status

log = logging.getLogger("qgtune")

NEW_S = 10.0
"""For how long a best value is new."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of a core the progress may take: a share of it, and a little to begin with.

    Attributes:
        start_s: when it began, on the clock of `time.monotonic`.
        least_pause_s: the shortest time between two looks at the study.
        longest_pause_s: the longest; then lines of the jobs' output wait long enough.
        share: of one core.
        credit_s: core time that is free, for the first look.
    """

    start_s: float
    least_pause_s: float
    longest_pause_s: float
    share: float = 0.01
    credit_s: float = 0.1

    def next_s(self, now_s: float, spent_s: float) -> float:
        """Return when to look again, after `spent_s` of core time since the start."""
        allowed_s = self.start_s + (spent_s - self.credit_s) / self.share
        return min(now_s + self.longest_pause_s, max(now_s + self.least_pause_s, allowed_s))


@dataclass(slots=True)
class Watched:
    """The study as the progress sees it, read by a thread of its own.

    Reading takes no lock that a worker in another process waits for: a journal is appended to, and what is whole is
    read.

    Attributes:
        session: the open study.
        n_workers: how many workers the sweep was started with.
        interrupts: the signals of this process; None where nothing can stop the study.
    """

    session: Session
    n_workers: int
    interrupts: Interrupts | None = None
    tally: Tally = field(default_factory=Tally)
    _start_s: float = field(default_factory=time.monotonic)
    _stopped_s: float | None = None
    _best: tuple[tuple[float, int] | None, float] | None = None
    _reports: dict[int, tuple[int | None, float]] = field(default_factory=dict)

    @property
    def is_stopping(self) -> bool:
        """Whether a signal has ended the sweep."""
        return self.interrupts is not None and self.interrupts.received is not None

    def status(self) -> Status:
        """Read what is new."""
        trials, now_s = self.session.study.get_trials(deepcopy=False), time.monotonic()
        control = Control.of(self.session.study)
        wanted = control.workers.get(self.session.owner.name)
        n_workers = wanted or self.n_workers
        found = self.tally.status(trials, self.session.limits, n_workers, self.session.clock())
        if self.is_stopping and self._stopped_s is None:
            self._stopped_s = now_s
        return replace(
            found,
            active=self._with_reports(found.active, now_s),
            elapsed_s=now_s - self._start_s,
            stopping_s=None if self._stopped_s is None else now_s - self._stopped_s,
            n_stopping=min(len(found.active), n_workers),
            n_workers=wanted,
            is_paused=control.pause,
            is_finishing=control.finish,
            is_new_best=self._is_new(found.best, now_s),
        )

    def try_status(self) -> Status | None:
        """Read what is new; None when it cannot be read: the workers meet the same error, and say so."""
        try:
            return self.status()
        except Exception:
            log.debug("The progress cannot be read", exc_info=True)
            return None

    def _is_new(self, best: tuple[float, int] | None, now_s: float) -> bool:
        if self._best is None:
            self._best = best, now_s - NEW_S  # what earlier sweeps have found
        elif self._best[0] != best:
            self._best = best, now_s
        return best is not None and now_s < self._best[1] + NEW_S

    def _with_reports(self, active: tuple[Activity, ...], now_s: float) -> tuple[Activity, ...]:
        before, self._reports = self._reports, {}
        for one in active:
            step, _ = seen = before.get(one.number, (None, now_s))
            self._reports[one.number] = seen if step == one.step else (one.step, now_s)
        return tuple(
            one if one.step is None else replace(one, reported_s=now_s - self._reports[one.number][1]) for one in active
        )
