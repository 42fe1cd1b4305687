"""A notebook, run by a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.checkout]

CELLS = (
    "from qgtune import tune\nscale = 2.0",
    """
def objective(trial, tuning_config):
    x = trial.suggest_float("x", 0, 1)
    return scale * x
""",
    """
study = tune.optimize(objective, {"storage": "study.log", "n_trials": 6, "n_processes": 2, "seed": 1})
print("trials:", len(study.trials), "best:", study.best_value == 2.0 * study.best_params["x"])
""",
)


def test_an_objective_of_a_cell_runs_in_processes(tmp_path: Path) -> None:
    """It travels by value, with the globals that it uses, and the progress is seen below the cell."""
    make: Any = pytest.importorskip("nbformat").v4
    notebook = make.new_notebook(cells=[make.new_code_cell(cell) for cell in CELLS])
    client = pytest.importorskip("nbclient").NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    text = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    assert "trials: 6 best: True" in text
    assert "of 6 trials" in text
