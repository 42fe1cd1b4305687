"""The demo's sweep, run as the command that `make demo` runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from omegaconf import OmegaConf

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.examples, pytest.mark.slow]


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_finds_a_good_model_that_its_command_gives_again(root: Path, tmp_path: Path) -> None:
    """Twelve trials on two workers pass 0.9 by far, name their files, and the printed command repeats the accuracy."""
    makefile = (root / "Makefile").read_text()
    arguments = re.search(r"python examples/train\.py (--multirun .*)", makefile)
    assert arguments is not None
    script = str(root / "examples" / "train.py")
    out = _run(tmp_path, script, *shlex.split(arguments[1]), "hydra.sweep.dir=sweep")

    results = OmegaConf.load(tmp_path / "sweep" / "optimization_results.yaml")
    assert results.best_value > 0.95
    assert re.search(r"Finished: 12 trials \(\d+ complete, \d+ pruned, 0 failed\)", out)
    assert "best_config.yaml" in out

    printed = re.search(r"Run the best again: +qgtune (.*)", out)
    assert printed is not None
    again = re.search(r"validation accuracy: (\S+)", _run(tmp_path, "-m", "qgtune", *shlex.split(printed[1])))
    assert again is not None
    assert float(again[1]) == pytest.approx(results.best_value, abs=1e-9)


def test_ranges_and_choices_of_the_command_line_join_the_space(root: Path, tmp_path: Path) -> None:
    """An interval, a list of choices and a fixed value each overrule the file; the next layer follows the fixed one."""
    _run(
        tmp_path,
        str(root / "examples" / "train.py"),
        "--multirun",
        "hydra/sweeper=qgtune",
        "training=quick",
        "training.lr=tag(log,interval(1e-4,1e-2))",
        "training.batch_size=16,32",
        "model.nn.0.out_dim=48",
        "hydra.sweeper.n_trials=2",
        "hydra.sweep.dir=sweep",
    )
    best = OmegaConf.load(tmp_path / "sweep" / "best_config.yaml")
    assert 1e-4 <= best.training.lr <= 1e-2
    assert best.training.batch_size in (16, 32)
    assert best.model.nn[0].out_dim == best.model.nn[1].in_dim == 48
