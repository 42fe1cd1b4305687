"""Sweeps whose workers, or whose sweeper, die or are stopped: real processes and real signals."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState

from qgtune import tune
from qgtune.study.attempts.attempt import Attempt
from tests.sweep.sweeps import (
    BOX_S,
    Sweep,
    assert_all_gone,
    assert_settled,
    owner_pid,
    processes,
    reasons,
    states,
    wait_for,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna

    from tests.conftest import App

    MakeApp = Callable[..., App]
    Start = Callable[..., Sweep]

pytestmark = pytest.mark.slow

TWO = "hydra.sweeper.n_jobs=2"
NUMBER = "number = HydraConfig.get().job.num\n"
# Trial 0 ends at once, the others wait for the file `go`.
WAIT = NUMBER + "Path(f'started-{number}').touch()\nwhile number and not Path('go').exists():\n    time.sleep(0.05)"
# As `WAIT`, in code that no first signal can stop.
STUBBORN = (
    NUMBER
    + "Path(f'started-{number}').touch()\n"
    + "while number and not Path('go').exists():\n"
    + "    try:\n        time.sleep(0.05)\n"
    + "    except KeyboardInterrupt:\n        Path(f'deaf-{number}').touch()"
)


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", "its worker was killed by SIGKILL", id="SIGKILL"),
        pytest.param("os._exit(7)", "its worker ended with exit code 7", id="exit"),
        pytest.param("os._exit(0)", "its worker ended with exit code 0", id="exit without an error"),
        pytest.param("import ctypes; ctypes.string_at(0)", "its worker was killed by SIGSEGV", id="segfault"),
    ],
)
def test_dead_worker_costs_one_trial(make_app: MakeApp, deed: str, reason: str) -> None:
    """A trial whose worker dies fails with the reason and is run again with its parameters; the total is exact."""
    app = make_app(f"{NUMBER}if number == 1:\n    {deed}")
    run = app.sweep(TWO, "hydra.sweeper.n_trials=5")
    assert run.code == 0, run.err
    assert states(app).count("COMPLETE") == 5
    assert states(app).count("FAIL") == 1
    lost = app.trials()[1]
    assert lost.state == TrialState.FAIL
    assert Attempt.of(lost).reason == reason
    (retry,) = (trial for trial in app.trials() if Attempt.of(trial).repeats is not None)
    assert Attempt.of(retry).repeats == 1
    assert retry.params == lost.params
    assert reason in run.out + run.err
    assert_all_gone(app)


def test_worker_killed_from_outside(make_app: MakeApp, start: Start) -> None:
    """A worker that somebody kills is replaced, and its trial is run again."""
    app = make_app(WAIT)
    sweep = start(app, TWO)
    sweep.wait_until_started(1, 2)
    os.kill(owner_pid(app.trials()[1]), signal.SIGKILL)
    wait_for(lambda: len(app.trials()) > 3)
    (app.folder / "go").touch()
    assert sweep.end() == 0
    assert reasons(app) == ["its worker was killed by SIGKILL"]
    assert_settled(app, 4)


def test_exhausted_retries_count(make_app: MakeApp) -> None:
    """A trial that kills each worker is given up after `max_retries`, and counts."""
    app = make_app(
        f"{NUMBER}if qgtune.current_trial().user_attrs['qgtune:attempt'].get('repeats', number) == 1:\n    os._exit(7)"
    )
    run = app.sweep(TWO, "hydra.sweeper.n_trials=5", "hydra.sweeper.max_retries=2")
    assert run.code == 0, run.err
    assert states(app).count("COMPLETE") == 4
    assert states(app).count("FAIL") == 3
    failed = [trial for trial in app.trials() if trial.state == TrialState.FAIL]
    assert [Attempt.of(trial).repeats for trial in failed] == [None, 1, 1]
    assert len({tuple(trial.params.items()) for trial in failed}) == 1


def test_without_retries_a_death_counts(make_app: MakeApp) -> None:
    """With `max_retries=0` a dead worker's trial counts and is not run again."""
    app = make_app(f"{NUMBER}if number == 1:\n    os._exit(7)")
    run = app.sweep(TWO, "hydra.sweeper.n_trials=5", "hydra.sweeper.max_retries=0")
    assert run.code == 0, run.err
    assert sorted(states(app)) == ["COMPLETE"] * 4 + ["FAIL"]


