"""Features hear of each turn of a study's life, once, wherever it happens."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qgtune.study.attempts.limits import Limits
from qgtune.study.lifecycle import Lifecycle, OpenStudy
from qgtune.study.loop import run_trials
from qgtune.study.objectives import Objectives
from qgtune.study.opening import open_session
from qgtune.study.outcome import PRUNED, Outcome
from qgtune.study.spec import StudySpec

if TYPE_CHECKING:
    from pathlib import Path

    import optuna
    import pytest
    from optuna.trial import FrozenTrial, Trial

N_TRIALS = 6


@dataclass(frozen=True)
class Diary(Lifecycle):
    """Writes a line for each event that it hears of."""

    path: Path

    def _note(self, event: str, *facts: Any) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps([event, *facts]) + "\n")

    def attempt_started(self, session: OpenStudy, trial: Trial) -> None:  # noqa: ARG002
        """Note the number."""
        self._note("started", trial.number)

    def reported(self, session: OpenStudy, trial: Trial, value: float, step: int) -> None:  # noqa: ARG002
        """Note what was reported."""
        self._note("reported", trial.number, value, step)

    def attempt_ended(self, session: OpenStudy, number: int, outcome: Outcome) -> None:  # noqa: ARG002
        """Note how it ended."""
        self._note("ended", number, outcome.end)

    def new_best(self, session: OpenStudy, trial: FrozenTrial) -> None:  # noqa: ARG002
        """Note the value."""
        self._note("best", trial.number, trial.value)

    def read(self) -> list[list[Any]]:
        """Return what was noted."""
        return [json.loads(line) for line in self.path.read_text().splitlines()]


class Broken(Lifecycle):
    """A feature with a mistake."""

    def attempt_started(self, session: OpenStudy, trial: Trial) -> None:
        """Raise."""
        raise LookupError(trial.number, session)


def _one(trial: optuna.Trial) -> Outcome:
    trial.report(float(trial.number), 0)
    if trial.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return PRUNED if trial.number == 2 else Outcome("complete", (10.0 - trial.number,))


def _work(spec: StudySpec, features: tuple[Lifecycle, ...]) -> None:
    session = open_session(spec, Limits(N_TRIALS))
    session.features = features
    run_trials(session, _one, lambda: False)


def test_two_workers_one_of_them_killed(tmp_path: Path) -> None:
    """Each attempt starts once and ends once; whoever ends the dead one's tells of it, and bests get better."""
    spec, diary = StudySpec("told", str(tmp_path / "journal.log")), Diary(tmp_path / "diary")
    session = open_session(spec, Limits(N_TRIALS), samples=False)
    session.features = (diary,)
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_work, args=(spec, (diary,))) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(worker.exitcode for worker in workers if worker.exitcode is not None) == [-signal.SIGKILL, 0]
    assert session.end_dead() == [1]
    _work(spec, (diary,))  # the lost trial is run again
    events = diary.read()
    started = [number for event, number, *_ in events if event == "started"]
    ended = {number: facts[0] for event, number, *facts in events if event == "ended"}
    assert sorted(started) == sorted(ended) == list(range(N_TRIALS + 1))
    assert len([event for event in events if event[0] == "ended"]) == N_TRIALS + 1
    assert ended == {0: "complete", 1: "lost", 2: "pruned", **dict.fromkeys(range(3, N_TRIALS + 1), "complete")}
    assert ["reported", 0, 0.0, 0] in events
    bests = [facts[0] for event, _, *facts in events if event == "best"]
    assert bests[-1] == 10.0 - N_TRIALS
    assert bests == sorted(bests, reverse=True)


def test_a_broken_feature_costs_no_trial(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What one feature raises is logged; the trials and the other features go on."""
    diary = Diary(tmp_path / "diary")
    session = open_session(StudySpec("memory", None, Objectives()), Limits(2))
    session.features = (Broken(), diary)
    run_trials(session, lambda _: Outcome("complete", (1.0,)), lambda: False)
    assert session.refresh().complete == 2
    assert "Broken failed" in caplog.text
    assert [event for event, *_ in diary.read()] == ["started", "ended", "best", "started", "ended"]
