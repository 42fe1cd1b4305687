"""The private attributes of Optuna's `Study` that have no public twin; nothing else here touches them.

`Study.ask` cannot create a trial together with its owner in one record, so that a worker killed in between would
leave a trial that nobody owns. `BaseStorage.create_new_trial` can, and needs the study's id. Tried on Optuna 4.9.0
and 5.0.0; `tests/study/test_optuna_private.py` holds the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial


def storage_of(study: optuna.Study) -> BaseStorage:
    """Return the storage that `study` reads and writes."""
    return study._storage


def id_of(study: optuna.Study) -> int:
    """Return the study's id in its storage."""
    return study._study_id


def trial_id_of(trial: FrozenTrial | optuna.Trial) -> int:
    """Return the trial's id in its storage (its number is its place in the study)."""
    return trial._trial_id


def forget_cached_trials(study: optuna.Study) -> None:
    """Make the next sampler see the trials as they are now, as `Study.ask` does."""
    study._thread_local.cached_all_trials = None