def test_deaths_in_a_row_stop_the_sweep(make_app: MakeApp) -> None:
    """After n_jobs + 3 deaths without a finished trial the sweep ends with the reason; mended, it goes on."""
    app = make_app("if not Path('mended').exists():\n    os._exit(7)")
    run = app.sweep(TWO, "hydra.sweeper.n_trials=20", "hydra.sweeper.max_retries=50")
    assert run.code == 1
    assert "5 workers in a row died without finishing a trial" in run.err
    assert "its worker ended with exit code 7" in run.err
    assert "Traceback" not in run.err
    assert set(states(app)) == {"FAIL"}
    assert_all_gone(app)
    (app.folder / "mended").touch()
    run = app.sweep(TWO, "hydra.sweeper.n_trials=6", "hydra.sweeper.max_retries=50")
    assert run.code == 0, run.err
    assert_settled(app, 6)


def test_survivors_of_a_dying_worker_go_on(make_app: MakeApp) -> None:
    """Workers that live finish the study beside one that is not replaced any more, and that is no failure."""
    app = make_app(
        f"{NUMBER}while number == 0 and len(list(Path().glob('dead-*'))) < 5:\n    time.sleep(0.05)\n"
        "if number and len(list(Path().glob('dead-*'))) < 5:\n    Path(f'dead-{number}').touch()\n    os._exit(7)"
    )
    run = app.sweep(TWO, "hydra.sweeper.n_trials=6", "hydra.sweeper.max_retries=50")
    assert run.code == 0, run.err
    assert len(reasons(app)) == 5
    assert_settled(app, 6)


@pytest.mark.parametrize("body", [pytest.param(WAIT, id="polite"), pytest.param(STUBBORN, id="stubborn")])
def test_workers_end_with_their_sweeper(make_app: MakeApp, start: Start, body: str) -> None:
    """When the sweeper is killed its workers end, whatever they do, and the next run finishes the study."""
    app = make_app(body)
    sweep = start(app, TWO)
    sweep.wait_until_started(1, 2)
    sweep.process.kill()
    sweep.end()
    wait_for(lambda: processes(app) == [])
    (app.folder / "go").touch()
    run = app.sweep(TWO)
    assert run.code == 0, run.err
    assert len(reasons(app)) == 2
    assert_settled(app, 4)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_all_killed_together(make_app: MakeApp, start: Start, n_jobs: int) -> None:
    """When sweeper and workers are killed, the next run marks what they left failed before it goes on."""
    app = make_app(WAIT)
    sweep = start(app, f"hydra.sweeper.n_jobs={n_jobs}")
    sweep.wait_until_started(*range(1, n_jobs + 1))
    os.killpg(sweep.process.pid, signal.SIGKILL)
    sweep.end()
    wait_for(lambda: processes(app) == [])
    assert states(app).count("RUNNING") == n_jobs
    (app.folder / "go").touch()
    run = app.sweep(f"hydra.sweeper.n_jobs={n_jobs}")
    assert run.code == 0, run.err
    assert reasons(app) == ["its worker ended without a word"] * n_jobs
    assert_settled(app, 4)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_stops_in_good_order(make_app: MakeApp, start: Start, number: signal.Signals, n_jobs: int) -> None:
    """Trials fail as interrupted, results are written, no process stays; the same command finishes the total."""
    app = make_app(WAIT)
    sweep = start(app, f"hydra.sweeper.n_jobs={n_jobs}")
    sweep.wait_until_started(*range(1, n_jobs + 1))
    wait_for(lambda: "COMPLETE" in states(app))
    if number == signal.SIGINT:
        sweep.ctrl_c()
    else:
        sweep.process.terminate()
    assert sweep.end() == 128 + number
    wait_for(lambda: processes(app) == [])
    assert "Traceback" not in sweep.errors.read_text()
    assert states(app) == ["COMPLETE"] + ["FAIL"] * n_jobs
    assert reasons(app) == ["interrupted"] * n_jobs
    assert app.yaml("optimization_results.yaml")["best_value"] == app.trials()[0].value
    (app.folder / "go").touch()
    run = app.sweep(f"hydra.sweeper.n_jobs={n_jobs}")
    assert run.code == 0, run.err
    assert_settled(app, 4)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_second_signal_ends_at_once(make_app: MakeApp, start: Start, n_jobs: int) -> None:
    """Code that survives the first Ctrl-C does not survive the second one; the study can still be finished."""
    app = make_app(STUBBORN)
    sweep = start(app, f"hydra.sweeper.n_jobs={n_jobs}")
    numbers = range(1, n_jobs + 1)
    sweep.wait_until_started(*numbers)
    sweep.ctrl_c()
    wait_for(lambda: all((app.folder / f"deaf-{number}").exists() for number in numbers))
    sweep.ctrl_c()
    assert sweep.end() == 130
    wait_for(lambda: processes(app) == [])
    (app.folder / "go").touch()
    run = app.sweep(f"hydra.sweeper.n_jobs={n_jobs}")
    assert run.code == 0, run.err
    assert_settled(app, 4)


