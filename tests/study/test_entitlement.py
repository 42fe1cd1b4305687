"""Where nothing keeps others from creating trials at the same time, trial numbers decide who runs."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.attempts.ledger import Ledger, is_entitled
from qgtune.study.attempts.limits import Limits, Start

STATES = {state.name[0]: state for state in TrialState}
RETRY = {ATTRIBUTE: Attempt(repeats=0, turn=1, losses=1).to_attribute()}
DIED = {ATTRIBUTE: Attempt(end="lost").to_attribute()}
RETRY_GONE = {ATTRIBUTE: Attempt(repeats=0, turn=1, losses=1, end="withdrawn").to_attribute()}
GONE = {ATTRIBUTE: Attempt(end="withdrawn").to_attribute()}


def study(states: str, **attributes: dict[str, Any]) -> list[FrozenTrial]:
    """Make trials in the states that letters stand for; attributes by number, such as `t2={...}`."""
    trials = []
    for number, letter in enumerate(states):
        value = 1.0 if letter == "C" else None
        trial = create_trial(state=STATES[letter], value=value, user_attrs=attributes.get(f"t{number}", {}))
        trial.number = number
        trials.append(trial)
    return trials


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param("", True, id="the first"),
        pytest.param("R", True, id="one before it runs"),
        pytest.param("RR", False, id="two before it run"),
        pytest.param("CW", False, id="one before it waits"),
        pytest.param("CF", False, id="one before it failed for good"),
    ],
)
def test_the_ones_before_it_must_leave_room(before: str, *, expected: bool) -> None:
    """With a total of two, a trial is entitled if fewer than two before it count; those after it do not matter."""
    trials = study(before + "RRR")
    assert is_entitled(trials, trials[len(before)], Limits(2)) is expected


@pytest.mark.parametrize("n_racing", [1, 2, 5, 40])
def test_of_many_that_race_the_total_is_entitled(n_racing: int) -> None:
    """However many trials are created at once, exactly the missing ones may run."""
    trials = study("CC" + "R" * n_racing)
    entitled = [trial.number for trial in trials[2:] if is_entitled(trials, trial, Limits(5))]
    assert entitled == [2, 3, 4][:n_racing]


def test_a_withdrawn_trial_takes_no_room() -> None:
    """A trial that withdrew counts neither towards the total nor as a failure."""
    trials = study("FFFR", t1=GONE, t2=GONE)
    assert is_entitled(trials, trials[3], Limits(2))
    ledger = Ledger()
    ledger.update(trials, Limits(2))
    assert (ledger.failed, ledger.running, ledger.finished) == (1, 1, 1)


def test_of_two_equal_retries_the_first_is_entitled() -> None:
    """Two workers that retry the same trial agree on who does."""
    trials = study("FRR", t0=DIED, t1=RETRY, t2=RETRY)
    assert [is_entitled(trials, trial, Limits(9)) for trial in trials[1:]] == [True, False]


def test_a_withdrawn_retry_is_still_to_be_done() -> None:
    """A retry that withdrew for want of room leaves the lost trial to others, also to who saw it run."""
    ledger = Ledger()
    ledger.update(study("FR", t0=DIED, t1=RETRY), Limits(2))
    assert ledger.next(Limits(2), 0) == Start()
    trials = study("FF", t0=DIED, t1=RETRY_GONE)
    ledger.update(trials, Limits(2))
    decision = ledger.next(Limits(2), 0)
    assert isinstance(decision, Start)
    assert decision.again is not None
    assert decision.again.number == 0


def test_waiting_trials_may_come_first() -> None:
    """On request an enqueued trial comes before a retry."""
    trials = study("FW", t0=DIED)
    ledger = Ledger()
    ledger.update(trials, Limits(3))
    assert ledger.next(Limits(3), 0) == Start(again=trials[0])
    assert ledger.next(Limits(3), 0, waiting_first=True) == Start(waiting=trials[1])
