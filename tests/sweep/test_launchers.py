"""The study's promises under every launcher, each really run: joblib, submitit (here and on a small Slurm), Ray.

The Slurm is three scripts in `tests/data/slurm` that keep the submitted job array and run it here.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from qgtune.study.attempts.attempt import Attempt
from tests.sweep.sweeps import Sweep, assert_settled, owner_pid, processes, reasons, states, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import App

    MakeApp = Callable[..., App]
    Start = Callable[..., Sweep]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

TWO = "hydra.sweeper.n_jobs=2"
SLURM = Path(__file__).parents[1] / "data" / "slurm"
NUMBER = "number = HydraConfig.get().job.num\n"
# Trial 0 ends at once, the others wait for the file `go`.
WAIT = NUMBER + "Path(f'started-{number}').touch()\nwhile number and not Path('go').exists():\n    time.sleep(0.05)"
RAY_OPTIONS = ("num_cpus=2", "include_dashboard=false", "log_to_driver=false")
OPTIONS = {
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "submitit_local": ["hydra/launcher=submitit_local"],
    "submitit_slurm": ["hydra/launcher=submitit_slurm"],
    "ray": ["hydra/launcher=ray", *(f"+hydra.launcher.ray.init.{option}" for option in RAY_OPTIONS)],
}


@pytest.fixture(autouse=True)
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a Slurm of one machine on the path; return the folder where it keeps what was submitted."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    monkeypatch.setenv("FAKE_SLURM", str(folder))
    monkeypatch.setenv("PATH", f"{SLURM}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return folder


def options(launcher: str) -> list[str]:
    """Return the arguments that choose a launcher; skip the test where it is not installed."""
    if launcher == "qgtune":
        return ["hydra/launcher=qgtune"]
    plugin = f"hydra_plugins.hydra_{launcher.partition('_')[0]}_launcher"
    if find_spec(plugin) is None:
        pytest.skip(f"needs the extra {launcher.partition('_')[0]}")
    return OPTIONS[launcher]


@pytest.fixture(autouse=True)
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep Ray's files in a folder of their own, whose short name fits into the address of a socket."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # else it writes a token into the home folder
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    with TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield


@pytest.mark.matrix
@pytest.mark.parametrize("launcher", OPTIONS)
def test_the_total_is_exact_and_workers_leave_no_jobs(app: App, launcher: str) -> None:
    """Workers run the total between them, and the sweep folder holds the trials' jobs only."""
    run = app.sweep(*options(launcher), TWO, "hydra.sweeper.n_trials=5")
    assert run.code == 0, run.err
    assert states(app) == ["COMPLETE"] * 5
    assert len({owner_pid(trial) for trial in app.trials()}) <= 2
    folders = {path.name for path in app.path().iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert folders == {"0", "1", "2", "3", "4"}
    assert [path.name for path in app.path().glob("*.log")] == ["study.log"]
    assert app.yaml("best_trial.yaml") == min(app.trials(), key=lambda trial: trial.value or 0).params


def test_slurm_gets_one_array_of_workers(app: App, slurm: Path) -> None:
    """A sweep submits one job array with as many tasks as workers, with the resources that the user asked for."""
    run = app.sweep(
        *options("submitit_slurm"),
        "hydra.sweeper.n_jobs=3",
        "hydra.launcher.timeout_min=240",
        "hydra.launcher.gpus_per_node=1",
        "hydra.launcher.partition=long",
        "hydra.launcher.array_parallelism=2",
        "hydra.launcher.signal_delay_s=60",
    )
    assert run.code == 0, run.err
    (script,) = slurm.glob("*/script.sh")
    lines = set(script.read_text().splitlines())
    assert {
        "#SBATCH --array=0-2%2",
        "#SBATCH --time=240",
        "#SBATCH --gpus-per-node=1",
        "#SBATCH --partition=long",
        "#SBATCH --signal=USR2@60",
    } <= lines
    assert states(app) == ["COMPLETE"] * 4


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "submitit_slurm"])
def test_a_job_may_run_one_trial(app: App, launcher: str) -> None:
    """With `trials_per_worker=1` each job runs one trial, and the sweeper launches until the total is reached."""
    run = app.sweep(*options(launcher), TWO, "hydra.sweeper.n_trials=3", "hydra.sweeper.trials_per_worker=1")
    assert run.code == 0, run.err
    assert states(app) == ["COMPLETE"] * 3
    if launcher != "joblib":  # joblib's processes run one job after the other
        assert len({owner_pid(trial) for trial in app.trials()}) == 3


def test_our_processes_may_run_one_trial(app: App) -> None:
    """Under the process launcher a fresh process takes the place of one that ran its share, at once."""
    run = app.sweep(TWO, "hydra.sweeper.n_trials=6", "hydra.sweeper.trials_per_worker=2")
    assert run.code == 0, run.err
    assert states(app) == ["COMPLETE"] * 6
    pids = [owner_pid(trial) for trial in app.trials()]
    assert all(pids.count(pid) <= 2 for pid in pids)
    assert run.out.count("worker processes are used") == 1


