"""The plain-Python example, run as its users run it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import stock_study

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.examples, pytest.mark.slow]


def test_the_example_tunes_the_digits(root: Path, tmp_path: Path) -> None:
    """Ten trials on two processes reach a good accuracy, prune, and leave a consistent best config."""
    command = [sys.executable, str(root / "examples" / "tune_example.py"), "--folder", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "10 trials" in done.stdout
    study = stock_study(tmp_path / "out" / "study.log")
    assert study.best_value > 0.9
    best = yaml.safe_load((tmp_path / "out" / "best_config.yaml").read_text())
    layers = best["model"]["nn"]
    assert layers[0]["out_dim"] == layers[1]["in_dim"] == study.best_params["model.nn.0.out_dim"]
    assert best["model"]["head"]["in_dim"] == layers[2]["out_dim"]
    assert best["training"]["lr"] == study.best_params["training.lr"]
