"""What somebody beside a running sweep wants of it is one attribute of the study."""

from __future__ import annotations

import optuna
import pytest

from qgtune.study.attempts.control import ATTRIBUTE, FINISHED, Control, Seat, steer
from qgtune.study.attempts.limits import Limits, Stop
from qgtune.study.session import Session


@pytest.fixture
def study() -> optuna.Study:
    """Return an empty study."""
    return optuna.create_study()


def test_what_is_wanted_is_read_back(study: optuna.Study) -> None:
    """By any process; each change leaves the others alone."""
    steer(study, lambda control: control.with_stop(7, "pruned"))
    steer(study, lambda control: control.with_workers("a", 2))
    steer(study, lambda control: control.with_workers("b", 3))
    assert Control.of(study) == Control(stops={"7": "pruned"}, workers={"a": 2, "b": 3})


@pytest.mark.parametrize("stored", [None, 7, {"other": 1}], ids=repr)
def test_what_others_wrote_counts_as_nothing(study: optuna.Study, stored: object) -> None:
    """Nothing is wanted then."""
    study.set_user_attr(ATTRIBUTE, stored)
    assert Control.of(study) == Control()


@pytest.mark.parametrize(
    ("control", "place", "stop"),
    [
        pytest.param(Control(), 5, None, id="nothing"),
        pytest.param(Control(workers={"sweep": 2}), 1, None, id="within"),
        pytest.param(Control(workers={"sweep": 2}), 2, Stop("leaves"), id="beyond"),
        pytest.param(Control(workers={"another": 2}), 2, None, id="another sweep's"),
        pytest.param(Control(pause=True), 0, Stop("paused"), id="paused"),
        pytest.param(Control(pause=True, workers={"sweep": 1}), 1, Stop("leaves"), id="who leaves does not wait"),
        pytest.param(Control(finish=True, pause=True), 0, FINISHED, id="the end comes first"),
    ],
)
def test_a_worker_that_asks_for_a_trial(control: Control, place: int, stop: Stop | None) -> None:
    """Gets none if that is wanted, and hears why."""
    assert control.stop_of(Seat("sweep", place)) == stop


def test_a_worker_beyond_the_number_gets_no_trial(study: optuna.Study) -> None:
    """And the others do."""
    steer(study, lambda control: control.with_workers("sweep", 1))
    leaving = Session(study, Limits(3), seat=Seat("sweep", 1))
    assert leaving.next_trial() == Stop("leaves")
    assert not isinstance(Session(study, Limits(3), seat=Seat("sweep", 0)).next_trial(), Stop)
    assert not isinstance(Session(study, Limits(3)).next_trial(), Stop)
