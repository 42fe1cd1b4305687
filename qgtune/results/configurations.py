"""Configurations that ran several times: the attempts at their repeats, taken together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from qgtune.study.repeats.measured import Measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from optuna.trial import FrozenTrial

State = Literal["complete", "pruned", "failed", "running", "waiting"]


@dataclass(frozen=True, slots=True)
class Runs:
    """The attempts at one configuration.

    Attributes:
        number: the one that people know it by: that of the first attempt.
        attempts: in the order of their numbers.
    """

    number: int
    attempts: Sequence[FrozenTrial]

    @property
    def last(self) -> FrozenTrial:
        """The attempt that has the configuration's end, or that says most of how it stands."""
        latest = {Attempt.of(trial).replicate: trial for trial in self.attempts}
        return min(latest.values(), key=lambda trial: (_ORDER.index(_state(trial)), -trial.number))

    @property
    def state(self) -> State:
        """How it stands; `waiting` for its other repeats, too."""
        return _state(self.last)

    @property
    def measured(self) -> Measured | None:
        """What its repeats gave, if it has its end."""
        return Measured.of(self.last)

    @property
    def drawn(self) -> FrozenTrial:
        """An attempt that has its hyperparameters."""
        return max(self.attempts, key=lambda trial: len(trial.params))

    @property
    def started(self) -> datetime | None:
        """When the first repeat started."""
        return min((trial.datetime_start for trial in self.attempts if trial.datetime_start), default=None)

    @property
    def ended(self) -> datetime | None:
        """When the last repeat ended; None while there are more to come."""
        if self.state in ("running", "waiting"):
            return None
        return max((trial.datetime_complete for trial in self.attempts if trial.datetime_complete), default=None)

    @property
    def names(self) -> list[str]:
        """Its repeats."""
        return list(dict.fromkeys(Attempt.of(trial).replicate for trial in self.attempts))


_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}
_ORDER: tuple[State, ...] = ("complete", "pruned", "running", "failed", "waiting")


def _state(trial: FrozenTrial) -> State:
    attempt = Attempt.of(trial)
    is_part = attempt.replicate and attempt.end in ("measured", "returned")
    return "waiting" if is_part else _STATES[trial.state]


def runs_of(trials: Iterable[FrozenTrial]) -> list[Runs]:
    """Take the attempts at each configuration together; those without repeats stay alone."""
    found: dict[int, list[FrozenTrial]] = {}
    for trial in trials:
        found.setdefault(number_of(trial), []).append(trial)
    return [Runs(number, attempts) for number, attempts in found.items()]


def number_of(trial: FrozenTrial) -> int:
    """Return the number that people know a trial by: where configurations have repeats, the configuration's."""
    return Attempt.of(trial).name(trial.number)
