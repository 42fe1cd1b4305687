"""`qgtune resume`: the recorded command, run again."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qgtune import QGTuneError
from qgtune.results.invocation import FILE, Invocation, own_command
from qgtune.space.reading.yaml_files import write_yaml
from tests.command.conftest import COMMAND
from tests.conftest import stock_study
from tests.studies import make_sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.command.conftest import Command as Qgtune
    from tests.conftest import App

RECORDED = Invocation(("python", "-u", "train.py"), ("-m", "a=1", "hydra/sweeper=qgtune", "--config-name", "x"), "/app")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        pytest.param(["b=2"], "-m a=1 hydra/sweeper=qgtune b=2 --config-name x", id="new"),
        pytest.param(["a=2"], "-m hydra/sweeper=qgtune a=2 --config-name x", id="of the same key"),
        pytest.param(["+a=2"], "-m hydra/sweeper=qgtune +a=2 --config-name x", id="an added key"),
        pytest.param(["~a"], "-m hydra/sweeper=qgtune ~a --config-name x", id="a deletion"),
        pytest.param([], "-m a=1 hydra/sweeper=qgtune --config-name x", id="none"),
    ],
)
def test_overrides_replace_those_of_their_key(overrides: list[str], expected: str) -> None:
    """Hydra takes one override a config group, and all overrides in one piece."""
    assert " ".join(RECORDED.with_overrides(overrides).arguments) == expected


def test_overrides_of_a_command_without_any() -> None:
    """They come last there."""
    command = Invocation(("python", "train.py"), ("--multirun", "--config-name", "x"), "/app")
    assert command.with_overrides(["a=1"]).arguments == ("--multirun", "--config-name", "x", "a=1")


def test_a_plain_run_needs_no_password_of_the_config(tmp_path: Path) -> None:
    """The record of its trial has it; one that the command itself needs is missed."""
    Invocation(("python", "train.py"), ("-m", "db.password=hush"), "/app").write(tmp_path, None)
    assert "hush" not in (tmp_path / FILE).read_text()
    found = Invocation.read(tmp_path, ["db.password=hush"])
    assert found.arguments == ("hydra.mode=RUN", "db.password=hush")
    assert found.shown() == "cd /app && python train.py hydra.mode=RUN 'db.password=***'"
    Invocation(("python", "train.py"), ("-m", "hydra.job.env_set.TOKEN=hush"), "/app").write(tmp_path, None)
    with pytest.raises(QGTuneError, match="it had a password in it, which was not kept"):
        Invocation.read(tmp_path, [])


@pytest.mark.parametrize("option", ["--config-dir", "--config-d", "-cd", "--config-name", "-cn", "-cp"])
def test_the_value_of_an_option_is_no_override(option: str) -> None:
    """Whatever is in it."""
    command = Invocation(("python", "train.py"), ("--multi", option, "a=1/conf", "a=1", "hydra.job.name=x"), "/app")
    assert command.with_overrides(["a=2"]).arguments == ("--multi", option, "a=1/conf", "hydra.job.name=x", "a=2")
    assert command.as_plain_run(["a=2"]).arguments == (option, "a=1/conf", "hydra.job.name=x", "hydra.mode=RUN", "a=2")


def test_a_command_is_read_back(tmp_path: Path) -> None:
    """Whatever characters are in it."""
    command = Invocation(("/usr/bin/python", "it's.py"), ("a='x y'", "b=1e-5", "c=null", "d=true"), "/a b")
    command.write(tmp_path, None)
    assert Invocation.read(tmp_path) == command


def test_the_command_of_this_process() -> None:
    """The interpreter's own options are part of it, and the arguments are told from the program."""
    code = (
        "from qgtune.results.invocation import Invocation; c = Invocation.current(); "
        "print(repr((c.program[1:], c.arguments)))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, "a=1", "b"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == repr((("-B", "-c", code), ("a=1", "b")))


def test_the_name_of_the_command_is_shown_where_it_leads_to_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """In an activated environment."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert own_command() == "qgtune"


@pytest.mark.parametrize("other", [False, True], ids=["no such name", "another installation"])
def test_else_its_path_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other: bool) -> None:  # noqa: FBT001
    """What a sweep prints works as pasted, also where the environment is not activated."""
    if other:
        (tmp_path / "qgtune").write_text("#!/bin/sh\n")
        (tmp_path / "qgtune").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shlex.split(own_command()) == [str(Path(sys.executable).with_name("qgtune"))]
    assert own_command(lambda path: f"./{path.name}") == "./qgtune"


def test_dry_run_prints_the_command(qgtune: Qgtune, tmp_path: Path) -> None:
    """With the folder that it is run in, and the sweep folder where it is now."""
    folder = make_sweep(tmp_path / "a sweep")
    Invocation((sys.executable, "train.py"), ("-m", "x=y", "n=1"), str(tmp_path / "app")).write(folder, None)
    done = qgtune("resume", "--dry-run", "a sweep", "n=2")
    assert (done.code, done.err) == (0, "")
    there, line = done.out.strip().split(" && ")
    assert shlex.split(there) == ["cd", str(tmp_path / "app")]
    last = f"hydra.sweep.dir='{folder}'"
    assert shlex.split(line) == [sys.executable, "train.py", "-m", "x=y", "n=2", last]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        pytest.param("nowhere", "there is no such folder", id="no folder"),
        pytest.param("plain", "it does not say which command it is of. Run your command again with", id="no record"),
        pytest.param("broken", "command.yaml is no command", id="a broken record"),
        pytest.param("memory", "its study was kept in memory", id="in memory"),
        pytest.param("secret", "it had a password in it, which was not kept. Run your command again", id="a password"),
        pytest.param("moved", "Cannot run it in '.*gone'", id="the app has moved"),
    ],
)
def test_what_cannot_be_resumed(qgtune: Qgtune, tmp_path: Path, case: str, message: str) -> None:
    """Each reason is one line on stderr."""
    make_sweep(tmp_path / "plain")
    write_yaml(make_sweep(tmp_path / "broken") / FILE, {"program": ["python"]})
    (make_sweep(tmp_path / "memory", storage=None) / "study.log").unlink()
    Invocation((sys.executable,), (), str(tmp_path / "gone")).write(make_sweep(tmp_path / "moved"), None)
    secret = Invocation((sys.executable,), ("-m", "hydra.sweeper.storage=redis://:hunter2@h/0"), str(tmp_path))
    secret.write(make_sweep(tmp_path / "secret"), None)
    assert "hunter2" not in (tmp_path / "secret" / FILE).read_text()
    done = qgtune("resume", case)
    assert done.code == 1
    assert re.search(message, done.err), done.err
    assert done.err.count("\n") == 1


def test_a_folder_without_a_record_is_no_command(tmp_path: Path) -> None:
    """Reading says what to do instead."""
    with pytest.raises(QGTuneError, match=r"Run your command again with hydra\.sweep\.dir="):
        Invocation.read(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("missing", [False, True], ids=["its interpreter", "another interpreter"])
def test_the_exit_code_is_the_commands(tmp_path: Path, missing: bool) -> None:  # noqa: FBT001 - a table
    """The command takes the place of `qgtune`; where its interpreter is gone, this one runs it, and says so."""
    folder = make_sweep(tmp_path / "sweep")
    (tmp_path / "app.py").write_text("import sys; print(sys.argv[1:]); sys.exit(7)")
    program = str(tmp_path / "bin" / "python") if missing else sys.executable
    Invocation((program, "app.py"), ("a=1",), str(tmp_path)).write(folder, None)
    done = subprocess.run(
        [*COMMAND, "resume", str(folder)], capture_output=True, text=True, check=False, timeout=60, cwd="/"
    )
    assert done.returncode == 7
    assert done.stdout.splitlines()[-1] == f"['a=1', \"hydra.sweep.dir='{folder}'\"]"
    assert (f"There is no {program} any more: {sys.executable} is used." in done.stderr) == missing


@pytest.mark.slow
def test_a_killed_sweep_goes_on(make_app: Callable[..., App]) -> None:
    """A sweep whose processes were killed half-way is finished, with exactly its total, from another folder."""
    app = make_app("time.sleep(0.2)")
    sweep = app.start("hydra.sweeper.n_trials=6")
    _wait_for(lambda: sum(path.is_dir() for path in app.path().glob("[0-9]")) >= 2)
    sweep.kill()
    sweep.communicate()
    done = subprocess.run(
        [*COMMAND, "resume", str(app.path())], capture_output=True, text=True, check=False, timeout=120, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"cd {app.folder} && {sys.executable} -W error::UserWarning")
    assert [trial.state.name for trial in app.trials()].count("COMPLETE") == 6


@pytest.mark.slow
def test_more_trials_and_a_moved_folder(app: App) -> None:
    """Overrides change the recorded command for good, and the folder may have been moved."""
    assert app.sweep("hydra.sweeper.n_trials=2").code == 0
    moved = app.path().rename(app.folder / "moved here")
    for extra, total in ((["hydra.sweeper.n_trials=4"], 4), ([], 4)):
        done = subprocess.run(
            [*COMMAND, "resume", str(moved), *extra], capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert len(stock_study(moved / "study.log").trials) == total
    assert "is finished: 4 of 4 trials" in done.stdout


@pytest.mark.slow
def test_ctrl_c_ends_the_sweep_as_it_would(make_app: Callable[..., App]) -> None:
    """The signal reaches the sweep, which says how to go on and ends with 130."""
    app = make_app("time.sleep(0.2)")
    assert app.sweep("hydra.sweeper.n_trials=1").code == 0
    command = [*COMMAND, "resume", str(app.path()), "hydra.sweeper.n_trials=500"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as sweep:
        _wait_for(lambda: app.path("2").is_dir())
        os.kill(sweep.pid, signal.SIGINT)
        out, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, out
    assert "Interrupted. To go on:  qgtune resume sweep\n" in out


def _wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
