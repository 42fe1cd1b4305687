"""Whether another trial starts is decided from the list of trials alone."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.attempts.ledger import Ledger, is_repeated
from qgtune.study.attempts.limits import Limits, Start, Stop

NOW_S = 1000.0
STATES = {
    "C": TrialState.COMPLETE,
    "P": TrialState.PRUNED,
    "F": TrialState.FAIL,
    "R": TrialState.RUNNING,
    "W": TrialState.WAITING,
}


def make(state: str, number: int, **attributes: Any) -> FrozenTrial:
    """Make a trial in the state that a letter stands for."""
    value = 1.0 if state == "C" else None
    trial = create_trial(state=STATES[state], value=value, user_attrs={ATTRIBUTE: Attempt(**attributes).to_attribute()})
    trial.number = number
    return trial


def study(states: str) -> list[FrozenTrial]:
    """Make a study whose trials have the states in `states`."""
    return [make(state, number) for number, state in enumerate(states)]


def decide(trials: list[FrozenTrial], limits: Limits, now_s: float = NOW_S) -> Start | Stop:
    """Ask a fresh ledger what comes next."""
    ledger = Ledger()
    ledger.update(trials, limits)
    return ledger.next(limits, now_s)


@pytest.mark.parametrize(
    ("states", "why"),
    [
        pytest.param("", None, id="an empty study starts"),
        pytest.param("CP", None, id="one is left"),
        pytest.param("CPC", "done", id="complete and pruned count"),
        pytest.param("CFC", "done", id="a failure that is not retried counts"),
        pytest.param("CCR", "busy", id="a running one may yet finish"),
        pytest.param("RRR", "busy", id="all are running"),
        pytest.param("CCCC", "done", id="more than asked for"),
    ],
)
def test_total_is_exact(states: str, why: str | None) -> None:
    """Finished and running trials together never exceed the total."""
    decision = decide(study(states), Limits(3))
    assert (decision.why if isinstance(decision, Stop) else None) == why


def test_no_trial_starts_after_the_deadline() -> None:
    """A deadline in the past stops asking; one in the future does not."""
    assert decide([], Limits(3, deadline_s=NOW_S)) == Stop("timeout")
    assert decide([], Limits(3, deadline_s=NOW_S + 1)) == Start()


def test_finished_study_is_done_even_after_the_deadline() -> None:
    """A complete study says so rather than complaining about the time."""
    assert decide(study("CCC"), Limits(3, deadline_s=0.0)) == Stop("done")


def test_an_enqueued_trial_is_taken_first() -> None:
    """A waiting trial is started before a new one is made."""
    trials = study("CW")
    assert decide(trials, Limits(3)) == Start(waiting=trials[1])


def test_a_lost_trial_is_retried_and_does_not_count() -> None:
    """A trial whose worker died is started again with its attempt counted."""
    trials = [make("F", 0, end="lost", reason="SIGKILL"), *study("CC")[1:]]
    decision = decide(trials, Limits(2, max_retries=1))
    assert decision == Start(again=trials[0])


def test_a_lost_trial_is_retried_once_only() -> None:
    """While its retry runs, nobody else starts one."""
    trials = [make("F", 0, end="lost"), make("R", 1, repeats=0, turn=1, losses=1)]
    assert decide(trials, Limits(2, max_retries=1)) == Start()


def test_exhausted_retries_count() -> None:
    """The last attempt that died takes its place in the total."""
    trials = [make("F", 0, end="lost"), make("F", 1, end="lost", repeats=0, turn=1, losses=1)]
    assert decide(trials, Limits(1, max_retries=1)) == Stop("done")


def test_a_second_retry_follows_the_first() -> None:
    """With two retries, the retry that died is tried again under the original's number."""
    trials = [make("F", 0, end="lost"), make("F", 1, end="lost", repeats=0, turn=1, losses=1)]
    assert decide(trials, Limits(1, max_retries=2)) == Start(again=trials[1])


@pytest.mark.parametrize(
    ("attempt", "limits", "expected"),
    [
        pytest.param(Attempt(end="lost"), Limits(9, max_retries=0), False, id="no retries at all"),
        pytest.param(Attempt(end="lost"), Limits(9), True, id="died once"),
        pytest.param(Attempt(end="lost", turn=1, losses=1, repeats=0), Limits(9), False, id="died twice"),
        pytest.param(Attempt(end="returned", turn=5), Limits(9, max_retries=0), True, id="given back"),
        pytest.param(Attempt(end="lost", turn=5), Limits(9), True, id="lost once, given back before"),
        pytest.param(Attempt(end="failed", reason="ValueError"), Limits(9), False, id="an exception"),
        pytest.param(
            Attempt(end="failed", reason="ValueError"),
            Limits(9, retry_exceptions=True),
            True,
            id="an exception, retried",
        ),
        pytest.param(Attempt(end="failed"), Limits(9, retry_exceptions=True), False, id="somebody else's failure"),
    ],
)
def test_what_is_repeated(attempt: Attempt, limits: Limits, expected: bool) -> None:  # noqa: FBT001 - a table
    """What is tried again depends on how it ended and how often it was lost, not on how often it was given back."""
    assert is_repeated(attempt, limits) is expected


