"""How a session gets its next trial: no number of processes and hosts together creates one too many.

Where the storage has a claim, counting and creating happen under it. Elsewhere whoever has created a trial looks
whether it is entitled to it, and withdraws it if not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState, create_trial

from qgtune.study import optuna_private
from qgtune.study.attempts.ledger import ATTEMPT, LOST, OWNER, REASON, RETRY_OF, WITHDRAWN, Start, Stop, is_entitled
from qgtune.study.storages.exclusive import Claiming, ClaimLostError, claim
from qgtune.study.storages.opening import batch

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from qgtune.study.session import Session


def next_trial_id(session: Session) -> int | Stop:
    """Create the next trial of a session's study, running and owned by it.

    Returns:
        Its id in the storage, or why there is none.

    Raises:
        StorageLostError: when the storage does not answer.
    """
    attempt = _claimed if isinstance(session.storage, Claiming) else _raced_for
    while (found := attempt(session)) is None:
        pass
    return found


def _claimed(session: Session) -> int | Stop | None:
    trial_id = None
    try:
        with claim(session.storage):
            decision = session.refresh().next(session.limits, session.clock())
            if isinstance(decision, Stop):
                return decision
            trial_id = _create(session, decision)
    except ClaimLostError:  # somebody else may have counted without it
        if trial_id is not None:
            withdraw(session.storage, trial_id)
        return None
    return trial_id


def _raced_for(session: Session) -> int | Stop | None:
    decision = session.refresh().next(session.limits, session.clock(), waiting_first=True)
    if isinstance(decision, Stop):
        return decision
    if decision.waiting is not None:
        return _take(session, decision.waiting)
    trial_id = _create(session, decision)
    trial = session.storage.get_trial(trial_id)
    if is_entitled(session.study.get_trials(deepcopy=False), trial, session.limits):
        return trial_id
    withdraw(session.storage, trial_id)
    return None


def _create(session: Session, start: Start) -> int:
    owner = session.owner.to_attribute()
    if start.waiting is not None:
        trial_id = optuna_private.trial_id_of(start.waiting)
        session.storage.set_trial_user_attr(trial_id, OWNER, owner)
        session.storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        return trial_id
    template = _template(start.retry_of, start.attempt, owner)
    return session.storage.create_new_trial(optuna_private.id_of(session.study), template)


def _take(session: Session, waiting: FrozenTrial) -> int | None:
    """Start an enqueued trial, unless somebody else was faster: storages let one process only."""
    trial_id = optuna_private.trial_id_of(waiting)
    if not session.storage.set_trial_state_values(trial_id, TrialState.RUNNING):
        return None
    session.storage.set_trial_user_attr(trial_id, OWNER, session.owner.to_attribute())
    return trial_id


def withdraw(storage: BaseStorage, trial_id: int) -> None:
    """Mark a trial that must not run as one that counts for nothing; stock Optuna shows it as failed."""
    with batch(storage):
        storage.set_trial_user_attr(trial_id, REASON, "it was created beyond the total, and did not run")
        storage.set_trial_user_attr(trial_id, LOST, WITHDRAWN)
        storage.set_trial_state_values(trial_id, TrialState.FAIL)


def _template(lost: FrozenTrial | None, attempt: int, owner: dict[str, Any]) -> FrozenTrial:
    attributes: dict[str, Any] = {OWNER: owner}
    if lost is None:
        return create_trial(state=TrialState.RUNNING, user_attrs=attributes)
    attributes[RETRY_OF] = lost.user_attrs.get(RETRY_OF, lost.number)
    attributes[ATTEMPT] = attempt
    return create_trial(
        state=TrialState.RUNNING,
        params=lost.params,
        distributions=lost.distributions,
        user_attrs=attributes,
        system_attrs=lost.system_attrs,
    )
