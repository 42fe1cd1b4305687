"""A sweep is submitted and left; its results are collected later, and are those of one that stayed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.sweep.sweeps import assert_all_gone, processes, states, wait_for
from tests.sweep.test_durable_trials import command, small
from tests.sweep.test_launchers import options, ray, slurm  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import App

    MakeApp = Callable[..., App]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

BODY = """
number = HydraConfig.get().job.num
Path(f"started-{number}").touch()
deadline = time.time() + 60
while number and not Path("go").exists() and time.time() < deadline:
    time.sleep(0.05)
"""
# What tells of times, processes or the launcher's own jobs.
OF_ITS_OWN = {"study.log", "train.log", "report.html", "sweep.log", "provenance.json", "outputs"}
"""What tells of times and processes; so do the facts of each trial, `.qgtune/trials/N.json`."""


def submit(app: App, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Leave a sweep of the app."""
    return command(app, "submit", *app.command("--multirun", "hydra.sweep.dir=sweep", *arguments))


def files(folder: Path) -> dict[str, bytes]:
    """Return what a sweep leaves, but for what tells of times and processes."""
    found = [path for path in folder.rglob("*") if path.is_file() and ".submitit" not in path.parts]
    kept = [path for path in found if path.name not in OF_ITS_OWN and "study.log" not in path.name]
    kept = [path for path in kept if path.parent.name not in ("trials", "provenance") or path.suffix != ".json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}


def last_lines(out: str) -> list[str]:
    """Return the lines that a sweep ends with, without their times."""
    lines = [line.partition("[HYDRA] ")[2] for line in out.splitlines()]
    return lines[next((index for index, line in enumerate(lines) if line.startswith("Finished: ")), len(lines)) :]


@pytest.mark.parametrize("launcher", ["submitit_local", "submitit_slurm", "qgtune"])
def test_results_are_those_of_a_sweep_that_stayed(make_app: MakeApp, launcher: str) -> None:
    """Byte for byte, with one worker and the same seed."""
    app = small(make_app, BODY)
    (app.folder / "go").touch()
    arguments = [*options(launcher), "hydra.sweeper.n_trials=4"]
    stayed = app.sweep(*arguments)
    assert stayed.code == 0, stayed.err
    kept = files(app.path())
    assert {"optimization_results.yaml", "best_trial.yaml", "best_config.yaml", "multirun.yaml"} <= set(kept)
    assert "3/.hydra/overrides.yaml" in kept
    shutil.rmtree(app.path())
    assert submit(app, *arguments).returncode == 0
    assert command(app, "wait", "sweep", "--timeout", "60").returncode == 0
    collected = command(app, "collect", "sweep")
    assert collected.returncode == 0, collected.stderr
    assert files(app.path()) == kept
    assert last_lines(collected.stdout) == last_lines(stayed.out) != []


@pytest.mark.parametrize("launcher", ["submitit_local", "submitit_slurm"])
def test_nobody_waits_for_submitted_workers(make_app: MakeApp, launcher: str) -> None:
    """The command says where they are, and whoever collects too early is told how far they are."""
    app = small(make_app, BODY)
    left = submit(app, *options(launcher), "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=4")
    assert left.returncode == 0, left.stderr
    assert f"Submitted 2 workers to {launcher}: nobody waits for them.\n" in left.stdout
    assert "qgtune collect sweep\n" in left.stdout
    wait_for(lambda: all((app.folder / f"started-{number}").exists() for number in (1, 2)))
    assert not app.path("optimization_results.yaml").exists()
    early = command(app, "collect", "sweep")
    assert early.returncode == 1
    assert "Cannot collect sweep: 1 of 4 trials so far, 2 running. Wait for it with qgtune wait sweep" in early.stderr
    assert not app.path("optimization_results.yaml").exists()
    assert command(app, "wait", "sweep", "--timeout", "0").returncode == 3
    partial = command(app, "collect", "sweep", "--partial")
    assert partial.returncode == 0, partial.stderr
    assert "Not all is there: 1 of 4 trials so far, 2 running." in partial.stdout + partial.stderr
    assert app.yaml("optimization_results.yaml")["best_value"] == 0.1
    assert command(app, "finish", "sweep").returncode == 0
    (app.folder / "go").touch()
    assert command(app, "wait", "sweep", "--timeout", "60").returncode == 0
    assert states(app) == ["COMPLETE"] * 3
    assert command(app, "collect", "sweep").returncode == 0
    wait_for(lambda: processes(app) == [])


def test_a_dead_worker_is_not_waited_for(make_app: MakeApp) -> None:
    """Its trial is owed, and the sweep can be gone on with."""
    app = small(make_app, BODY)
    submit(app, *options("submitit_local"), "hydra.sweeper.n_trials=3")
    wait_for((app.folder / "started-1").exists)
    for pid in processes(app):
        subprocess.run(["kill", "-9", str(pid)], check=False)
    early = command(app, "collect", "sweep")
    assert "1 of 3 trials so far, 0 running. Unless its workers are still to start, go on with qgtune" in early.stderr
    (app.folder / "go").touch()
    assert command(app, "resume", "sweep").returncode == 0
    assert states(app) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_sweep_of_this_machine_goes_on_in_the_background(make_app: MakeApp, n_jobs: int) -> None:
    """It writes its results itself, and its lines to a file."""
    app = small(make_app, BODY)
    left = submit(app, f"hydra.sweeper.n_jobs={n_jobs}")
    assert left.returncode == 0, left.stderr
    assert "Runs in the background, as process " in left.stdout
    wait_for((app.folder / "started-1").exists)
    assert "1 of 3 trials so far" in command(app, "collect", "sweep").stderr
    (app.folder / "go").touch()
    assert command(app, "wait", "sweep", "--timeout", "60").returncode == 0
    assert_all_gone(app)
    assert "Finished: 3 trials" in app.path("sweep.log").read_text()
    assert app.yaml("optimization_results.yaml")["best_value"] == 0.1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["hydra.sweeper.n_jobs=0"], "Cannot use hydra.sweeper.n_jobs=0", id="mistake"),
        pytest.param(["hydra.sweeper.storage=memory"], "Cannot leave a study in memory", id="memory"),
    ],
)
def test_a_sweep_that_cannot_start_is_not_left(make_app: MakeApp, arguments: list[str], words: str) -> None:
    """Whatever it says is said at once, with its exit code."""
    app = small(make_app, BODY)
    done = submit(app, *arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert_all_gone(app)


def test_a_cluster_that_refuses_is_one_line(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the cluster said is passed on."""
    (tmp_path / "bin").mkdir()
    for name in ("srun", "sbatch"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\necho 'no such partition' >&2\nexit 1\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{tmp_path}:/usr/bin:/bin")
    done = submit(small(make_app, BODY), *options("submitit_slurm"))
    assert done.returncode == 1
    assert "Cannot submit workers: FailedJobError" in done.stderr


def test_what_is_no_sweep_is_not_left(make_app: MakeApp) -> None:
    """A command that ends by itself says so; one that does not exist is one line."""
    app = small(make_app, BODY)
    done = command(app, "submit", sys.executable, "-c", "print('hello')")
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "Nothing was left to run: the command has ended." in done.stderr
    assert "Cannot run 'no-such-program'" in command(app, "submit", "no-such-program").stderr
