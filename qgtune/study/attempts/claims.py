"""Who gets a trial that waits, where the storage may tell several that they do.

A SQLite database, also one behind a gRPC proxy, reads a trial's state before it locks it: whoever asks meanwhile gets
the trial, too. Each writes its claim before it asks, so all that were told yes find each other's claims afterwards.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from optuna.trial import TrialState

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.storages import BaseStorage

PREFIX = "qgtune:claim:"
_ASKS, _TOLD_YES, _TOLD_NO = "asks", "yes", "no"
_PAUSE_S = 0.02
_WAIT_S = 10.0
"""How long to wait for the answer of another one, which may have been killed before it got it."""


def wins(
    storage: BaseStorage,
    trial_id: int,
    claimant: str,
    write_owner: Callable[[], None],
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Start a trial that waits; say whether it is the claimant's: of all that ask at the same time one has it.

    Whoever sees the trial wait has written its claim before, so that the one that gets the trial finds it, waits for
    its answer, and writes the owner last.

    Args:
        storage: where the trial is.
        trial_id: its id there.
        claimant: a name that no other has.
        write_owner: writes down whose the trial is.
        sleep: waits for some seconds.

    Raises:
        optuna.exceptions.UpdateFinishedTrialError: when another one has had the trial, and ended it.
    """
    storage.set_trial_system_attr(trial_id, PREFIX + claimant, _ASKS)
    is_told = storage.get_trial(trial_id).state == TrialState.WAITING
    if is_told:
        write_owner()  # before it runs: a worker that is killed in between leaves a trial that still waits
        is_told = storage.set_trial_state_values(trial_id, TrialState.RUNNING)
    storage.set_trial_system_attr(trial_id, PREFIX + claimant, _TOLD_YES if is_told else _TOLD_NO)
    if not is_told:
        return False
    claims = claims_of(storage, trial_id)
    for _ in range(int(_WAIT_S / _PAUSE_S)):
        if _ASKS not in claims.values():
            break
        sleep(_PAUSE_S)
        claims = claims_of(storage, trial_id)
    if min(name for name, answer in claims.items() if answer == _TOLD_YES) != claimant:
        return False
    write_owner()
    return True


def is_anyones(storage: BaseStorage, trial_id: int) -> bool:
    """Say whether somebody who claims it this way has a trial, or may still be told so."""
    return any(answer != _TOLD_NO for answer in claims_of(storage, trial_id).values())


def claims_of(storage: BaseStorage, trial_id: int) -> dict[str, str]:
    """Return what each claimant was told."""
    attrs = storage.get_trial(trial_id).system_attrs
    return {key.removeprefix(PREFIX): str(value) for key, value in attrs.items() if key.startswith(PREFIX)}
