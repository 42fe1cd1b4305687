"""How an attempt ended, in words that the study keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import optuna
from omegaconf.errors import UnsupportedInterpolationType
from optuna.trial import TrialState

from qgtune.errors import OUT_OF_MEMORY, first_line
from qgtune.study.storages.exclusive import StorageLostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.study.attempts.attempt import End
    from qgtune.study.objectives import Objectives
    from qgtune.study.repeats.measured import Measured

MEMORY = "qgtune:memory"
"""The trial's user attribute that has the most memory that it used."""
STATES: dict[End, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "paused": TrialState.PRUNED,
    "measured": TrialState.PRUNED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        end: the one word for it.
        values: the objectives' values; empty unless it completed, paused, or is one of several repeats. Of the repeat
            that completes a configuration: what all of them give together.
        reason: why it did not succeed, one line.
        log: the file that has the traceback; empty for none.
        memory: the most that the function's process used, in MiB, as `processes.memory.peak` gives it.
        score: the value that it had when it paused, or that it gave as one of several repeats.
        measured: what the repeats gave of the configuration that it ends; None where there are none.
    """

    end: End
    values: tuple[float, ...] = ()
    reason: str = ""
    log: str = ""
    memory: Mapping[str, int] = field(default_factory=dict)
    score: float | None = None
    measured: Measured | None = None

    @property
    def state(self) -> TrialState:
        """The trial's state in Optuna."""
        return STATES.get(self.end, TrialState.FAIL)


PRUNED = Outcome("pruned")
_SAID_BY_ALLOCATORS = ("out of memory", "resource_exhausted", "can't allocate memory", "cannot allocate memory")


def completed(returned: Any, objectives: Objectives) -> Outcome:
    """Return the outcome of a function that returned: complete, or failed with what is wrong with its value."""
    try:
        return Outcome("complete", objectives.values_of(returned))
    except ValueError as error:
        return failed(f"it {first_line(error)}")
    except BaseException as error:  # noqa: BLE001 - whatever iterating over the value, or naming its keys, raises
        return failed(f"it returned what cannot be read: {type(error).__name__}: {first_line(error)}")


def failed(reason: str) -> Outcome:
    """Return the outcome of an attempt that failed for `reason`."""
    return Outcome("failed", reason=reason)


def returned(signal_name: str = "") -> Outcome:
    """Return the outcome of an attempt that a signal ended: it is run again when the study goes on."""
    return Outcome("returned", reason=f"interrupted by {signal_name}" if signal_name else "interrupted")


def outcome_of(error: BaseException) -> Outcome:
    """Turn what a user's function raised into an outcome."""
    if isinstance(error, optuna.TrialPruned):
        return PRUNED
    if isinstance(error, StorageLostError):  # no fault of the trial's: it is run again once the storage answers
        return Outcome("lost", reason=first_line(error))
    if isinstance(error, SystemExit):
        return failed(f"it called sys.exit({first_line(error)})")
    if is_out_of_memory(error):
        return failed(f"{OUT_OF_MEMORY}: {type(error).__name__}: {first_line(error)}")
    hint = ""
    if isinstance(error, UnsupportedInterpolationType):
        hint = ". A worker process has the resolvers that are registered when your script is imported"
    return failed(f"{type(error).__name__}: {first_line(error)}{hint}")


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that there was too little memory: Python's, torch's, JAX's, of a GPU or not."""
    if isinstance(error, MemoryError) or any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
        return True
    return isinstance(error, RuntimeError) and any(said in first_line(error).lower() for said in _SAID_BY_ALLOCATORS)
