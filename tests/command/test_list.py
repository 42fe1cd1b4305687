"""`qgtune list`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from qgtune.command.app import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import App

    MakeApp = Callable[..., App]


@pytest.mark.slow
def test_the_sweeps_of_a_folder(make_app: MakeApp, capfd: pytest.CaptureFixture[str]) -> None:
    """Newest first, each with its state and its best value; what lies in a sweep is no sweep of its own."""
    app = make_app()
    for name in ("one", "two"):
        done = app.run("--multirun", f"hydra.sweep.dir=runs/day/{name}", "hydra.sweeper.n_trials=2")
        assert done.code == 0, done.err
    memory = app.run(
        "--multirun", "hydra.sweep.dir=runs/none", "hydra.sweeper.n_trials=1", "hydra.sweeper.storage=memory"
    )
    assert memory.code == 0, memory.err
    os.utime(app.folder / "runs" / "day" / "one" / "multirun.yaml", (2e9, 2e9))
    capfd.readouterr()
    assert run(["list", str(app.folder / "runs")]) == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if "/" in line]
    assert [line.split()[0].rsplit("/", 1)[-1] for line in lines if line.strip()] == ["one", "none", "two"]
    assert " train " in lines[0]
    assert "ended" in lines[0]
    assert "kept in memory" in lines[1]
    assert run(["list", str(app.folder / "runs"), "--limit", "1"]) == 0
    assert "2 older ones are not shown." in capfd.readouterr().out


def test_no_sweeps(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One line says so."""
    assert run(["list", str(tmp_path)]) == 1
    assert run(["list", str(tmp_path / "nope")]) == 1
    err = capfd.readouterr().err
    assert "there is no sweep in it" in err
    assert "there is no such folder" in err
