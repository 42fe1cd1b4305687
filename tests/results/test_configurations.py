"""Trials of a study with repeats, taken together as its configurations."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.trial import TrialState

from qgtune.results.columns import to_csv
from qgtune.results.configurations import runs_of
from qgtune.results.report.study_state import read_state
from qgtune.results.report.tables import best, failures, summary
from qgtune.results.table import table_of
from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.repeats.measured import ATTRIBUTE as MEASURED
from qgtune.study.repeats.measured import Measured
from tests.studies import START, trial

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

WIDTH = {"model.layers.0.width": 8}


def repeat(
    number: int, seed: int, state: TrialState = TrialState.PRUNED, first: int | None = 0, **given: Any
) -> FrozenTrial:
    """Return an attempt at a repeat of configuration `first`, which ran for a minute from minute `number` on."""
    measured = given.pop("measured", None)
    attempt = Attempt(repeats=None if first == number else first, replicate=f"seed={seed}", **given)
    values = [measured.value] if state == TrialState.COMPLETE else ()
    attributes = {ATTRIBUTE: attempt.to_attribute()} | ({MEASURED: measured.to_attribute()} if measured else {})
    made = trial(state, values, params=WIDTH, **attributes)
    made.number = number
    made.datetime_start = START + timedelta(minutes=number)
    made.datetime_complete = made.datetime_start + timedelta(minutes=1) if state.is_finished() else None
    return made


def part(number: int, seed: int, score: float = 1.0, first: int = 0) -> FrozenTrial:
    """Return a repeat that has ended while its configuration went on."""
    return repeat(number, seed, first=first, end="measured", score=score)


WHOLE = Measured({"seed=1": 1.0, "seed=2": 3.0, "seed=3": 5.0}, 3.0)
LOST: dict[str, Any] = {"end": "lost", "reason": "its worker was killed"}


@pytest.mark.parametrize(
    ("trials", "state", "ended_min"),
    [
        pytest.param([part(0, 1), part(1, 2)], "waiting", None, id="the third has not started"),
        pytest.param([part(0, 1), repeat(1, 2, TrialState.RUNNING)], "running", None, id="the second runs"),
        pytest.param(
            [part(0, 1), repeat(1, 3, TrialState.COMPLETE, measured=WHOLE), part(2, 2)], "complete", 3, id="complete"
        ),
        pytest.param(
            [repeat(0, 1, TrialState.FAIL, **LOST), part(1, 2), repeat(2, 1, turn=1, end="measured", score=1.0)],
            "waiting",
            None,
            id="lost, and run again",
        ),
        pytest.param([part(0, 1), repeat(1, 2, TrialState.FAIL, **LOST)], "failed", 2, id="lost"),
        pytest.param([part(0, 1), repeat(1, 2, TrialState.FAIL, end="returned")], "waiting", None, id="given back"),
        pytest.param([part(0, 1), repeat(1, 2, end="pruned"), part(2, 3)], "pruned", 3, id="pruned"),
    ],
)
def test_how_a_configuration_stands(trials: list[FrozenTrial], state: str, ended_min: int | None) -> None:
    """The latest attempt at each repeat says it; it takes from the first start to the last end."""
    (runs,) = runs_of(trials)
    assert (runs.number, runs.state, runs.started) == (0, state, START)
    assert runs.ended == (None if ended_min is None else START + timedelta(minutes=ended_min))


def study() -> optuna.Study:
    """Return a study of two configurations, of which one is complete, and one failed."""
    made = optuna.create_study(study_name="seeds")
    for one in (
        part(0, 1),
        part(1, 2, 3.0),
        repeat(2, 3, TrialState.COMPLETE, measured=WHOLE, score=5.0),
        part(3, 1, first=3),
        repeat(4, 2, TrialState.FAIL, first=3, **LOST),
    ):
        made.add_trial(one)
    return made


def test_a_table_has_a_row_a_configuration() -> None:
    """With mean, spread and n, in every form."""
    found = table_of(study())
    assert [(row.number, row.state, row.values, row.reason) for row in found.rows] == [
        (0, "complete", (3.0,), ""),
        (3, "failed", (), "its worker was killed"),
    ]
    assert to_csv(found).splitlines()[1].startswith("0,complete,3.0,3.0,2.0,3,2026-")
    first, second = (row.measured for row in found.rows)
    assert first is not None
    assert (first.mean, first.spread, first.n) == (3.0, 2.0, 3)
    assert second is None
    assert [row.number for row in table_of(study(), [study().best_trial]).rows] == [0]


def test_a_study_without_repeats_has_no_such_columns() -> None:
    """Its tables are as they always were."""
    made = optuna.create_study(study_name="once")
    made.add_trial(trial(values=[0.5]))
    assert to_csv(table_of(made)).startswith("number,state,value,started,ended,")


def test_the_report_speaks_of_configurations() -> None:
    """Its counts, the best one and the failures; a repeat is no retry."""
    from qgtune.results.report.conclusions.known import Known
    from qgtune.results.report.facts import Facts

    state = read_state(study())
    known = Known(state, Facts())
    head = str(summary(known))
    assert "trial 0: spread 2, n 3" in head
    assert "retr" not in head
    assert [state.counts[one] for one in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)] == [1, 0, 1]
    assert "Of trial 0." in str(best(known))
    assert "repeat 3/seed=2" in str(failures(state, Facts(), Path("report.html")))
