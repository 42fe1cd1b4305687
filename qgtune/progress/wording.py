"""The words that say how a study stands, and when to say them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qgtune.study.attempts.limits import of_total

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
    if status.is_stopping:
        return "stopping"
    if status.is_paused:
        return "paused until: qgtune go"
    if status.left_s is None:
        return "time left unknown"
    if status.left_s < 1:
        return "nearly done"
    return f"{'at most' if status.is_bound else 'about'} {duration(status.left_s)} left"


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
    return "" if status.best is None else f"best {status.best[0]:.6g} (trial {status.best[1]})"


def log_line(status: Status, *, is_new_best: bool = False) -> str:
    """Say everything in one line."""
    done = f"{of_total(status.finished, status.n_trials)} ({counts(status)}), {running(status)}"
    text = best(status)
    parts = (done, f"new {text}" if is_new_best else text, spent(status), time_left(status))
    return "; ".join(part for part in parts if part)


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
        return log_line(status, is_new_best=is_new_best)
