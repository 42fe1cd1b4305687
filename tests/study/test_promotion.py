"""Rungs: who pauses, who goes on, and that the total counts configurations."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.limits import Limits, Stop
from qgtune.study.attempts.promotion import Fidelity, Rungs
from qgtune.study.opening import open_session
from qgtune.study.outcome import Outcome
from qgtune.study.spec import StudySpec


@pytest.mark.parametrize(
    ("given", "rungs"),
    [
        pytest.param({"min": 1, "max": 27}, [1, 3, 9, 27], id="powers"),
        pytest.param({"min": 2, "max": 30, "factor": 4}, [2, 8, 30], id="the last is max"),
        pytest.param({"min": 1, "max": 2, "factor": 2}, [1, 2], id="two"),
    ],
)
def test_rungs(given: dict[str, Any], rungs: list[int]) -> None:
    """Each is `factor` times the one before."""
    fidelity = Fidelity.read(given)
    assert fidelity is not None
    assert fidelity.rungs == rungs


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"min": 1},
        {"min": 3, "max": 3},
        {"min": 0, "max": 3},
        {"min": 1, "max": 9, "factor": 1},
        {"min": 1, "max": 9, "x": 1},
        7,
    ],
)
def test_what_makes_no_rungs(given: Any) -> None:
    """It is refused with the reason."""
    with pytest.raises(ValueError, match=r"."):
        Fidelity.read(given)


def test_the_best_of_a_rung_go_on() -> None:
    """One in three, from the highest rung that has one; a tie goes to the earlier, NaN to the end."""
    rungs = Rungs()
    trials: Any = [object() for _ in range(6)]
    for first, score in enumerate([3.0, float("nan"), 1.0]):
        rungs.pause(first, 0, score, trials[first])
    assert rungs.promotable(3, maximize=False) is trials[2]
    assert rungs.go_on(2, 10)
    assert not rungs.go_on(2, 11)
    assert rungs.promotable(3, maximize=False) is None
    assert rungs.take_back(2, 10)
    assert rungs.promotable(3, maximize=False) is trials[2]
    rungs.go_on(2, 12)
    rungs.pause(2, 1, 0.5, trials[3])
    assert rungs.promotable(3, maximize=False) is None
    assert rungs.best_paused(maximize=False) is trials[3]


@settings(max_examples=25, deadline=None)
@given(n_trials=st.integers(1, 30), n_workers=st.integers(1, 5), seed=st.integers(0, 999), factor=st.integers(2, 3))
def test_the_total_counts_configurations(n_trials: int, n_workers: int, seed: int, factor: int) -> None:
    """Whatever the workers' order and the losses: as many configurations as asked for, one of which completes."""
    chance = random.Random(seed)  # noqa: S311 - an order of events
    fidelity = Fidelity(1, 9, factor)
    limits = Limits(n_trials, max_retries=10**6, fidelity=fidelity)
    spec = StudySpec("s", None, sampler={"_target_": "optuna.samplers.RandomSampler"}, seed=seed)
    session = open_session(spec, limits)
    running: list[Any] = []
    steps = 0
    while True:
        found = session.next_trial() if len(running) < n_workers else None
        if found is not None and not isinstance(found, Stop):
            running.append(found)
            continue
        if not running:
            assert isinstance(found, Stop)
            assert found.why == "done"
            break
        trial: Any = running.pop(chance.randrange(len(running)))
        x = trial.suggest_float("x", 0, 1)
        rung = trial.rung
        if chance.random() < 0.2:
            session.finish(trial, Outcome("lost" if chance.random() < 0.5 else "returned", reason="gone"))
        else:
            steps += fidelity.rungs[rung]
            session.finish(trial, Outcome("complete", (x,)))
    trials = session.study.trials
    firsts = {trial.number if (first := Attempt.of(trial).repeats) is None else first for trial in trials}
    assert len(firsts) == n_trials
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    assert complete
    ledger = session.refresh()
    assert ledger.finished == n_trials
    assert (ledger.complete, ledger.running, ledger.failed) == (len(complete), 0, 0)
    best = min(trial.params["x"] for trial in trials)
    assert n_trials < 9 or best in [trial.params["x"] for trial in complete]