def test_in_process_the_share_is_all(app: App) -> None:
    """One worker in process has no other to take its place: it runs every trial."""
    run = app.sweep("hydra.sweeper.trials_per_worker=1")
    assert run.code == 0, run.err
    assert len({owner_pid(trial) for trial in app.trials()}) == 1


@pytest.mark.parametrize("launcher", OPTIONS)
def test_a_killed_worker_costs_its_trial(make_app: MakeApp, launcher: str) -> None:
    """The trial of a killed worker is run again with its parameters, and the study ends well with its total."""
    app = make_app(NUMBER + "if number == 1:\n    os.kill(os.getpid(), signal.SIGKILL)\ntime.sleep(0.2)")
    run = app.sweep(*options(launcher), TWO, "hydra.sweeper.n_trials=5")
    assert run.code == 0, run.err
    assert "its worker ended without a word" in reasons(app)
    assert "Traceback" not in run.err
    assert_settled(app, 5)


@pytest.mark.parametrize(
    ("launcher", "number"),
    [
        pytest.param("qgtune", signal.SIGTERM, id="processes-SIGTERM"),
        pytest.param("joblib", signal.SIGTERM, id="joblib-SIGTERM"),
        pytest.param("ray", signal.SIGTERM, id="ray-SIGTERM"),
        pytest.param("submitit_local", signal.SIGTERM, id="submitit-SIGTERM"),
        pytest.param("submitit_local", signal.SIGUSR1, id="submitit-SIGUSR1"),
        pytest.param("submitit_slurm", signal.SIGUSR2, id="Slurm-SIGUSR2"),
    ],
)
def test_a_worker_that_is_ended_early_gives_its_trial_back(
    make_app: MakeApp, start: Start, launcher: str, number: signal.Signals
) -> None:
    """A worker that its cluster ends marks its trial failed; the trial is run again, and the total is exact."""
    app = make_app(WAIT)
    sweep = start(app, *options(launcher), TWO)
    sweep.wait_until_started(1, 2)
    os.kill(owner_pid(app.trials()[1]), number)
    wait_for(lambda: bool(reasons(app)))
    (app.folder / "go").touch()
    assert sweep.end() == 0, sweep.errors.read_text()
    assert reasons(app) == ["interrupted" if launcher == "qgtune" else f"interrupted by {number.name}"]
    assert Attempt.of(app.trials()[1]).end == "returned"
    assert_settled(app, 4)


@pytest.mark.parametrize("launcher", OPTIONS)
def test_ctrl_c_reaches_the_workers(make_app: MakeApp, start: Start, launcher: str) -> None:
    """One Ctrl-C ends the sweep with 130: trials are given back, no process stays, and the same command goes on."""
    app = make_app(WAIT)
    sweep = start(app, *options(launcher), TWO)
    sweep.wait_until_started(1, 2)
    sweep.ctrl_c()
    assert sweep.end() == 130, sweep.errors.read_text()
    wait_for(lambda: processes(app) == [])
    assert "Traceback" not in sweep.errors.read_text()
    assert states(app) == ["COMPLETE", "FAIL", "FAIL"]
    assert all(reason.startswith("interrupted by ") for reason in reasons(app))
    (app.folder / "go").touch()
    run = app.sweep(TWO)
    assert run.code == 0, run.err
    assert_settled(app, 4)


def test_a_signal_to_the_sweeper_alone_reaches_jobs_elsewhere(make_app: MakeApp, start: Start) -> None:
    """Jobs that the sweeper's signals cannot reach are told through the study."""
    app = make_app(WAIT)
    sweep = start(app, *options("submitit_slurm"), TWO)
    sweep.wait_until_started(1, 2)
    sweep.process.terminate()
    assert sweep.end() == 143, sweep.errors.read_text()
    assert states(app) == ["COMPLETE", "FAIL", "FAIL"]
    assert reasons(app) == ["interrupted by SIGTERM"] * 2


def test_a_launcher_that_cannot_launch_is_one_line(app: App, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When the cluster's commands fail, the sweep says what the launcher said, and ends."""
    (tmp_path / "bin").mkdir()
    for name in ("srun", "sbatch"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\necho 'no such partition' >&2\nexit 1\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    run = app.sweep(*options("submitit_slurm"), TWO)
    assert run.code == 1
    assert "Cannot launch workers: FailedJobError" in run.err
    assert "Traceback" not in run.err


def test_workers_without_enough_time_end_the_sweep(make_app: MakeApp) -> None:
    """Workers that are ended again and again before they finish a trial end the sweep with the reason."""
    app = make_app("os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)")
    run = app.sweep(*options("joblib"), TWO)
    assert run.code == 1
    assert "workers in a row were ended before they finished a trial" in run.err
    assert "Give the launcher's jobs more time" in run.err
    assert set(reasons(app)) == {"interrupted by SIGTERM"}
