"""The Lightning example, with the real package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.examples


def test_lightnings_ddp_works_inside_a_trial(root: Path, tmp_path: Path) -> None:
    """The example, as the documentation shows it, with the real package: both ranks of each trial have one config."""
    script = root / "examples" / "lightning" / "train_lightning.py"
    line = [sys.executable, "-W", "ignore", str(script), "--multirun", "hydra.sweeper.n_trials=2"]
    ended = subprocess.run(
        [*line, "hydra.sweep.dir=sweep", "hydra.sweeper.report=false"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = re.findall(r"trial (\d), rank (\d): lr (\S+)", ended.stdout)
    values = {(trial, rank): lr for trial, rank, lr in found}
    assert set(values) == {(trial, rank) for trial in "01" for rank in "01"}
    assert all(values[trial, "0"] == values[trial, "1"] for trial in "01")
    assert values["0", "0"] != values["1", "0"]
    assert {path.parent.name for path in tmp_path.glob("sweep/checkpoints/*/last.ckpt")} == {"0", "1"}
