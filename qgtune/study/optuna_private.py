"""The private attributes of Optuna's `Study` that have no public twin; nothing else here touches them.

`Study.ask` cannot create a trial together with its owner in one record, so that a worker killed in between would
leave a trial that nobody owns. `BaseStorage.create_new_trial` can, and needs the study's id. Tried on Optuna 4.9.0
and 5.0.0; `tests/study/test_optuna_private.py` holds the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

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


class SeenStudy:
    """A study as a sampler sees it: without some of its trials, or with more; otherwise it is that study.

    Samplers read trials through `Study._get_trials`; so do Optuna's own parts of studies, of `HyperbandPruner`.

    Args:
        study: it.
        is_seen: says which of its trials are; None for all.
        before: trials that come before its own.
    """

    def __init__(
        self,
        study: optuna.Study,
        is_seen: Callable[[FrozenTrial], bool] | None = None,
        before: Sequence[FrozenTrial] = (),
    ) -> None:
        self._study = study
        self._is_seen = is_seen
        self._before = before

    def __getattr__(self, name: str) -> Any:
        """Be the study, but for its trials."""
        return getattr(self._study, name)

    @property
    def trials(self) -> list[FrozenTrial]:
        """The trials that are seen."""
        return self.get_trials()

    def get_trials(self, deepcopy: bool = True, states: Container[Any] | None = None) -> list[FrozenTrial]:  # noqa: FBT001, FBT002 - Optuna's signature
        """Return the trials that are seen."""
        found: list[FrozenTrial] = self._get_trials(deepcopy=deepcopy, states=states)
        return found

    def _get_trials(self, deepcopy: bool = True, states: Container[Any] | None = None, use_cache: bool = False) -> Any:  # noqa: FBT001, FBT002 - as above
        before = [trial for trial in self._before if states is None or trial.state in states]
        own = self._study._get_trials(deepcopy=deepcopy, states=states, use_cache=use_cache)
        return [*before, *filter(self._is_seen, own)] if self._is_seen else [*before, *own]


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
