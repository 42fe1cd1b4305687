"""Workers on other hosts are known by their signs of life."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.attempts.heartbeats import N_MISSED, PERIOD_S, Heartbeats
from qgtune.study.attempts.limits import Limits
from qgtune.study.attempts.owner import Owner
from qgtune.study.opening import open_session
from qgtune.study.spec import StudySpec

if TYPE_CHECKING:
    from pathlib import Path

    from qgtune.study.session import Session

ELSEWHERE = Owner("another-place", 42, 7, "elsewhere.example")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """Return a session on a journal, with a trial that runs on another host."""
    session = open_session(StudySpec("s", str(tmp_path / "study.log")), Limits(3))
    session.study.add_trial(
        create_trial(state=TrialState.RUNNING, user_attrs={ATTRIBUTE: Attempt(ELSEWHERE).to_attribute()})
    )
    return session


def beats(session: Session) -> Heartbeats:
    """Return the session's heartbeats."""
    assert isinstance(session.heartbeats, Heartbeats)
    return session.heartbeats


def make_older(heartbeats: Heartbeats, by_s: float) -> None:
    """Move the last beat of the other host into the past."""
    file = heartbeats.folder / ELSEWHERE.name
    then = time.time() - by_s
    os.utime(file, (then, then))


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        pytest.param(0.0, [], id="just now"),
        pytest.param(PERIOD_S * (N_MISSED - 1), [], id="a few missed"),
        pytest.param(PERIOD_S * N_MISSED + 5, [0], id="all missed"),
    ],
)
def test_a_trial_elsewhere_is_stale_once_its_beats_stop(session: Session, age_s: float, expected: list[int]) -> None:
    """A trial of another host is marked failed only after five missed beats."""
    beats(session).beat(ELSEWHERE)
    make_older(beats(session), age_s)
    assert session.end_dead() == expected
    trial = session.study.trials[0]
    assert (trial.state == TrialState.FAIL) is bool(expected)
    if expected:
        assert Attempt.of(trial).end == "lost"
        assert Attempt.of(trial).reason


def test_an_owner_without_beats_is_left_alone(session: Session) -> None:
    """Of a process that never beat, nothing is known: its trial is not touched."""
    assert session.end_dead() == []


def test_a_trial_of_nobody_is_left_alone(session: Session) -> None:
    """A running trial that another program started is not ours to end."""
    session.study.ask()
    assert session.end_dead() == []


def test_beats_go_on_while_trials_run(session: Session) -> None:
    """Inside, the file is touched again and again; afterwards nothing is left."""
    heartbeats = beats(session)
    with heartbeats.kept_up(ELSEWHERE, period_s=0.01):
        make_older(heartbeats, 1000)
        deadline = time.monotonic() + 5
        while heartbeats.have_stopped(ELSEWHERE) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not heartbeats.have_stopped(ELSEWHERE)
    assert not heartbeats.folder.exists()


def test_alive_beats_for_this_process(session: Session) -> None:
    """A worker shows its own sign of life; the folder goes with the last worker."""
    with session.alive():
        (file,) = beats(session).folder.iterdir()
        assert file.name.startswith(session.owner.name)
    assert not beats(session).folder.exists()


def test_memory_has_no_heartbeats() -> None:
    """Nobody else can look at a study in memory."""
    session = open_session(StudySpec("s", None), Limits(1))
    assert session.heartbeats is None
    with session.alive():
        assert isinstance(session.study, optuna.Study)
