"""The trial that runs now, for the user's function."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import optuna

from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("qgtune")

_current: ContextVar[optuna.trial.BaseTrial | None] = ContextVar("qgtune_current_trial", default=None)
_last: list[optuna.trial.BaseTrial] = []


class StandInTrial(optuna.trial.FixedTrial):
    """What `current_trial` gives outside a sweep: reports are logged, nothing is pruned, nothing is stored."""

    def __init__(self, number: int = 0) -> None:
        super().__init__({}, number=number)

    def report(self, value: float, step: int) -> None:
        """Log an intermediate value."""
        log.info("step %s: %g", step, value)


def current_trial() -> optuna.trial.BaseTrial:
    """Return the trial that runs now.

    Returns:
        The live `optuna.Trial` inside a sweep. Outside of one, a stand-in whose `report` logs and whose
        `should_prune` is false, so that the same function runs unchanged.
    """
    trial = _current.get()
    if trial is None and _last:
        return _last[-1]
    return StandInTrial() if trial is None else trial


def report(value: float, step: int) -> None:
    """Report an intermediate value of the objective, and end the trial here if the pruner says so.

    Args:
        value: the objective so far; better in the study's direction.
        step: which step (epoch, say) it belongs to, from 0. A step that was reported before is ignored by Optuna.

    Raises:
        optuna.TrialPruned: when the pruner finds the trial not worth going on with. Let it pass.
        QGTuneError: when the study has several objectives: no one value tells how good such a trial is.
    """
    trial = current_trial()
    try:
        trial.report(value, step)
    except NotImplementedError:
        raise QGTuneError(
            "Cannot report a value: the study has several objectives, and its trials are not pruned. "
            "Take qgtune.report out, or log the value yourself."
        ) from None
    if trial.should_prune():
        raise optuna.TrialPruned(f"pruned at step {step}")


def set_constraint(name: str, value: float) -> None:
    """Say how far the trial violates a constraint: a trial that violates one is never the best.

    Samplers that know of constraints (TPE, NSGA-II, NSGA-III and GP) keep away from such values.

    Args:
        name: of the constraint.
        value: zero or less where it holds; the higher above zero, the worse. The first value of a trial counts.

    Raises:
        QGTuneError: when Optuna is older than 5.0.
        TypeError: when `value` is no number.
        ValueError: when it is NaN.
    """
    trial = current_trial()
    if not hasattr(trial, "set_constraint"):
        raise QGTuneError(f"Cannot set a constraint: Optuna {optuna.__version__} has none. Install optuna>=5.")
    trial.set_constraint(name, value)


@contextmanager
def nothing() -> Iterator[None]:
    """Do nothing: for threads, where no signal can be raised."""
    yield


@contextmanager
def running(trial: Any) -> Iterator[None]:
    """Make `trial` the current one, also for the threads that the user's function starts."""
    token = _current.set(trial)
    _last.append(trial)
    try:
        yield
    finally:
        _last.remove(trial)
        _current.reset(token)
