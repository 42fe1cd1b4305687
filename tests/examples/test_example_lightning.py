"""The Lightning example, with the real package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import TrialState

from tests.conftest import stock_study

pytestmark = [pytest.mark.examples, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "lightning" / "train_lightning.py"
DECIDED = "        if trainer.strategy.broadcast(is_pruned):\n"
KILLED = """\
        if trainer.current_epoch == 2 and qgtune.last_step() is None:
            import os

            os.kill(os.getpid(), 9)
"""


def sweep(folder: Path, *arguments: str, script: Path = SCRIPT) -> str:
    """Run the example's sweep; return what it printed."""
    line = [sys.executable, "-W", "ignore", str(script), "--multirun", "hydra.sweep.dir=sweep", *arguments]
    ended = subprocess.run(
        [*line, "hydra.sweeper.report=false"],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_trials_are_pruned_and_keep_checkpoints(tmp_path: Path) -> None:
    """Every trial reports its epochs; those that are behind end early, and each leaves Lightning's checkpoint."""
    sweep(tmp_path, "hydra.sweeper.n_trials=5", "hydra.sweeper.pruner.n_startup_trials=1")
    trials = stock_study(tmp_path / "sweep" / "study.log").trials
    assert {trial.state for trial in trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    for trial in trials:
        whole = list(range(6))
        steps = list(trial.intermediate_values)
        assert steps == whole if trial.state == TrialState.COMPLETE else steps == whole[: len(steps)]
    assert {path.parent.name for path in tmp_path.glob("sweep/checkpoints/*/last.ckpt")} >= {"0"}


def test_a_killed_trial_goes_on_from_lightnings_checkpoint(tmp_path: Path) -> None:
    """The next attempt starts at the epoch after the last checkpoint, and its curve is whole."""
    shutil.copytree(SCRIPT.parent, tmp_path / "copy")
    classifier = tmp_path / "copy" / "classifier.py"
    text = classifier.read_text()
    assert DECIDED in text
    classifier.write_text(text.replace(DECIDED, KILLED + DECIDED))
    script = tmp_path / "copy" / SCRIPT.name
    sweep(tmp_path, "hydra.sweeper.n_trials=1", "hydra.sweeper.n_jobs=2", script=script)
    first, again = stock_study(tmp_path / "sweep" / "study.log").trials
    assert list(first.intermediate_values) == [0, 1, 2]
    assert list(again.intermediate_values) == list(range(6))
    shared = {step: value for step, value in again.intermediate_values.items() if step < 2}
    assert shared == {step: first.intermediate_values[step] for step in shared}
    assert again.state == TrialState.COMPLETE


def test_ddp_works_inside_a_trial(tmp_path: Path) -> None:
    """Both ranks of a trial train one model; a pruned trial ends in both, without a word of an error."""
    printed = sweep(
        tmp_path,
        *("devices=2", "strategy=ddp", "epochs=3", "hydra.sweeper.n_trials=2", "hydra.sweeper.search_space=null"),
        *("model.lr=interval(1e-8,0.1)", "hydra.sweeper.enqueue=[{model.lr: 0.01},{model.lr: 1e-7}]"),
        *("hydra.sweeper.enqueue_base=false", "hydra.sweeper.pruner.n_startup_trials=1"),
    )
    assert "MEMBER: 2/2" in printed
    good, bad = stock_study(tmp_path / "sweep" / "study.log").trials
    assert list(good.intermediate_values) == [0, 1, 2]
    assert bad.state == TrialState.PRUNED
    assert "Error" not in printed
