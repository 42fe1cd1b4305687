"""`hydra.sweeper.points`: a sweep over given points, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from qgtune.results.best import params_of
from qgtune.space.points import widened
from qgtune.space.reading.build import build_space
from qgtune.space.reading.yaml_files import write_yaml
from tests.sweep.sweeps import states

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App

POINTS = [
    {"model.layers.0.out_dim": 16, "training.lr": 0.5},
    {"model": {"layers": [{"out_dim": 48}]}, "training": {"lr": 0.01}},
    {"model.layers.0.out_dim": 32, "training.lr": 0.01, "training.batch_size": 100_001},
    {"model.layers.0.out_dim": 32, "training.lr": 0.01, "training.batch_size": 100_002},
]
SIZE = "training.batch_size=range(0,2147483648)"


def given(app: App, points: Any) -> str:
    """Write points; return the override that names them."""
    write_yaml(app.folder / "points.yaml", points)
    return "hydra.sweeper.points=points.yaml"


@pytest.mark.slow
@pytest.mark.matrix
def test_exactly_the_points_run(app: App) -> None:
    """Also values outside of the space and seeds that differ by little; what a point lacks is the base settings'."""
    done = app.sweep(given(app, POINTS), SIZE, "hydra.sweeper.stop_after_no_improvement=1", "hydra.sweeper.n_trials=1")
    assert done.code == 0, done.err
    assert [list(params_of(trial).values()) for trial in app.trials()] == [
        [16, 0.5, 32],
        [48, 0.01, 32],
        [32, 0.01, 100_001],
        [32, 0.01, 100_002],
    ]
    assert app.yaml(".qgtune", "trials", "1.yaml")["config"]["model"]["layers"][1]["in_dim"] == 48
    assert "outside" not in done.err


@pytest.mark.slow
def test_more_points_go_on_where_the_others_ended(app: App) -> None:
    """The same file again runs nothing, and a longer one what is new in it."""
    for points in (POINTS[:2], POINTS[:2], POINTS):
        assert app.sweep(given(app, points), SIZE).code == 0
        assert len(app.trials()) == len(points)


@pytest.mark.slow
def test_nothing_is_pruned(make_app: Callable[..., App]) -> None:
    """Whatever the search's pruner would do."""
    app = make_app("for step in range(3): qgtune.report(cfg.training.lr, step)")
    threshold = ["hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.upper=0.0"]
    assert app.sweep(given(app, POINTS[:2]), SIZE, *threshold).code == 0
    assert states(app) == ["COMPLETE"] * 2


@pytest.mark.slow
def test_failures_stop_nothing(make_app: Callable[..., App]) -> None:
    """Of given points the first ones may be those that cannot run."""
    app = make_app("assert cfg.training.batch_size == 100_002")
    assert app.sweep(given(app, POINTS), SIZE).code == 0
    assert states(app) == ["FAIL", "FAIL", "FAIL", "COMPLETE"]


@pytest.mark.slow
def test_a_point_that_violates_a_constraint_is_left_out(app: App) -> None:
    """It is named, and the others run."""
    done = app.sweep(given(app, POINTS), SIZE, "hydra.sweeper.where='${qgtune.le:${training.lr},0.1}'")
    assert done.code == 0, done.err
    assert len(app.trials()) == 3
    assert "is left out: it violates where=" in done.err + done.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("points", "message"),
    [
        pytest.param([], "it is no list of points", id="an empty file"),
        pytest.param({"a": 1}, "it is no list of points", id="no list"),
        pytest.param([3], "Cannot run the point 3: it is no mapping", id="no mapping"),
        pytest.param([{"training.rl": 1}], "point with training.rl=1: it is not tuned. Did you", id="a typo"),
        pytest.param([{"training.lr": "x"}], "none of its points can run", id="a value of another kind"),
    ],
)
def test_wrong_points_are_named_before_anything_runs(app: App, points: Any, message: str) -> None:
    """In one line."""
    done = app.sweep(given(app, points))
    assert done.code == 1
    assert message in done.err
    assert not app.path("study.log").exists()


@pytest.mark.parametrize(
    ("node", "values", "expected"),
    [
        pytest.param([16, 32], [16, 8, 8], (16, 32, 8), id="choices"),
        pytest.param({"type": "tuple", "value": [1e-3, 1e-1, True]}, [0.5], (1e-3, 0.5, True), id="logarithmic"),
        pytest.param({"type": "tuple", "value": [1e-3, 1e-1, True]}, [0.0], (0.0, 1e-1, False), id="zero has no log"),
        pytest.param({"type": "tuple", "value": [2, 8]}, [9], (2, 9, False), id="whole numbers"),
        pytest.param({"type": "tuple", "value": [2, 8]}, [0.5], (0.5, 8, False), id="no whole number"),
        pytest.param({"type": "tuple", "value": [2, 8]}, ["auto"], (2, 8, False), id="no number"),
        pytest.param({"type": "tuple", "value": [2, 8]}, [4], (2, 8, False), id="nothing new"),
    ],
)
def test_a_hyperparameter_is_widened(node: Any, values: list[Any], expected: tuple[Any, ...]) -> None:
    """As far as its kind can hold the values."""
    space = build_space({"x": node}, {"x": 4}, None)
    found = widened(space.hyperparameters["x"], values)
    distribution: Any = found.distribution
    if found.choices:
        assert (found.choices, distribution.choices) == (expected, expected)
    else:
        assert (distribution.low, distribution.high, distribution.log) == expected


@pytest.mark.slow
def test_the_base_settings_are_kept_beside_the_command(app: App) -> None:
    """With the values that the space does not hold."""
    assert app.sweep("training.lr=0.7,0.8", "hydra.sweeper.n_trials=1").code == 0
    assert app.yaml(".qgtune", "base.yaml") == {"model.layers.0.out_dim": 16, "training.lr": 0.1}
