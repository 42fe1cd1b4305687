"""How an attempt comes about: no number of processes and hosts together creates one too many.

Where the storage lets one process at a time count trials, counting and creating happen in one. Elsewhere whoever has
created a trial looks whether it is entitled to it, and withdraws it if not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState, create_trial

from qgtune.study import optuna_private
from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.attempts.claims import is_anyones, wins
from qgtune.study.attempts.ledger import is_entitled
from qgtune.study.attempts.limits import Start, Stop
from qgtune.study.storages.exclusive import ExclusivityLostError, OneAtATime, exclusive

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from qgtune.study.attempts.ledger import Ledger
    from qgtune.study.attempts.limits import Limits


class Creator(Protocol):
    """What creates trials: a session."""

    study: optuna.Study
    limits: Limits

    @property
    def start(self) -> Attempt:
        """What an attempt of this process starts from."""

    @property
    def clock(self) -> Callable[[], float]:
        """What returns the time in seconds since the epoch."""

    @property
    def storage(self) -> BaseStorage:
        """The study's storage."""

    def refresh(self) -> Ledger:
        """Bring the tally up to date."""

    def withdraw(self, trial_id: int) -> None:
        """End an attempt that must not run."""


def next_trial_id(creator: Creator) -> int | Stop:
    """Create the next trial of a study, running and owned by whoever asks.

    Returns:
        Its id in the storage, or why there is none.

    Raises:
        StorageLostError: when the storage does not answer.
    """
    attempt = _one_at_a_time if isinstance(creator.storage, OneAtATime) else _raced_for
    while (found := attempt(creator)) is None:
        pass
    return found


def _one_at_a_time(creator: Creator) -> int | Stop | None:
    trial_id = None
    try:
        with exclusive(creator.storage):
            decision = creator.refresh().next(creator.limits, creator.clock())
            if isinstance(decision, Stop):
                return decision
            trial_id = _create(creator, decision) if decision.waiting is None else _take(creator, decision.waiting)
    except ExclusivityLostError:  # somebody else may have counted meanwhile
        if trial_id is not None:
            creator.withdraw(trial_id)
        return None
    return trial_id


def _raced_for(creator: Creator) -> int | Stop | None:
    decision = creator.refresh().next(creator.limits, creator.clock(), waiting_first=True)
    if isinstance(decision, Stop):
        return decision
    if decision.waiting is not None:
        return _take(creator, decision.waiting)
    trial_id = _create(creator, decision)
    trial = creator.storage.get_trial(trial_id)
    if is_entitled(creator.study.get_trials(deepcopy=False), trial, creator.limits):
        return trial_id
    creator.withdraw(trial_id)
    return None


def _create(creator: Creator, start: Start) -> int:
    template = _template(start, creator.start)
    return creator.storage.create_new_trial(optuna_private.id_of(creator.study), template)


def _take(creator: Creator, waiting: FrozenTrial) -> int | None:
    """Start an enqueued trial, unless somebody else, stock Optuna for one, was faster."""
    trial_id, storage = optuna_private.trial_id_of(waiting), creator.storage
    if storage.get_trial(trial_id).state != TrialState.WAITING:
        return None
    try:
        return trial_id if _is_taken(creator, trial_id) else None
    except UpdateFinishedTrialError:  # so fast that it has ended by now
        return None


def _is_taken(creator: Creator, trial_id: int) -> bool:
    storage = creator.storage

    def write_owner() -> None:
        storage.set_trial_user_attr(trial_id, ATTRIBUTE, creator.start.to_attribute())

    if isinstance(storage, OneAtATime):
        write_owner()  # before it runs: a worker that is killed in between leaves a trial that still waits
        is_ours, is_others = storage.set_trial_state_values(trial_id, TrialState.RUNNING), False
    else:
        is_ours = wins(storage, trial_id, owner.name if (owner := creator.start.owner) else "", write_owner)
        is_others = not is_ours and is_anyones(storage, trial_id)
    if not is_ours and not is_others and Attempt.of(storage.get_trial(trial_id)).owner == creator.start.owner:
        storage.set_trial_user_attr(trial_id, ATTRIBUTE, {})  # it runs elsewhere, and is not ours
    return is_ours


def _template(wanted: Start, start: Attempt) -> FrozenTrial:
    again = wanted.again
    if again is None:
        return create_trial(state=TrialState.RUNNING, user_attrs={ATTRIBUTE: start.to_attribute()})
    before, system_attrs = Attempt.of(again), again.system_attrs
    if wanted.replicate:
        attempt = before.beside(again.number, start, wanted.replicate)
        system_attrs = {key: value for key, value in system_attrs.items() if not key.startswith(_OF_ITS_RUN)}
    else:
        attempt = before.repeated(again.number, start)
    return create_trial(
        state=TrialState.RUNNING,
        params=again.params,
        distributions=again.distributions,
        user_attrs={ATTRIBUTE: attempt.to_attribute()},
        system_attrs=system_attrs,
    )


_OF_ITS_RUN = ("constraints", "completed_rung_")
"""What Optuna keeps of a trial's run, rather than of how its values were drawn: other repeats have their own."""
