"""What a study promises, on each kind of storage, with real processes and real servers."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState, create_trial

from qgtune.study.attempts import heartbeats
from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.attempts.heartbeats import AttributeHeartbeats
from qgtune.study.attempts.limits import Limits
from qgtune.study.attempts.owner import Owner
from qgtune.study.opening import open_session
from qgtune.study.spec import StudySpec
from tests.storages.crew import Crew, complete, kill

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from qgtune.study.session import Session
    from qgtune.study.storages.addresses import Storage

pytestmark = pytest.mark.slow

ELSEWHERE = Owner("another-place", 42, 7, "elsewhere.example")


def counted(session: Session) -> list[FrozenTrial]:
    """Return all trials but those that were withdrawn."""
    return [trial for trial in session.study.get_trials(deepcopy=False) if Attempt.of(trial).counts]


def points(session: Session) -> list[float]:
    """Return the sampled values, in the order of the trials."""
    return [trial.params["x"] for trial in complete(session)]


class TestTotal:
    """Promise 1: exactly `n_trials` finished trials."""

    def test_four_processes_finish_exactly_the_total(self, storage: Storage, tmp_path: Path) -> None:
        """Four workers that race for twelve trials finish twelve, and run no other."""
        crew = Crew(storage, tmp_path, 12)
        crew.run(4)
        session = crew.session()
        assert [trial.state for trial in counted(session)] == [TrialState.COMPLETE] * 12
        assert all(not trial.params for trial in session.study.trials if not Attempt.of(trial).counts)

    def test_more_workers_than_trials(self, storage: Storage, tmp_path: Path) -> None:
        """Six workers that race for two trials run two."""
        crew = Crew(storage, tmp_path, 2, work_s=1.0)
        crew.run(6)
        assert [trial.state for trial in counted(crew.session())] == [TrialState.COMPLETE] * 2

    def test_a_resumed_run_does_the_rest(self, storage: Storage, tmp_path: Path) -> None:
        """The total is the study's: the same one again runs nothing, a higher one the difference."""
        for n_trials in (3, 3, 5):
            Crew(storage, tmp_path, n_trials).run(1)
        assert len(counted(Crew(storage, tmp_path, 5).session())) == 5

    def test_waiting_trials_are_taken_once(self, storage: Storage, tmp_path: Path) -> None:
        """Enqueued trials run first, once each, and count."""
        crew = Crew(storage, tmp_path, 5)
        session = crew.session()
        for x in (0.25, 0.75):
            session.study.enqueue_trial({"x": x})
        crew.run(3)
        session.refresh()
        assert sorted(points(session)).count(0.25) == sorted(points(session)).count(0.75) == 1
        assert len(complete(session)) == 5


class TestSteadyState:
    """Promise 2: a worker that finishes asks for its next trial at once."""

    def test_nobody_waits_for_a_slow_trial(self, storage: Storage, tmp_path: Path) -> None:
        """While one worker is in the midst of a trial, another runs all the rest."""
        crew = Crew(storage, tmp_path, 5)
        slow = crew.start_hanging()
        crew.run(1)
        assert len(complete(crew.session())) == 4
        assert slow.is_alive()
        kill(slow)


class TestDeath:
    """Promises 3 and 4: the trials of the dead are run again, those of the living are left alone."""

    def test_a_killed_workers_trial_is_run_again_once(self, storage: Storage, tmp_path: Path) -> None:
        """Of several workers that find a lost trial, one runs it again, with the same value; the total holds."""
        crew = Crew(storage, tmp_path, 4)
        kill(crew.start_hanging())
        crew.run(3)
        session = crew.session()
        (lost,) = [trial for trial in counted(session) if trial.state == TrialState.FAIL]
        assert Attempt.of(lost).end == "lost"
        assert Attempt.of(lost).reason
        (again,) = [trial for trial in counted(session) if Attempt.of(trial).repeats is not None]
        assert (Attempt.of(again).repeats, Attempt.of(again).turn) == (lost.number, 1)
        assert again.params == lost.params
        assert len(complete(session)) == 4

    def test_a_living_workers_trial_is_not_touched(self, storage: Storage, tmp_path: Path) -> None:
        """As long as its owner lives, a running trial is nobody else's; after its death it is stale."""
        crew = Crew(storage, tmp_path, 3)
        worker = crew.start_hanging()
        session = crew.session()
        (running,) = session.study.get_trials(states=(TrialState.RUNNING,))
        assert session.end_dead() == []
        kill(worker)
        assert session.end_dead() == [running.number]
        assert session.end_dead() == []

    def test_a_worker_elsewhere_is_dead_once_its_beats_stop(
        self, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A trial of another host is left alone while its owner beats or nothing is known, and lost afterwards."""
        session = Crew(storage, tmp_path, 3).session()
        beats = session.heartbeats
        assert beats is not None
        if isinstance(beats, AttributeHeartbeats):
            beats = session.heartbeats = dataclasses.replace(beats, tolerance_s=0.0)
        session.study.add_trial(
            create_trial(state=TrialState.RUNNING, user_attrs={ATTRIBUTE: Attempt(ELSEWHERE).to_attribute()})
        )
        assert session.end_dead() == []
        beats.beat(ELSEWHERE)
        assert session.end_dead() == []
        monkeypatch.setattr(heartbeats, "PERIOD_S", 0.1)
        time.sleep(1.5)
        assert session.end_dead() == [0]
        beats.beat(ELSEWHERE)
        assert not beats.have_stopped(ELSEWHERE)
        beats.remove(ELSEWHERE)


class TestSeeds:
    """Promise 5: streams of their own, repeatable with one worker."""

    def test_one_worker_repeats_its_points(self, storage: Storage) -> None:
        """Two studies with the same seed and one worker each sample the same values."""
        assert self.sample(storage, "first", 3) == self.sample(storage, "second", 3)

    def test_a_resumed_run_draws_new_points(self, storage: Storage) -> None:
        """What is added to a study with the same seed repeats nothing."""
        values = [*self.sample(storage, "study", 3), *self.sample(storage, "study", 3)]
        assert len(set(values)) == 6

    def test_workers_share_no_stream(self, storage: Storage, tmp_path: Path) -> None:
        """Four workers with one seed never draw the same value."""
        crew = Crew(storage, tmp_path, 12, seed=3)
        crew.run(4)
        assert len(set(points(crew.session()))) == 12

    @staticmethod
    def sample(storage: Storage, name: str, n_trials: int) -> list[float]:
        """Return the values of some trials of a study, drawn by a session of their own."""
        spec = StudySpec(name, storage, sampler={"_target_": "optuna.samplers.RandomSampler"}, seed=5)
        session = open_session(spec, Limits(100))
        values = []
        for _ in range(n_trials):
            trial = session.next_trial()
            values.append(trial.suggest_float("x", 0, 1))  # type: ignore[union-attr]
        return values