@pytest.mark.parametrize(
    ("states", "rate", "gives_up"),
    [
        pytest.param("FFF", 1.0, True, id="the first three all failed"),
        pytest.param("FF", 1.0, False, id="too early to tell"),
        pytest.param("CFFFFF", 1.0, False, id="one completed: go on"),
        pytest.param("CFC", 0.0, True, id="no failure is allowed"),
        pytest.param("CCCCFFFF", 0.5, False, id="half, and half is allowed"),
        pytest.param("CCCFFFF", 0.5, True, id="more than half"),
    ],
)
def test_giving_up(states: str, rate: float, gives_up: bool) -> None:  # noqa: FBT001 - a table
    """A study stops when too many trials fail, or when everything fails from the start."""
    decision = decide(study(states), Limits(20, max_failure_rate=rate, n_first=3))
    assert isinstance(decision, Stop) is gives_up
    if isinstance(decision, Stop):
        assert decision.why == "failures"
        assert "failed" in decision.message


def values(*found: float, maximize: bool = False) -> Ledger:
    """Return a ledger of trials that completed one after the other with these values."""
    ledger = Ledger()
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    trials = [make("C", number) for number in range(len(found))]
    for trial, value in zip(trials, found, strict=True):
        trial.values = [value]
        trial.datetime_complete = start + timedelta(seconds=trial.number)
    ledger.update(trials, Limits(99, maximize=(maximize,)))
    return ledger


@pytest.mark.parametrize(
    ("found", "maximize", "limits", "stops"),
    [
        pytest.param((3, 1, 2), False, {"stop_at": 1}, True, id="low enough"),
        pytest.param((3, 1, 2), False, {"stop_at": 0.5}, False, id="not low enough"),
        pytest.param((3, 1, 2), True, {"stop_at": 3}, True, id="high enough"),
        pytest.param((3, 1, 2), True, {"stop_at": 4}, False, id="not high enough"),
        pytest.param((1, 2, 3), False, {"stop_after_no_improvement": 2}, True, id="two no better"),
        pytest.param((2, 1, 3), False, {"stop_after_no_improvement": 2}, False, id="one no better"),
        pytest.param((1, 1, 1), False, {"stop_after_no_improvement": 2}, True, id="equal is no better"),
        pytest.param((), False, {"stop_after_no_improvement": 1, "stop_at": 0}, False, id="nothing yet"),
    ],
)
def test_stopping_early(found: tuple[float, ...], maximize: bool, limits: dict[str, Any], stops: bool) -> None:  # noqa: FBT001 - a table
    """A study stops when it is good enough or gets no better."""
    decision = values(*found, maximize=maximize).next(Limits(99, maximize=(maximize,), **limits), NOW_S)
    assert (isinstance(decision, Stop) and decision.why == "enough") is stops


def test_failures_of_earlier_runs_do_not_stop_this_one() -> None:
    """Whoever starts a study again has mended something: it is judged by what fails from now on."""
    assert isinstance(decide(study("FFF"), Limits(20, n_before=3)), Start)
    assert isinstance(decide(study("FFFFF"), Limits(20, n_before=3)), Start)
    assert isinstance(decide(study("FFFFFF"), Limits(20, n_before=3)), Stop)


def test_tally_is_the_same_step_by_step_and_at_once() -> None:
    """A ledger that follows a study trial by trial agrees with one that sees it whole."""
    limits = Limits(100)
    followed = Ledger()
    whole = Ledger()
    final = study("CPFCRCPW")
    for seen in range(len(final) + 1):
        running = [make("R", trial.number) for trial in final[seen:]]
        followed.update([*final[:seen], *running], limits)
    whole.update(final, limits)
    for ledger in (followed, whole):
        assert (ledger.complete, ledger.pruned, ledger.failed, ledger.running) == (3, 2, 1, 1)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("text", id="no mapping"),
        pytest.param({1: 2, "unknown": 3}, id="unknown keys"),
        pytest.param({"losses": "b", "turn": [1], "reason": 5, "rung": "x", "repeats": {}, "end": 0}, id="other types"),
        pytest.param({"owner": {"place": "p", "pid": math.inf, "started": [], "host": "h"}}, id="an owner"),
    ],
)
def test_what_other_code_wrote_into_an_attempt_counts_as_nothing(written: Any) -> None:
    """A trial with it counts as one of other code without it."""
    trial = create_trial(state=TrialState.FAIL, user_attrs={ATTRIBUTE: written})
    assert Attempt.of(trial) == Attempt(end="failed")
    assert isinstance(decide([trial], Limits(3)), Start)


def test_the_kind_of_each_field_is_known() -> None:
    """Else it would be neither written nor read."""
    whole = Attempt(None, 1, 2, 3, "s", "f", "paused", "r", "l", 1, 0.5, "seed=1", is_drawn=True, gpus=1, ran_s=2.0)
    assert not any(value in (None, "", 0) for name, value in asdict(whole).items() if name != "owner")
    trial = create_trial(state=TrialState.FAIL, user_attrs={ATTRIBUTE: whole.to_attribute()})
    assert Attempt.of(trial) == whole
