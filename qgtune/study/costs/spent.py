"""What the attempts of a study have cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qgtune.study.attempts.attempt import Attempt

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

ALONG = "qgtune:taken_along"
"""The trial's attribute that says how many of its reports are those of earlier attempts at its configuration."""
GRANTED = "qgtune:granted"
"""The trial's attribute that says how many steps it may report before it has to ask again."""


@dataclass(slots=True)
class Spent:
    """What attempts have cost.

    Attributes:
        gpu_s: seconds, times the GPUs of each attempt's worker.
        worker_s: seconds.
        epochs: steps that they reported themselves.
        reserved: steps that they may still report without asking.
    """

    gpu_s: float = 0.0
    worker_s: float = 0.0
    epochs: int = 0
    reserved: int = 0

    def add(self, trial: FrozenTrial, attempt: Attempt, now_s: float | None = None) -> None:
        """Take in an attempt: one that has ended, or one that runs at `now_s` seconds since the epoch."""
        n_own = own_reports(trial)
        seconds = seconds_of(trial, attempt, now_s)
        self.worker_s += seconds
        self.gpu_s += seconds * (attempt.gpus or 0.0)
        self.epochs += n_own
        if now_s is not None:
            self.reserved += max(0, trial.user_attrs.get(GRANTED, 0) - n_own)

    def and_running(self, running: list[FrozenTrial], now_s: float) -> Spent:
        """Return it with what attempts have cost that run now."""
        found = Spent(self.gpu_s, self.worker_s, self.epochs)
        for trial in running:
            found.add(trial, Attempt.of(trial), now_s)
        return found


def own_reports(trial: FrozenTrial) -> int:
    """Return how many steps an attempt reported itself."""
    along: int = trial.user_attrs.get(ALONG, 0)
    return len(trial.intermediate_values) - along


def seconds_of(trial: FrozenTrial, attempt: Attempt, now_s: float | None) -> float:
    """Return for how long an attempt ran, or has run at `now_s`."""
    if attempt.ran_s is not None:
        return attempt.ran_s
    end_s = trial.datetime_complete.timestamp() if trial.datetime_complete else now_s
    if trial.datetime_start is None or end_s is None:
        return 0.0
    return max(0.0, end_s - trial.datetime_start.timestamp())
