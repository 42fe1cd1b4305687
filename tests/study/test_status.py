"""How a study stands, from its trials alone."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt, End
from qgtune.study.attempts.limits import Limits
from qgtune.study.attempts.owner import Owner
from qgtune.study.journal.storage import Journal
from qgtune.study.status import Activity, Durations, Status, Tally, bounded_s, residual_s

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

START = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - Optuna's times have no zone
NOW_S = START.timestamp() + 100.0
OWN = Owner("here", 7, None, "here")


def trial(
    number: int,
    state: TrialState = TrialState.COMPLETE,
    values: tuple[float, ...] | None = (1.0,),
    took_s: float = 10.0,
    reports: dict[int, float] | None = None,
    end: End | None = None,
) -> FrozenTrial:
    """Return a trial that started 100 s before `NOW_S`."""
    made = create_trial(
        state=state,
        values=values if state == TrialState.COMPLETE else None,
        user_attrs={ATTRIBUTE: Attempt(end=end).to_attribute()},
        intermediate_values=reports,
    )
    made.number = number
    made.datetime_start = START
    made.datetime_complete = START + dt.timedelta(seconds=took_s) if state.is_finished() else None
    return made


def status(*trials: FrozenTrial, maximize: tuple[bool, ...] = (False,), **limits: object) -> Status:
    """Return how a study of 10 trials with 2 workers stands."""
    settings: dict[str, object] = {"n_trials": 10, **limits}
    return Tally().status(trials, Limits(maximize=maximize, **settings), 2, NOW_S)  # type: ignore[arg-type]


def test_counts_say_how_trials_ended() -> None:
    """Each state is counted, and a trial that will be run again is not."""
    lost = trial(3, TrialState.FAIL, end="lost")
    found = status(trial(0), trial(1, TrialState.PRUNED), trial(2, TrialState.FAIL), lost, trial(4, TrialState.RUNNING))
    assert (found.complete, found.pruned, found.failed, len(found.active)) == (1, 1, 1, 1)
    assert found.finished == 3


def test_active_says_what_a_worker_does() -> None:
    """A running trial shows its process, its last step and the value reported there."""
    running = trial(0, TrialState.RUNNING, reports={0: 3.0, 2: 1.5, 1: 2.0})
    running.user_attrs[ATTRIBUTE] = Attempt(OWN).to_attribute()
    assert status(running).active == (Activity(OWN, 0, 100.0, 2, 1.5),)


def test_active_before_the_first_report_has_no_step() -> None:
    """A trial without a report, or of somebody else, says so."""
    assert status(trial(0, TrialState.RUNNING)).active == (Activity(None, 0, 100.0),)


@pytest.mark.parametrize(
    ("values", "maximize", "best"),
    [
        pytest.param([3.0, 1.0, 2.0], False, (1.0, 1), id="minimize"),
        pytest.param([1.0, 3.0, 2.0], True, (3.0, 1), id="maximize"),
        pytest.param([1.0, 1.0], False, (1.0, 0), id="first-of-equals"),
        pytest.param([float("inf"), 5.0], False, (5.0, 1), id="infinite"),
        pytest.param([float("-inf"), 5.0], False, (float("-inf"), 0), id="minus-infinite"),
        pytest.param([], False, None, id="none"),
    ],
)
def test_best_is_the_first_of_the_best_values(
    values: list[float], maximize: object, best: tuple[float, int] | None
) -> None:
    """The best trial is found in either direction."""
    trials = [trial(number, values=(value,)) for number, value in enumerate(values)]
    assert status(*trials, maximize=(bool(maximize),)).best == best


def test_best_is_never_nan() -> None:
    """A value that other code recorded as NaN is no best one."""
    broken = trial(0)
    broken.values = [float("nan")]
    assert status(broken).best is None


@pytest.mark.skipif(not hasattr(optuna.Trial, "set_constraint"), reason="needs Optuna 5")
def test_best_is_feasible() -> None:
    """A trial that violates a constraint is no best one, as in the results."""
    study = optuna.create_study()
    for value, constraint in ((1.0, 0.5), (2.0, -0.5)):
        asked = study.ask()
        asked.set_constraint("size", constraint)
        study.tell(asked, value)
    assert status(*study.get_trials()).best == (2.0, 1)


def test_several_objectives_have_a_front_and_no_best() -> None:
    """With several objectives the trials that none beats are counted, in their directions."""
    values = [(1.0, 1.0), (2.0, 2.0), (0.5, 0.5), (3.0, 1.0), (1.0, 1.0)]
    trials = [trial(number, values=pair) for number, pair in enumerate(values)]
    found = status(*trials, maximize=(True, False))
    assert found.best is None
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.add_trials(trials)
    assert found.n_pareto == len(study.best_trials)


@pytest.mark.parametrize(
    ("durations_s", "elapsed_s", "n_new", "n_workers", "left_s"),
    [
        pytest.param([], [1.0], 5, 2, None, id="unknown"),
        pytest.param([10.0], [], 4, 2, 20.0, id="even"),
        pytest.param([10.0], [], 3, 2, 20.0, id="one-waits-for-the-last-round"),
        pytest.param([10.0], [4.0], 0, 2, 6.0, id="only-the-running-one"),
        pytest.param([10.0], [4.0, 9.0], 1, 2, 11.0, id="the-first-free-takes-it"),
        pytest.param([10.0], [25.0], 0, 1, 0.0, id="overdue"),
        pytest.param([10.0, 30.0], [15.0], 0, 1, 15.0, id="as-those-that-ran-longer"),
        pytest.param([10.0], [4.0], 1_000_000, 1, 10_000_006.0, id="many"),
        pytest.param([10.0], [], 100_001, 4, 250_010.0, id="many-workers"),
    ],
)
def test_time_left_follows_the_durations(
    durations_s: list[float], elapsed_s: list[float], n_new: int, n_workers: int, left_s: float | None
) -> None:
    """The estimate is what the rest would take if it ran as the trials before."""
    durations = Durations()
    for duration_s in durations_s:
        durations.add(duration_s, is_first=False)
    found_s, is_rough = durations.left_s(elapsed_s, [False] * len(elapsed_s), n_new, n_workers)
    assert found_s == (None if left_s is None else pytest.approx(left_s))
    assert not is_rough


@pytest.mark.parametrize(
    ("firsts_s", "later_s", "running", "n_new", "left_s"),
    [
        pytest.param([30.0, 30.0], [], [(4.0, False), (4.0, False)], 2, (56.0, True), id="only-first-ones-are-known"),
        pytest.param([30.0, 30.0], [10.0], [(4.0, False), (4.0, False)], 2, (16.0, False), id="estimate-without-them"),
        pytest.param([30.0], [], [(20.0, True)], 0, (10.0, False), id="a-first-one-is-as-the-other-first-ones"),
        pytest.param([30.0], [10.0], [(20.0, True)], 0, (10.0, False), id="also-beside-later-ones"),
        pytest.param([30.0] * 3, [], [(4.0, True)], 1, (30.0, False), id="each-process-has-but-one"),
    ],
)
def test_the_first_trial_of_a_process_is_no_measure_for_the_others(
    firsts_s: list[float],
    later_s: list[float],
    running: list[tuple[float, bool]],
    n_new: int,
    left_s: tuple[float, bool],
) -> None:
    """It may import and compile what the others have: until one of those has ended, the time is rough."""
    durations = Durations()
    for duration_s in firsts_s:
        durations.add(duration_s, is_first=True)
    for duration_s in later_s:
        durations.add(duration_s, is_first=False)
    found_s, is_rough = durations.left_s([one[0] for one in running], [one[1] for one in running], n_new, 2)
    assert found_s == pytest.approx(left_s[0])
    assert is_rough == left_s[1]


def test_the_first_trial_of_each_process_is_known_by_its_owner() -> None:
    """Of two workers with two trials each, the durations of the second ones count."""
    trials = [trial(number, took_s=30.0 if number < 2 else 10.0) for number in range(4)]
    for one in trials:
        one.user_attrs[ATTRIBUTE] = Attempt(Owner("here", one.number % 2, None, "here")).to_attribute()
    found = status(*trials)
    assert found.left_s == pytest.approx(30.0)
    assert not found.is_rough
    assert status(*trials[:2]).is_rough


def test_hyperparameters_that_tell_most_come_first() -> None:
    """Those on a logarithmic scale, other numbers, choices; what has one value is no column."""
    running = create_trial(
        state=TrialState.RUNNING,
        params={"name": "a", "dropout": 0.5, "lr": 0.01, "fixed": 3},
        distributions={
            "name": optuna.distributions.CategoricalDistribution(["a", "b"]),
            "dropout": optuna.distributions.FloatDistribution(0, 1),
            "lr": optuna.distributions.FloatDistribution(1e-4, 1, log=True),
            "fixed": optuna.distributions.IntDistribution(3, 3),
        },
    )
    running.number = 0
    (active,) = status(running).active
    assert list(active.parameters.items()) == [("lr", 0.01), ("dropout", 0.5), ("name", "a")]


@pytest.mark.parametrize(
    ("left_s", "elapsed_s", "deadline_s", "bounded"),
    [
        pytest.param(50.0, [], None, (50.0, False), id="no-deadline"),
        pytest.param(50.0, [], 120.0, (20.0, True), id="deadline-first"),
        pytest.param(5.0, [], 120.0, (5.0, False), id="done-before"),
        pytest.param(None, [], 120.0, (20.0, True), id="nothing-else-known"),
        pytest.param(50.0, [2.0], 90.0, (8.0, True), id="the-running-ones-finish"),
    ],
)
def test_time_left_is_bounded_by_the_deadline(
    left_s: float | None, elapsed_s: list[float], deadline_s: float | None, bounded: tuple[float | None, bool]
) -> None:
    """After the deadline no trial starts, and the running ones finish."""
    assert bounded_s(left_s, [10.0], elapsed_s, deadline_s, 100.0) == bounded


def test_residual_of_a_fresh_trial_is_the_mean() -> None:
    """A trial that has just started is expected to take as long as the others."""
    assert residual_s([10.0, 20.0], 0.0) == 15.0


def test_interrupted_trials_say_nothing_about_durations() -> None:
    """A trial that was cut off is no measure of how long one takes."""
    assert status(trial(0, TrialState.FAIL, took_s=1.0, end="lost")).left_s is None
    assert status(trial(0, took_s=10.0)).left_s == pytest.approx(50.0)


def test_updates_give_the_same_as_one_look() -> None:
    """A tally that is brought up to date step by step agrees with one that sees everything at once."""
    stages = [TrialState.RUNNING, TrialState.RUNNING, TrialState.COMPLETE]
    limits, step_by_step = Limits(10), Tally()
    trials: list[FrozenTrial] = []
    for round_number in range(8):
        trials = [
            trial(number, stages[min(2, round_number - number)], values=(float(5 - number),))
            for number in range(min(6, round_number + 1))
        ]
        found = step_by_step.status(trials, limits, 2, NOW_S)
    assert found == Tally().status(trials, limits, 2, NOW_S)
    assert found.complete == 6


def test_reading_waits_for_no_writer(tmp_path: Path) -> None:
    """A study is read while another process may hold the claim and the journal's lock, as a writer does."""
    writer, reader = Journal(tmp_path / "study.log"), Journal(tmp_path / "study.log")
    study = optuna.create_study(storage=writer, study_name="s")
    study.tell(study.ask(), 1.0)
    watched = optuna.load_study(storage=reader, study_name="s")
    with writer.exclusive(), writer._backend._lock:
        study.get_trials()
        found = Tally().status(watched.get_trials(deepcopy=False), Limits(3), 1, time.time())
    assert found.best == (1.0, 0)
