"""Names that MLflow takes."""

from __future__ import annotations

import pytest

from qgtune.hooks.loggers.mlflow_runs import keyed

NAMES = ["lr", "a+b", "a*b", "a_b", "/x", "a//b", "../x", "é è", "x" * 300, "x" * 300 + "y", "", "model.layers[-1].n"]


def test_each_name_is_taken_and_none_covers_another() -> None:
    """MLflow's own check lets all of them pass."""
    validation = pytest.importorskip("mlflow.utils.validation")
    keys = [key for key, _ in keyed(dict.fromkeys(NAMES, 1.0))]
    assert len(set(keys)) == len(NAMES)
    for key in keys:
        validation._validate_metric_name(key)
        validation._validate_param_name(key)
    assert keys[0] == "lr"
