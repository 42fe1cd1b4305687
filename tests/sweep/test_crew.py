"""Launching again until the study is done, decided on a study in memory, with launchers that are plain functions."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest

from qgtune.processes.interrupts import CLUSTER_SIGNALS, Interrupts
from qgtune.study.attempts.limits import Limits, Stop
from qgtune.study.loop import run_trials
from qgtune.study.opening import open_session
from qgtune.study.outcome import Outcome, returned
from qgtune.study.spec import StudySpec
from qgtune.sweep.crew import Crew, verdict
from qgtune.sweep.supervisor import Supervisor

if TYPE_CHECKING:
    from qgtune.study.session import Session

Launch = Callable[[int, Supervisor], None]


@pytest.fixture
def session() -> Session:
    """Return an empty study of six trials."""
    return open_session(StudySpec("s", None), Limits(6))


def complete(_trial: optuna.Trial) -> Outcome:
    """Do a trial's work."""
    return Outcome("complete", (1.0,))


def never() -> bool:
    """Say that no signal came."""
    return False


def run(session: Session, launch: Launch, n_workers: int = 2) -> tuple[str, list[int]]:
    """Run a study; return why it was given up and how many workers each launch was for."""
    launches: list[int] = []

    def counted(count: int, supervisor: Supervisor) -> None:
        launches.append(count)
        launch(count, supervisor)

    return Crew(session, n_workers, counted, wait=lambda _s: None).run(), launches


def test_a_worker_stops_when_it_has_run_its_share(session: Session) -> None:
    """The loop says that it is full, unless the study was done with the same trial."""
    assert run_trials(session, complete, never, n_most=4) == Stop("full")
    assert session.refresh().complete == 4
    assert run_trials(session, complete, never, n_most=4) == Stop("done")
    assert session.refresh().complete == 6


def test_full_workers_are_launched_again(session: Session) -> None:
    """Crew of workers with a bounded share follow each other to the total, no more workers than trials are left."""

    def launch(count: int, _supervisor: Supervisor) -> None:
        for _ in range(count):
            run_trials(session, complete, never, n_most=1)

    assert run(session, launch, n_workers=4) == ("", [4, 2])


def test_strays_count_as_workers(session: Session) -> None:
    """After a launcher gave up, the workers that run on are not doubled: only what is missing is launched."""
    stray = session.next_trial()

    def launch(count: int, supervisor: Supervisor) -> None:
        if not supervisor.has_abandoned:
            supervisor.launcher_failed("Lost", [], is_hopeless=False)
            return
        run_trials(session, complete, never)
        assert isinstance(stray, optuna.Trial)
        session.finish(stray, complete(stray))
        assert count == 1

    assert run(session, launch) == ("", [2, 1])


def test_the_last_trial_of_a_stray_is_awaited(session: Session) -> None:
    """While only abandoned workers run, nothing is launched, and the sweep does not end before they do."""
    stray = session.next_trial()
    waits: list[float] = []

    def launch(_count: int, supervisor: Supervisor) -> None:
        run_trials(session, complete, never)
        supervisor.launcher_failed("Lost", [], is_hopeless=False)

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            assert isinstance(stray, optuna.Trial)
            session.finish(stray, complete(stray))

    assert Crew(session, 2, launch, wait=wait).run() == ""
    assert waits == [1.0] * 3


def test_a_launcher_without_any_trial_is_given_up(session: Session) -> None:
    """A launcher that fails before a worker claims a trial will fail again: its words are the reason."""
    gave_up, launches = run(
        session, lambda _n, supervisor: supervisor.launcher_failed("No sbatch.", [], is_hopeless=True)
    )
    assert gave_up == "Cannot launch workers: No sbatch. Mend it and run again: the study goes on."
    assert launches == [2]


def test_workers_that_never_get_through_are_given_up(session: Session) -> None:
    """Workers that are ended early again and again stop the sweep; one finished trial starts the count anew."""

    def launch(count: int, supervisor: Supervisor) -> None:
        if len(session.study.trials) == 2:
            run_trials(session, complete, never, n_most=1)
        run_trials(session, lambda _trial: returned(), never, n_most=1)
        supervisor.stopped(count)

    gave_up, launches = run(session, launch)
    assert gave_up.startswith("Cannot go on: 6 workers in a row were ended before they finished a trial.")
    assert len(launches) == 5


@pytest.mark.parametrize("name", ["SLURM_JOB_ID", "SUBMITIT_EXECUTOR"])
def test_a_cluster_s_signals_are_heeded_on_a_cluster(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """SIGUSR1 and SIGUSR2 end a job in good order where a cluster sends them; elsewhere they are the user's own."""
    for variable in ("SLURM_JOB_ID", "SUBMITIT_EXECUTOR"):
        monkeypatch.delenv(variable, raising=False)
    before = [signal.getsignal(number) for number in CLUSTER_SIGNALS]
    with Interrupts.of_other_launcher().installed():
        assert [signal.getsignal(number) for number in CLUSTER_SIGNALS] == before
    monkeypatch.setenv(name, "1")
    for number in CLUSTER_SIGNALS:
        with Interrupts.of_other_launcher().installed() as interrupts:
            os.kill(os.getpid(), number)
            os.kill(os.getpid(), signal.SIGTERM)  # a cluster may send several: the trial is still given back
            assert interrupts.name == number.name
    assert [signal.getsignal(number) for number in CLUSTER_SIGNALS] == before


def test_what_ends_a_trial_of_nobody_can_be_copied(caplog: pytest.LogCaptureFixture) -> None:
    """The command has the sweep's folder as a shell takes it."""
    session = open_session(StudySpec("s", None, folder=str(Path("a sweep").absolute())), Limits(1))
    session.study.ask()
    session.refresh()
    assert verdict(session, session.decide()) == ""
    assert "settle 'a sweep' 0" in caplog.text
