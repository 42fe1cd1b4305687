"""What a study may cost, and what it has cost."""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState, create_trial

from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.attempts.heartbeats import PERIOD_S
from qgtune.study.attempts.ledger import Ledger
from qgtune.study.attempts.limits import Limits, Start, Stop, of_total
from qgtune.study.attempts.overdue import Timekeeper
from qgtune.study.attempts.owner import Owner
from qgtune.study.attempts.submission import Submission
from qgtune.study.costs.budget import UNBOUNDED, Budget
from qgtune.study.costs.spent import ALONG, GRANTED, Spent
from qgtune.study.lifecycle import ToldTrial
from qgtune.study.opening import open_session
from qgtune.study.outcome import Outcome
from qgtune.study.spec import StudySpec
from qgtune.study.status import budget_left_s

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from qgtune.study.session import Session

START = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - Optuna's times have no zone
START_S = START.timestamp()
HOUR_S = 3600.0


def trial(number: int, state: TrialState, n_reports: int = 0, hours: float = 1.0, **given: Any) -> FrozenTrial:
    """Return an attempt that started at `START`; `given` are attributes of the trial, or of the attempt."""
    attempt = Attempt(gpus=given.pop("gpus", None), end=given.pop("end", None), ran_s=given.pop("ran_s", None))
    made = create_trial(
        state=state,
        value=1.0 if state == TrialState.COMPLETE else None,
        intermediate_values=dict.fromkeys(range(n_reports), 1.0),
        user_attrs={ATTRIBUTE: attempt.to_attribute(), **given},
    )
    made.number, made.datetime_start = number, START
    made.datetime_complete = START + dt.timedelta(hours=hours) if state.is_finished() else None
    return made


def decide(trials: list[FrozenTrial], budget: Budget, hours: float = 1.0) -> Start | Stop:
    """Ask a fresh ledger what comes next, so long after the start."""
    ledger, limits = Ledger(), Limits(100, budget=budget)
    ledger.update(trials, limits)
    return ledger.next(limits, START_S + hours * HOUR_S)


DONE, LOST, RUNNING = TrialState.COMPLETE, TrialState.FAIL, TrialState.RUNNING


@pytest.mark.parametrize(
    ("trials", "budget", "why"),
    [
        pytest.param([trial(0, DONE, gpus=2)], Budget(gpu_hours=2.5), None, id="GPU hours are left"),
        pytest.param([trial(0, DONE, gpus=2)], Budget(gpu_hours=2), "2 GPU hours", id="GPUs count"),
        pytest.param([trial(0, DONE, gpus=0.5), trial(1, DONE, gpus=0.5)], Budget(gpu_hours=1), "1 GPU", id="shared"),
        pytest.param([trial(0, LOST, end="lost", gpus=1)], Budget(gpu_hours=1), "1 GPU hours", id="a lost one costs"),
        pytest.param([trial(0, RUNNING), trial(1, DONE)], Budget(worker_hours=2), "2 worker", id="a running one costs"),
        pytest.param([trial(0, DONE)], Budget(gpu_hours=1), None, id="no GPU known"),
        pytest.param([trial(0, DONE, hours=99, ran_s=60.0)], Budget(worker_hours=1), None, id="noticed late"),
        pytest.param([trial(0, DONE, 6), trial(1, LOST, 3)], Budget(epochs=10), None, id="an epoch is left"),
        pytest.param([trial(0, DONE, 6), trial(1, LOST, 4)], Budget(epochs=10), "10 epochs", id="epochs"),
        pytest.param([trial(0, DONE, 9, **{ALONG: 5})], Budget(epochs=5), None, id="taken along once"),
        pytest.param([trial(0, RUNNING, 3, **{GRANTED: 5})], Budget(epochs=5), "busy", id="the rest is granted"),
        pytest.param([trial(0, DONE, 3, **{GRANTED: 5})], Budget(epochs=5), None, id="not used"),
    ],
)
def test_no_attempt_starts_once_it_is_spent(trials: list[FrozenTrial], budget: Budget, why: str | None) -> None:
    """Whatever attempts were for: those that were lost, or ran in an earlier sweep, cost as much."""
    decision = decide(trials, budget)
    if why is None:
        assert isinstance(decision, Start)
    else:
        assert isinstance(decision, Stop)
        assert why in f"{decision.why}: {decision.message}"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({}, "give gpu_hours, worker_hours, epochs or trials", id="nothing"),
        pytest.param({"gpu_hour": 1}, "Did you mean 'gpu_hours'", id="unknown"),
        pytest.param({"epochs": 1.5}, "epochs: ", id="half an epoch"),
        pytest.param({"gpu_hours": -1}, "gpu_hours: ", id="less than none"),
        pytest.param(7, "mapping", id="no mapping"),
    ],
)
def test_what_is_no_budget(given: Any, reason: str) -> None:
    """The reason names the unit."""
    with pytest.raises(ValueError, match=reason):
        Budget.read(given)


def test_a_budget_travels(tmp_path: Path) -> None:
    """With the limits of submitted workers."""
    study = open_session(StudySpec("s", str(tmp_path / "study.log")), Limits(3)).study
    limits = Limits(3, budget=Budget(epochs=7), maximize=(True,))
    Submission(limits, "submitit_slurm").write(study)
    assert Submission.of(study) == Submission(limits, "submitit_slurm")


