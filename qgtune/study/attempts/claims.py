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


def wins(storage: BaseStorage, trial_id: int, claimant: str, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Start a trial that waits; say whether it is the claimant's: of all that ask at the same time one has it.

    Args:
        storage: where the trial is.
        trial_id: its id there.
        claimant: a name that no other has.
        sleep: waits for some seconds.
    """
    storage.set_trial_system_attr(trial_id, PREFIX + claimant, _ASKS)
    if not storage.set_trial_state_values(trial_id, TrialState.RUNNING):
        storage.set_trial_system_attr(trial_id, PREFIX + claimant, _TOLD_NO)
        return False
    storage.set_trial_system_attr(trial_id, PREFIX + claimant, _TOLD_YES)
    claims = claims_of(storage, trial_id)
    for _ in range(int(_WAIT_S / _PAUSE_S)):
        if _ASKS not in claims.values():
            break
        sleep(_PAUSE_S)
        claims = claims_of(storage, trial_id)
    return min(name for name, answer in claims.items() if answer == _TOLD_YES) == claimant


def is_anyones(storage: BaseStorage, trial_id: int) -> bool:
    """Say whether somebody who claims it this way has a trial, or may still be told so."""
    return any(answer != _TOLD_NO for answer in claims_of(storage, trial_id).values())


def claims_of(storage: BaseStorage, trial_id: int) -> dict[str, str]:
    """Return what each claimant was told."""
    attrs = storage.get_trial(trial_id).system_attrs
    return {key.removeprefix(PREFIX): str(value) for key, value in attrs.items() if key.startswith(PREFIX)}
