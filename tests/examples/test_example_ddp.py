"""The example that trains in two processes a trial, with torch's gloo."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from tests.conftest import stock_study

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.examples, pytest.mark.slow]


def test_trials_of_two_ranks_are_tuned_and_pruned(root: Path, tmp_path: Path) -> None:
    """Ranks train one model together, report, and a trial that falls behind is pruned in all of them."""
    command = [sys.executable, str(root / "examples" / "ddp" / "train_ddp.py"), "--multirun", "hydra.sweep.dir=sweep"]
    options = [
        "hydra/sweeper/sampler=grid",
        "hydra.sweeper.pruner.n_startup_trials=1",
        "hydra.sweeper.seed=1",
        "hydra.sweeper.search_space=null",
        "lr=0.1,1e-6",
        "epochs=3",
    ]
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr
    good, bad = sorted(stock_study(tmp_path / "sweep" / "study.log").trials, key=lambda trial: -trial.params["lr"])
    assert good.state == TrialState.COMPLETE
    assert good.value is not None
    assert good.value > 0.8
    assert list(good.intermediate_values) == [0, 1, 2]
    if bad.number > good.number:  # else there was nothing to compare it with
        assert bad.state == TrialState.PRUNED
        assert list(bad.intermediate_values) == [0, 1]  # the first report ends none
