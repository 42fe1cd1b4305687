"""Values that exist only sometimes, without a Hydra app."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import yaml

from qgtune import QGTuneError, tune

if TYPE_CHECKING:
    from pathlib import Path

SPACE = """
model:
  kind:
    type: categorical
    value: {deep: {layers: {type: list, length: [1, 3], each: {out: [8, 16]}}}, flat: {width: [1, 2]}}
training:
  lr: {type: tuple, value: [0.1, 0.9, 0.1]}
"""
BASE = """
model: {kind: deep, width: 1, layers: [{in: 4, out: 8}], last: 8}
training: {lr: 0.1, copy: 0.1}
"""
DEPENDENCIES = """
model: {layers: {type: list, first: {}, each: {in: "model.layers[i-1].out"}}}
training: {copy: training.lr}
"""
WHERE = ("${qgtune.lt:${qgtune.add:${model.layers.0.out},${model.layers.1.out}},32}",)


def files(folder: Path) -> tuple[Path, Path, Path]:
    """Write the three files."""
    paths = folder / "space.yaml", folder / "deps.yaml", folder / "base.yaml"
    for path, text in zip(paths, (SPACE, DEPENDENCIES, BASE), strict=True):
        path.write_text(text)
    return paths


def objective(trial: optuna.Trial, config: dict[str, Any]) -> float:
    """Check what is there, and return the depth."""
    space, dependencies, base = (
        config[f"{name}_path"] for name in ("search_space", "dependency_mapping", "base_settings")
    )
    built = tune.build_search_space_with_dependencies(
        space, dependencies, trial, True, True, base, config["built_search_space_path"], where=WHERE
    )
    model = built["model"]
    assert ("layers" in model) == (model["kind"] == "deep") != ("width" in model)
    assert built["training"]["copy"] == built["training"]["lr"] in [round(0.1 * step, 1) for step in range(1, 10)]
    layers = model.get("layers", [])
    assert all(after["in"] == before["out"] for before, after in itertools.pairwise(layers))
    assert sum(layer["out"] for layer in layers[:2]) < 32
    return float(len(layers))


@pytest.mark.slow
@pytest.mark.parametrize("n_processes", [1, 2])
def test_a_study_of_conditional_values(tmp_path: Path, n_processes: int) -> None:
    """Constraints hold, and the best config is that of the best trial, whatever the first one had."""
    space, dependencies, base = files(tmp_path)
    settings = {
        "study_name": "s",
        "storage": str(tmp_path / "study.log"),
        "n_trials": 16,
        "n_processes": n_processes,
        "seed": 2,
        "tune_model": True,
        "search_space_path": str(space),
        "dependency_mapping_path": str(dependencies),
        "base_settings_path": str(base),
        "built_search_space_path": str(tmp_path / "built.yaml"),
        "best_trial_path": str(tmp_path / "best_trial.yaml"),
        "best_param_path": str(tmp_path / "best.yaml"),
    }
    study = tune.optimize(objective, settings)
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}
    assert {trial.params["model.kind"] for trial in study.trials} == {"deep", "flat"}
    best = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert best["model"] == {"kind": "flat", "width": study.best_params["model.width"], "last": 8}


def test_fixed_trials_and_wrong_constraints(tmp_path: Path) -> None:
    """A fixed trial's values are taken as they are; a constraint that is none is an error."""
    space, dependencies, base = files(tmp_path)
    params = {"model.kind": "deep", "model.layers.length": 2, "model.layers.0.out": 16, "model.layers.1.out": 16}
    trial = optuna.trial.FixedTrial({**params, "training.lr": 0.3})
    built = tune.build_search_space_with_dependencies(space, dependencies, trial, True, True, base, where=WHERE)
    assert [layer["out"] for layer in built["model"]["layers"]] == [16, 16]
    with pytest.raises(QGTuneError, match="give a list of expressions"):
        tune.build_search_space_with_dependencies(space, dependencies, trial, True, True, base, where=["x < 1"])