def session_of(tmp_path: Path, epochs: int) -> Session:
    """Open a study with a budget of epochs."""
    limits = Limits(UNBOUNDED, budget=Budget(epochs=epochs))
    return open_session(StudySpec("s", str(tmp_path / "study.log")), limits)


def report_until_pruned(session: Session, n_most: int) -> int:
    """Run a trial that reports until it is told to end; return how many reports there were."""
    running = session.next_trial()
    if isinstance(running, Stop):  # another worker was faster
        return 0
    assert isinstance(running, ToldTrial)
    n_reports = 0
    for step in range(n_most):
        running.report(1.0, step)
        if running.should_prune():
            session.finish(running, Outcome("pruned"))
            return n_reports
        n_reports += 1
    session.finish(running, Outcome("complete", (1.0,)))
    return n_reports


def test_epochs_are_exact(tmp_path: Path) -> None:
    """The trial that would pass the budget ends at that report; one that just fits completes."""
    session = session_of(tmp_path, 10)
    assert [report_until_pruned(session, n_most) for n_most in (4, 2, 5)] == [4, 2, 4]
    assert session.next_trial() == Stop("enough", "the budget of 10 epochs is spent")
    again = session_of(tmp_path, 13)  # in another sweep
    assert report_until_pruned(again, 3) == 3
    states = [found.state.name for found in again.study.trials]
    assert states == ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"]
    assert again.refresh().spent.epochs == 13


def test_workers_share_the_epochs(tmp_path: Path) -> None:
    """However they report at the same time, they report as many as there are, and none more."""
    n_reports: list[int] = []

    def work() -> None:
        session = session_of(tmp_path, 57)
        while not isinstance(session.decide(), Stop):
            n_reports.append(report_until_pruned(session, 7))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session = session_of(tmp_path, 57)
    while isinstance(session.decide(), Start):  # what the others had reserved when one asked
        n_reports.append(report_until_pruned(session, 7))
    assert sum(n_reports) == 57
    assert session.refresh().spent.epochs == 57


def test_what_is_taken_along_costs_nothing(tmp_path: Path) -> None:
    """An attempt that goes on from a checkpoint pays for its own steps."""
    session = session_of(tmp_path, 10)
    first = session.next_trial()
    assert isinstance(first, ToldTrial)
    for step in range(4):
        first.report(1.0, step)
    session.finish(first, Outcome("lost", reason="gone"))
    second = session.next_trial()
    assert isinstance(second, ToldTrial)
    second.report(1.0, 3)
    session.finish(second, Outcome("complete", (1.0,)))
    assert session.refresh().spent.epochs == 5
    assert session.study.trials[1].user_attrs[ALONG] == 3


def test_running_attempts_end_when_the_hours_are_spent(tmp_path: Path) -> None:
    """As pruned, with what they have reported."""
    session = open_session(StudySpec("s", str(tmp_path / "study.log")), Limits(9, budget=Budget(worker_hours=1e-9)))
    session.study.add_trial(trial(0, RUNNING, 2))
    session.study.add_trial(
        create_trial(state=RUNNING, user_attrs={ATTRIBUTE: Attempt(Owner.current()).to_attribute()})
    )
    assert Timekeeper(session).end_overdue() == {os.getpid()}
    assert [found.state.name for found in session.study.trials] == ["RUNNING", "PRUNED"]


def test_a_death_that_is_noticed_late_costs_until_the_last_sign_of_life(tmp_path: Path) -> None:
    """A night between a power cut and the next sweep is no time that a worker had."""
    owner = Owner("another-boot", 42, 7, "here")
    session = open_session(StudySpec("s", str(tmp_path / "study.log")), Limits(3))
    made = create_trial(state=RUNNING, user_attrs={ATTRIBUTE: Attempt(owner).to_attribute()})
    made.datetime_start = dt.datetime.now() - dt.timedelta(hours=10)  # noqa: DTZ005 - as Optuna has it
    session.study.add_trial(made)
    assert session.heartbeats is not None
    session.heartbeats.beat(owner)
    then = time.time() - 9 * HOUR_S
    os.utime(next(path for path in tmp_path.rglob(owner.name)), (then, then))
    assert session.end_dead() == [0]
    assert Attempt.of(session.study.trials[0]).ran_s == pytest.approx(HOUR_S + PERIOD_S, abs=5)


def test_the_time_left() -> None:
    """All workers go on as they did, and the unit that is spent first counts."""
    spent = Spent(worker_s=2 * HOUR_S, gpu_s=HOUR_S, epochs=100)
    parts = tuple(Budget(gpu_hours=2, epochs=150).parts(spent))
    assert [*parts] == [("GPU hours", 1.0, 2), ("epochs", 100, 150)]
    assert budget_left_s(parts, spent, 2) == HOUR_S / 2
    assert budget_left_s((), spent, 2) is None
    assert (of_total(3, 20), of_total(3, UNBOUNDED)) == ("3 of 20 trials", "3 trials")
