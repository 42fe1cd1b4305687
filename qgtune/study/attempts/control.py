"""What somebody beside a running sweep wants of it: the study is the channel."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from qgtune.study.attempts.limits import Stop
from qgtune.study.optuna_private import id_of, storage_of
from qgtune.study.storages.exclusive import exclusively

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna

ATTRIBUTE = "qgtune:control"
"""The study's attribute that has it."""
FINISHED = Stop("enough", "qgtune finish asked for no more trials")


@dataclass(frozen=True, slots=True)
class Seat:
    """Which of a sweep's workers a process is.

    Attributes:
        sweep: the name of the owner that the sweep is.
        place: its number among the workers, from 0.
        gpus: how many GPUs it has, a shared one in part; None where nobody gave it any.
    """

    sweep: str
    place: int
    gpus: float | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """What is wanted.

    Attributes:
        finish: whether no more trials are to start, and the sweep to end.
        pause: whether no trial is to start for now.
        stops: how running trials are to end, `failed` or `pruned`, by their number as text.
        workers: how many workers a sweep is to have, by the name of the owner that it is; the others have as many as
            they were started with.
    """

    finish: bool = False
    pause: bool = False
    stops: Mapping[str, str] = field(default_factory=dict)
    workers: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, study: optuna.Study) -> Control:
        """Read it; whatever other code wrote there counts as nothing."""
        stored = storage_of(study).get_study_user_attrs(id_of(study)).get(ATTRIBUTE)
        known: dict[str, Any] = stored if isinstance(stored, dict) else {}
        return cls(**{key: value for key, value in known.items() if key in cls.__slots__})

    def with_stop(self, number: int, end: str) -> Control:
        """Return it with one more trial that is to end."""
        return replace(self, stops={**self.stops, str(number): end})

    def with_workers(self, sweep: str, count: int) -> Control:
        """Return it with another number of workers for a sweep."""
        return replace(self, workers={**self.workers, sweep: count})

    def stop_of(self, seat: Seat | None) -> Stop | None:
        """Say why a worker that asks for a trial gets none; None if nobody wants that."""
        if self.finish:
            return FINISHED
        if seat is not None and seat.place >= self.workers.get(seat.sweep, seat.place + 1):
            return Stop("leaves")
        return Stop("paused") if self.pause else None


def steer(study: optuna.Study, change: Callable[[Control], Control]) -> None:
    """Change what is wanted of the sweeps on a study; they look about once a second."""

    def write() -> None:
        before = Control.of(study)
        if (after := change(before)) != before:
            study.set_user_attr(ATTRIBUTE, asdict(after))

    exclusively(storage_of(study), write)
