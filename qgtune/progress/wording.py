"""The words that say how a study stands, and when to say them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qgtune.study.attempts.limits import of_total
from qgtune.study.costs.budget import UNBOUNDED

if TYPE_CHECKING:
    from qgtune.study.status import Status

_UNITS = (("days", 86400), ("h", 3600), ("min", 60))
_ENOUGH = 1.5
"""From how many of a unit on it is used."""


def duration(seconds: float) -> str:
    """Return a time span as a person says it."""
    for unit, size in _UNITS:
        if seconds >= _ENOUGH * size:
            return f"{seconds / size:.{0 if unit == 'min' else 1}f} {unit}"
    return f"{max(0, seconds):.0f} s"


def time_left(status: Status) -> str:
    """Say how long the study will take."""
    if status.stopping_s is not None or status.is_finishing:
        return "stopping"
    if status.is_paused:
        return "paused until: qgtune go"
    if status.left_s is None:
        return "time left unknown"
    if status.left_s < 1:
        return "nearly done"
    how = "at most" if status.is_bound else "up to about" if status.is_rough else "about"
    return f"{how} {duration(status.left_s)} left"


def stopping(status: Status) -> str:
    """Say what a sweep that a signal has ended does."""
    plural = "s" if status.n_stopping > 1 else ""
    what = f"waiting for {status.n_stopping} trial{plural} to stop" if status.n_stopping else "ending the workers"
    return f"stopping: {what}, {duration(status.stopping_s or 0.0)}; Ctrl-C again ends all at once"


def done(status: Status) -> str:
    """Say how much is done, and how much there is."""
    return of_total(status.finished, status.n_trials).removesuffix(" trials")


def counts(status: Status) -> str:
    """Say how the finished trials ended."""
    return f"{status.complete} complete, {status.pruned} pruned, {status.failed} failed"


def running(status: Status) -> str:
    """Say how much runs, and on how many workers it may, if that was changed."""
    workers = "" if status.n_workers is None else f" on {status.n_workers} worker{'s' * (status.n_workers > 1)}"
    return f"{len(status.active)} running{workers}"


def spent(status: Status) -> str:
    """Say how much of the budget is spent; the empty text if there is none."""
    return ", ".join(f"{round(n, 2):g} of {all_:g} {unit}" for unit, n, all_ in status.spent)


def best(status: Status) -> str:
    """Say what is best so far; the empty text if nothing is."""
    if status.n_pareto is not None:
        return f"{status.n_pareto} Pareto-optimal" if status.n_pareto else ""
    if status.best is None:
        return ""
    return f"{'new ' if status.is_new_best else ''}best {status.best[0]:.6g} (trial {status.best[1]})"


def times(status: Status) -> str:
    """Say how long the study has run, and will."""
    return f"{duration(status.elapsed_s)} elapsed, {time_left(status)}"


def log_line(status: Status) -> str:
    """Say everything in one line."""
    total = done(status) if status.n_trials >= UNBOUNDED else f"{done(status)} trials"
    stand = f"{total} ({counts(status)}), {running(status)}"
    return "; ".join(part for part in (stand, best(status), spent(status), times(status)) if part)


@dataclass(slots=True)
class LogSchedule:
    """When a line is due.

    Attributes:
        period_s: the longest silence.
        last_s: when the last line, or the sweep, was.
        best: the best value and its trial that was last seen.
    """

    period_s: float
    last_s: float
    best: tuple[float, int] | None = None

    def line(self, status: Status, now_s: float) -> str:
        """Return the line that is due; the empty text if none is.

        None is due at the end, where the sweep's summary follows.
        """
        is_new_best = status.best != self.best
        is_due = (is_new_best or now_s - self.last_s >= self.period_s) and status.finished < status.n_trials
        if not is_due:
            return ""
        self.best, self.last_s = status.best, now_s
        return log_line(replace(status, is_new_best=is_new_best))
