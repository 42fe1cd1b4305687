"""A running sweep is steered from another shell: the study is the channel, whatever storage it is in."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from tests.sweep.sweeps import assert_all_gone, owner_pid, processes, states, wait_for
from tests.sweep.test_durable_trials import command, small
from tests.sweep.test_launchers import OPTIONS, options, ray, slurm  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App
    from tests.sweep.conftest import Start

    MakeApp = Callable[..., App]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

BODY = """
number = HydraConfig.get().job.num
Path(f"started-{number}").touch()
deadline = time.time() + 60
while number in (1, 3) and not Path("go").exists() and time.time() < deadline:
    time.sleep(0.05)
time.sleep(0.1)
"""
ONE_BY_ONE = """
Path(f"started-{HydraConfig.get().job.num}").touch()
while not Path("go").exists():
    time.sleep(0.05)
time.sleep(0.2)
"""


def test_a_trial_is_told_to_end(make_app: MakeApp, start: Start) -> None:
    """As failed or as pruned, within three seconds; its worker goes on."""
    app = small(make_app, BODY)
    sweep = start(app, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=5")
    for number, arguments in ((1, ()), (3, ("--prune",))):
        sweep.wait_until_started(number)
        told = command(app, "stop", "sweep", "--trial", str(number), *arguments)
        assert told.returncode == 0, told.stderr
        since_s = time.monotonic()
        wait_for(lambda number=number: app.trials()[number].state.is_finished())  # type: ignore[misc]
        assert time.monotonic() - since_s < 3
    assert sweep.end() == 0
    assert states(app) == ["COMPLETE", "FAIL", "COMPLETE", "PRUNED", "COMPLETE"]
    assert Attempt.of(app.trials()[1]).reason == "it was ended by qgtune stop"
    again = command(app, "stop", "sweep", "--trial", "1")
    assert "Cannot stop trial 1: it does not run." in again.stderr


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_finish_ends_a_sweep_in_good_order(make_app: MakeApp, start: Start, n_jobs: int) -> None:
    """What runs finishes, the results are there, and the same command goes on."""
    app = small(make_app, BODY)
    sweep = start(app, f"hydra.sweeper.n_jobs={n_jobs}", "hydra.sweeper.n_trials=50")
    sweep.wait_until_started(1)
    assert command(app, "finish", "sweep").returncode == 0
    (app.folder / "go").touch()
    assert sweep.end() == 0
    n_trials = len(app.trials())
    assert n_trials <= 4
    assert set(states(app)) == {"COMPLETE"}
    assert app.path("optimization_results.yaml").exists()
    again = app.sweep(f"hydra.sweeper.n_trials={n_trials + 1}")
    assert again.code == 0, again.err
    assert len(app.trials()) == n_trials + 1


def test_pause_and_go(make_app: MakeApp, start: Start) -> None:
    """No trial starts in between, and a pause can be interrupted."""
    app = small(make_app, BODY)
    sweep = start(app, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=8")
    sweep.wait_until_started(1)
    assert command(app, "pause", "sweep").returncode == 0
    (app.folder / "go").touch()
    time.sleep(2)
    there = len(app.trials())
    time.sleep(1)
    assert len(app.trials()) == there < 8
    assert command(app, "go", "sweep").returncode == 0
    assert sweep.end() == 0
    assert states(app) == ["COMPLETE"] * 8
    sweep = start(app, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=500")
    wait_for(lambda: len(app.trials()) > 9)
    command(app, "pause", "sweep")
    time.sleep(1)
    sweep.ctrl_c()
    assert sweep.end() == 130
    assert_all_gone(app)


def test_a_point_is_queued(make_app: MakeApp, start: Start) -> None:
    """It runs next, and counts; what the study does not tune, or the range does not hold, is an error."""
    app = small(make_app, BODY)
    sweep = start(app, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=6")
    sweep.wait_until_started(1)
    for text, words in (
        ("lrr=0.5", "Did you mean 'lr'?"),
        ("lr=7", "it is not float 0.1 to 1"),
        ("lr", "give path=value"),
    ):
        wrong = command(app, "add", "sweep", text)
        assert wrong.returncode == 1
        assert words in wrong.stderr
    added = command(app, "add", "sweep", "lr=0.625")
    assert added.stdout == "Queued: lr=0.625\n"
    (app.folder / "go").touch()
    assert sweep.end() == 0
    assert len(app.trials()) == 6
    assert 0.625 in [trial.params["lr"] for trial in app.trials()]


def test_wait(make_app: MakeApp, start: Start) -> None:
    """Until the sweep has ended, is good enough, or the time is over."""
    app = small(make_app, BODY)
    sweep = start(app, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=4")
    sweep.wait_until_started(1)
    late = command(app, "wait", "sweep", "--timeout", "0.5")
    assert (late.returncode, late.stdout) == (3, "The time is over.\n")
    good = command(app, "wait", "sweep", "--value", "0.1", "--timeout", "30")
    assert (good.returncode, good.stdout) == (0, "The best value is 0.1.\n")
    line = [sys.executable, "-m", "qgtune", "wait", "sweep"]
    waiting = subprocess.Popen(line, cwd=app.folder, stdout=subprocess.PIPE, text=True)
    time.sleep(1.5)
    assert waiting.poll() is None
    (app.folder / "go").touch()
    waiting.communicate(timeout=30)
    assert waiting.returncode == 0
    assert sweep.end() == 0
    missed = command(app, "wait", "sweep", "--value", "0.01")
    assert (missed.returncode, missed.stdout) == (3, "No sweep runs on the study.\n")


def test_workers_of_other_launchers_hear_it(make_app: MakeApp, start: Start) -> None:
    """The worker itself looks at the study."""
    app = small(make_app, BODY)
    sweep = start(app, *options("joblib"), "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=50")
    sweep.wait_until_started(1)
    assert command(app, "stop", "sweep", "--trial", "1").returncode == 0
    wait_for(lambda: app.trials()[1].state == TrialState.FAIL)
    assert command(app, "finish", "sweep").returncode == 0
    (app.folder / "go").touch()
    assert sweep.end() == 0
    assert len(app.trials()) < 50


def owners(app: App) -> set[int]:
    """Return the processes that run trials now."""
    return {owner_pid(trial) for trial in app.trials() if trial.state == TrialState.RUNNING}


def test_workers_come_and_leave(make_app: MakeApp, start: Start) -> None:
    """More start at once; of fewer, those beyond leave once their trial has ended, and no trial is lost by it."""
    app = small(make_app, ONE_BY_ONE)
    sweep = start(app, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=500")
    sweep.wait_until_started(0, 1)
    first = owners(app)
    more = command(app, "workers", "sweep", "4")
    assert more.stdout == f"4 workers: process {sweep.process.pid} on {socket.gethostname()}.\n"
    wait_for(lambda: len(owners(app)) == 4)
    assert first < owners(app)
    assert command(app, "workers", "sweep", "1").returncode == 0
    assert command(app, "workers", "sweep").stdout.startswith("1 workers: process ")
    time.sleep(1.5)
    assert len(owners(app)) == 4  # each finishes its trial
    (app.folder / "go").touch()
    wait_for(lambda: len(processes_with_trials(app)) == 1)
    assert processes_with_trials(app) < first
    assert command(app, "workers", "sweep", "2").returncode == 0
    wait_for(lambda: len(processes_with_trials(app)) == 2)
    assert command(app, "finish", "sweep").returncode == 0
    assert sweep.end() == 0
    assert set(states(app)) == {"COMPLETE"}
    assert_all_gone(app)
    ended = command(app, "workers", "sweep", "2")
    assert "Cannot change the workers: no sweep runs on the study." in ended.stderr


def processes_with_trials(app: App) -> set[int]:
    """Return the living processes that have run trials."""
    return {owner_pid(trial) for trial in app.trials()} & set(processes(app))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["hydra.sweeper.n_jobs=1"], "its one worker is the sweep's own process", id="in process"),
        pytest.param([*OPTIONS["joblib"], "hydra.sweeper.n_jobs=2"], "its launcher has started them all", id="joblib"),
        pytest.param(["hydra/launcher=qgtune", "hydra.launcher.gpus=[0]"], "its GPUs have 1 places", id="GPU"),
    ],
)
def test_a_number_of_workers_that_cannot_be_is_refused(
    make_app: MakeApp, start: Start, arguments: list[str], words: str
) -> None:
    """Where nobody can start or end workers, or they would have no GPU."""
    app = small(make_app, BODY)
    sweep = start(app, *arguments, "hydra.sweeper.n_trials=4")
    sweep.wait_until_started(1)
    told = command(app, "workers", "sweep", "3")
    assert told.returncode == 1
    assert words in told.stderr
    (app.folder / "go").touch()
    assert sweep.end() == 0
