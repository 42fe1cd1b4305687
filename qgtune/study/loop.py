"""The loop of a worker: claim a trial, run it, record how it ended, until the study is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna

from qgtune.errors import first_line
from qgtune.study.attempts.ledger import Stop
from qgtune.study.session import Outcome, Session, failed, pruned
from qgtune.study.storages.exclusive import StorageLostError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker did.

    Attributes:
        n_trials: how many trials it ran.
        stop: why it asked for no more; None when a signal stopped it.
    """

    n_trials: int
    stop: Stop | None

    @property
    def is_full(self) -> bool:
        """Whether it ended because it had run as many trials as it may."""
        return self.stop is not None and self.stop.why == "full"


def interrupted(signal_name: str = "") -> Outcome:
    """Return the outcome of a trial that a signal ended: it is run again when the study goes on."""
    return failed(f"interrupted by {signal_name}" if signal_name else "interrupted", lost="interrupted")


def outcome_of(error: BaseException) -> Outcome:
    """Turn what a user's function raised into an outcome."""
    if isinstance(error, optuna.TrialPruned):
        return pruned()
    if isinstance(error, KeyboardInterrupt):
        return interrupted()
    if isinstance(error, StorageLostError):  # no fault of the trial's: it is run again once the storage answers
        return failed(first_line(error), lost="died")
    if isinstance(error, SystemExit):
        return failed(f"it called sys.exit({error.code!r})")
    return failed(f"{type(error).__name__}: {first_line(error)}")


def run_trials(
    session: Session,
    run_one: Callable[[optuna.Trial], Outcome],
    is_stopped: Callable[[], bool],
    n_most: int | None = None,
) -> WorkerReport:
    """Run trials one after the other.

    What an interrupt leaves half claimed is for the caller to abandon, once no other thread of its process runs trials.

    Args:
        session: the study.
        run_one: runs a claimed trial and says how it ended; what it raises goes on to the caller, once the trial is
            marked failed.
        is_stopped: whether a signal asked for no more trials.
        n_most: how many trials to run at most; None means no limit.

    Returns:
        How many ran, and why there are no more.
    """
    n_trials = 0
    try:
        while not is_stopped():
            trial = session.next_trial()
            if not isinstance(trial, optuna.Trial):
                return WorkerReport(n_trials, trial)
            _run(session, trial, run_one)
            n_trials += 1
            if n_trials == n_most and not is_stopped():
                return WorkerReport(n_trials, Stop("full"))
    except KeyboardInterrupt:
        pass
    return WorkerReport(n_trials, None)


def _run(session: Session, trial: optuna.Trial, run_one: Callable[[optuna.Trial], Outcome]) -> None:
    outcome = interrupted()
    try:
        outcome = run_one(trial)
    finally:
        session.finish(trial, outcome)
