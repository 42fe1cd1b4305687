"""The private attributes of Optuna's `Study` that have no public twin; nothing else here touches them.

`Study.ask` cannot create a trial together with its owner in one record, so that a worker killed in between would
leave a trial that nobody owns. `BaseStorage.create_new_trial` can, and needs the study's id. Tried on Optuna 4.9.0
and 5.0.0; `tests/study/test_optuna_private.py` holds the contract.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

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


def with_trials(study: optuna.Study, more: Sequence[FrozenTrial]) -> optuna.Study:
    """Return a view of a study that has these trials, too, before its own, for a sampler to read."""
    if not more:
        return study
    view = copy.copy(study)

    def get_trials(deepcopy: bool = True, states: Container[Any] | None = None, use_cache: bool = False) -> list[Any]:  # noqa: FBT001, FBT002 - Optuna's signature
        there = [trial for trial in more if states is None or trial.state in states]
        return [*there, *study._get_trials(deepcopy=deepcopy, states=states, use_cache=use_cache)]

    view._get_trials = get_trials  # type: ignore[method-assign]
    return view


class Draft:
    """What a trial suggests before it is decided whether that becomes the trial.

    While it is open, the values stay out of the storage, so that the trial can be asked again.

    Args:
        trial: it.
    """

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self._storage = trial.storage
        self._suggested: list[tuple[Any, ...]] = []
        cached = trial._cached_frozen_trial
        self._before = dict(cached.params), dict(cached.distributions)
        trial.storage = self  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        """Be the storage, but for what is set."""
        return getattr(self._storage, name)

    def set_trial_param(self, *arguments: Any) -> None:
        """Keep a value to oneself."""
        self._suggested.append(arguments)

    def forget(self) -> None:
        """Let the trial be asked again: the sampler draws anew."""
        self._suggested.clear()
        cached = self._trial._cached_frozen_trial
        cached.params, cached.distributions = map(dict, self._before)
        self._trial._relative_params = None

    def close(self) -> None:
        """Write the values that were suggested last."""
        self._trial.storage = self._storage
        for arguments in self._suggested:
            self._storage.set_trial_param(*arguments)
