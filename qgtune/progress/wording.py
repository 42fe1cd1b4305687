"""The words that say how a study stands, and when to say them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qgtune.study.status import Standing

_UNITS = (("days", 86400), ("h", 3600), ("min", 60))
_ENOUGH = 1.5
"""From how many of a unit on it is used."""


def duration(seconds: float) -> str:
    """Return a time span as a person says it."""
    for unit, size in _UNITS:
        if seconds >= _ENOUGH * size:
            return f"{seconds / size:.{0 if unit == 'min' else 1}f} {unit}"
    return f"{max(0, seconds):.0f} s"


def time_left(standing: Standing) -> str:
    """Say how long the study will take."""
    if standing.left_s is None:
        return "time left unknown"
    if standing.left_s < 1:
        return "nearly done"
    return f"{'at most' if standing.is_bound else 'about'} {duration(standing.left_s)} left"


def counts(standing: Standing) -> str:
    """Say how the finished trials ended."""
    return f"{standing.complete} complete, {standing.pruned} pruned, {standing.failed} failed"


def best(standing: Standing) -> str:
    """Say what is best so far; the empty text if nothing is."""
    if standing.n_pareto is not None:
        return f"{standing.n_pareto} Pareto-optimal" if standing.n_pareto else ""
    return "" if standing.best is None else f"best {standing.best[0]:.6g} (trial {standing.best[1]})"


def log_line(standing: Standing, *, is_new_best: bool = False) -> str:
    """Say everything in one line."""
    done = f"{standing.finished} of {standing.n_trials} trials ({counts(standing)}), {len(standing.active)} running"
    text = best(standing)
    return "; ".join(part for part in (done, f"new {text}" if is_new_best else text, time_left(standing)) if part)


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

    def line(self, standing: Standing, now_s: float) -> str:
        """Return the line that is due; the empty text if none is.

        None is due at the end, where the sweep's summary follows.
        """
        is_new_best = standing.best != self.best
        is_due = (is_new_best or now_s - self.last_s >= self.period_s) and standing.finished < standing.n_trials
        if not is_due:
            return ""
        self.best, self.last_s = standing.best, now_s
        return log_line(standing, is_new_best=is_new_best)
