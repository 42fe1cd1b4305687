"""The examples of other libraries tune with the real packages, as their docstrings say."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

import qgtune
from qgtune import tune
from tests.conftest import stock_study

pytestmark = pytest.mark.examples

ROOT = Path(__file__).parents[2]
SCRIPTS = {
    "sklearn": "train_sklearn.py",
    "xgboost": "train_xgboost.py",
    "structured_config": "train_structured.py",
    "hydra_zen": "train_zen.py",
}
SOURCES = sorted(path for path in (ROOT / "examples").rglob("*.py"))
PUBLIC = {"qgtune": {*qgtune.__all__, "ddp", "tune"}, "qgtune.tune": set(tune.__all__), "qgtune.ddp": {"run"}}


def run(folder: Path, *command: str) -> str:
    """Run a Python command in a folder; return what it printed."""
    line = [sys.executable, "-W", "ignore", *command]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_tunes_prunes_and_its_best_runs_again(name: str, tmp_path: Path) -> None:
    """The whole sweep with its real package, better than the base settings; the best trial gives its value again."""
    script = str(ROOT / "examples" / name / SCRIPTS[name])
    run(tmp_path, script, "--multirun", "hydra.sweep.dir=sweep", "hydra.sweeper.report=false")
    study = stock_study(tmp_path / "sweep" / "study.log")
    states = {trial.state for trial in study.trials}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED}
    assert study.best_trial.number > 0
    again = run(tmp_path, "-m", "qgtune", "rerun", "sweep")
    reported = [float(value) for value in re.findall(r"step \d+: (\S+)", again)]
    assert study.best_value in [pytest.approx(value, rel=1e-4) for value in reported]


@pytest.mark.slow
def test_only_the_best_booster_is_kept(tmp_path: Path) -> None:
    """The XGBoost example removes the models of the others as it goes."""
    script = str(ROOT / "examples" / "xgboost" / "train_xgboost.py")
    run(tmp_path, script, "--multirun", "hydra.sweep.dir=sweep", "hydra.sweeper.n_trials=4", "rounds=5")
    best = stock_study(tmp_path / "sweep" / "study.log").best_trial.number
    assert [path.parent.name for path in tmp_path.glob("sweep/checkpoints/*/model.json")] == [str(best)]


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path) -> None:
    """With a real kernel: two processes share the objective of a cell, and a larger total goes on."""
    nbformat: Any = pytest.importorskip("nbformat")
    shutil.copy(ROOT / "examples" / "notebook" / "tune.ipynb", tmp_path)
    notebook = nbformat.read(tmp_path / "tune.ipynb", as_version=4)
    place = {"metadata": {"path": tmp_path}}
    pytest.importorskip("nbclient").NotebookClient(notebook, timeout=200, resources=place).execute()
    printed = ["".join(output.get("text", "") for output in cell.get("outputs", [])) for cell in notebook.cells]
    assert any(text.startswith("10 trials, best accuracy 0.9") for text in printed)
    assert any("12 trials" in text for text in printed)
    assert (tmp_path / "notebook_report.html").exists()


def test_the_notebook_is_kept_without_its_outputs() -> None:
    """So that a change of it can be read."""
    nbformat: Any = pytest.importorskip("nbformat")
    cells = nbformat.read(ROOT / "examples" / "notebook" / "tune.ipynb", as_version=4).cells
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "examples")))
def test_examples_use_public_names_only(path: Path) -> None:
    """What a user copies from an example is promised to stay."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "qgtune":
            assert {alias.name for alias in node.names} <= PUBLIC.get(node.module or "", set()), ast.unparse(node)
        if isinstance(node, ast.Import):
            ours = {alias.name for alias in node.names if alias.name.split(".")[0] == "qgtune"}
            assert ours <= {"qgtune", "qgtune.tune", "qgtune.ddp"}