@pytest.mark.parametrize("written", ["", "sweep/multirun.yaml"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_before_any_trial(make_app: MakeApp, start: Start, number: signal.Signals, written: str) -> None:
    """A signal to the group, while the sweep is planned or its workers start, ends it without a traceback."""
    app = make_app(WAIT)
    sweep = start(app, TWO)
    wait_for(lambda: (app.folder / written).exists() and len(processes(app)) > 1)
    os.killpg(sweep.process.pid, number)
    assert sweep.end() == 128 + number
    wait_for(lambda: processes(app) == [])
    assert "Traceback" not in sweep.errors.read_text()
    assert not app.path("study.log").exists() or "RUNNING" not in states(app)


def test_two_sweeps_share_a_study(make_app: MakeApp, start: Start) -> None:
    """Two sweeps that start together on one storage run the total between them, and both end well."""
    app = make_app("time.sleep(0.2)")
    app.path().mkdir()
    shared = (f"hydra.sweeper.storage={app.path('study.log')}", "hydra.sweeper.n_trials=12", TWO)
    sweeps = [start(app, *shared, folder=folder) for folder in ("one", "two")]
    assert [sweep.end() for sweep in sweeps] == [0, 0]
    assert states(app) == ["COMPLETE"] * 12
    assert len({tuple(trial.params.items()) for trial in app.trials()}) == 12


def test_a_live_trial_is_left_alone(make_app: MakeApp, start: Start) -> None:
    """A second sweep on the storage leaves the first one's running trial alone, and so the first one finishes it."""
    app = make_app("if 'slow' in HydraConfig.get().runtime.output_dir:\n    " + WAIT.replace("\n", "\n    "))
    app.path().mkdir()
    shared = (f"hydra.sweeper.storage={app.path('study.log')}", "hydra.sweeper.n_trials=5")
    slow = start(app, *shared, folder="slow")
    slow.wait_until_started(1)
    assert start(app, *shared, TWO, folder="fast").end() == 0
    assert states(app) == ["COMPLETE", "RUNNING", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert owner_pid(app.trials()[1]) == slow.process.pid
    (app.folder / "go").touch()
    assert slow.end() == 0
    assert states(app) == ["COMPLETE"] * 5


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        pytest.param("true", ["COMPLETE"] * 4 + ["FAIL"], id="retried"),
        pytest.param("false", ["COMPLETE"] * 3 + ["FAIL"], id="counted"),
    ],
)
def test_exceptions_are_retried_on_demand(make_app: MakeApp, retry: str, expected: list[str]) -> None:
    """An exception counts, unless `retry_exceptions` asks for another attempt with the same parameters."""
    app = make_app(f"{NUMBER}if number == 1:\n    raise ValueError('a hiccup')")
    run = app.sweep(f"hydra.sweeper.retry_exceptions={retry}")
    assert run.code == 0, run.err
    assert sorted(states(app)) == expected
    retries = [trial for trial in app.trials() if Attempt.of(trial).repeats == 1]
    assert [trial.params for trial in retries] == [app.trials()[1].params] * (retry == "true")


def test_threads_leave_each_other_alone() -> None:
    """A thread for which no trial is left does not take away those that other threads still run."""
    gate = threading.Event()

    def objective(trial: optuna.Trial, _config: dict[str, Any]) -> float:
        if trial.number == 3:
            threading.Timer(0.5, gate.set).start()  # by then its thread has ended
        else:
            gate.wait(BOX_S)
        return trial.suggest_float("x", 0, 1)

    given = {"study_name": "a", "storage": None, "direction": "minimize", "n_trials": 4, "n_jobs": 4}
    with pytest.warns(UserWarning, match="n_processes"):
        study = tune.optimize(objective, given)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4


@pytest.mark.parametrize("sampler", ["", "random"])
def test_no_point_is_repeated(make_app: MakeApp, sampler: str) -> None:
    """With one seed, four workers draw twelve distinct points, and a resumed run adds distinct ones."""
    app = make_app("time.sleep(0.05)")
    arguments = ["hydra.sweeper.n_jobs=4", *([f"hydra/sweeper/sampler={sampler}"] if sampler else [])]
    for total in (12, 18):
        run = app.sweep(*arguments, f"hydra.sweeper.n_trials={total}")
        assert run.code == 0, run.err
        rates = [trial.params["training.lr"] for trial in app.trials()]
        assert len(rates) == len(set(rates)) == total
