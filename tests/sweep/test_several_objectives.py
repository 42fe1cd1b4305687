"""Several objectives and constraints, through real multiruns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from tests.conftest import stock_study

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow

TUPLE = "return cfg.training.lr, cfg.model.layers[0].out_dim"
TWO = "hydra.sweeper.direction=[minimize,maximize]"
NAMED = "hydra.sweeper.direction={lr: minimize, width: maximize}"


def solutions(app: App) -> list[dict[str, Any]]:
    """Return the Pareto front that the sweep wrote."""
    found: list[dict[str, Any]] = app.yaml("optimization_results.yaml")["solutions"]
    return found


def test_the_pareto_front_is_written(make_app: MakeApp) -> None:
    """Each trial of the front stands in the results with a config of its own that gives its values again."""
    app = make_app(TUPLE)
    run = app.sweep(TWO, "hydra.sweeper.n_trials=8", "hydra.sweeper.n_jobs=2")
    assert run.code == 0, run.err
    study = stock_study(app.path("study.log"))
    assert [trial["trial"] for trial in solutions(app)] == sorted(trial.number for trial in study.best_trials)
    for solution in solutions(app):
        config = app.yaml(f"best_config_{solution['trial']}.yaml")
        assert [config["training"]["lr"], config["model"]["layers"][0]["out_dim"]] == solution["values"]
    assert f"Pareto front: {len(solutions(app))} of 8 complete trials" in run.out
    assert not app.path("best_config.yaml").exists()
    assert not app.path("best_trial.yaml").exists()


def test_configs_that_left_the_front_are_removed(make_app: MakeApp) -> None:
    """When a resumed run beats a trial of the front, that trial's config goes; other files stay."""
    app = make_app("return cfg.training.lr, 5 - HydraConfig.get().job.num")
    assert app.sweep("hydra.sweeper.direction=[maximize,maximize]", "hydra.sweeper.n_trials=1").code == 0
    app.path("best_config_99.yaml").write_text("mine")
    (app.folder / "train.py").write_text(
        (app.folder / "train.py").read_text().replace("return cfg.training.lr, 5 -", "return 9 + cfg.training.lr, 5 +")
    )
    assert app.sweep("hydra.sweeper.direction=[maximize,maximize]", "hydra.sweeper.n_trials=3").code == 0
    names = {path.name for path in app.path().glob("best_config_*.yaml")}
    assert names == {"best_config_99.yaml"} | {f"best_config_{solution['trial']}.yaml" for solution in solutions(app)}
    assert "best_config_0.yaml" not in names


def test_a_mapping_of_names_counts_by_name(make_app: MakeApp) -> None:
    """Objectives with names take a mapping in any order, and the study shows the names."""
    app = make_app('return {"width": cfg.model.layers[0].out_dim, "lr": cfg.training.lr}')
    run = app.sweep(NAMED)
    assert run.code == 0, run.err
    study = stock_study(app.path("study.log"))
    assert study.metric_names == ["lr", "width"]
    assert [trial.values for trial in study.trials] == [
        [trial.params["training.lr"], trial.params["model.layers.0.out_dim"]] for trial in study.trials
    ]
    assert app.yaml("optimization_results.yaml")["objectives"] == ["lr", "width"]
    assert "width 16" in run.out or "width 32" in run.out or "width 64" in run.out


def test_the_first_mapping_names_the_objectives(make_app: MakeApp) -> None:
    """Without names in `direction`, those of the first mapping hold, whatever order later ones have."""
    app = make_app(
        "lr, width = cfg.training.lr, cfg.model.layers[0].out_dim\n"
        "first = HydraConfig.get().job.num == 0\n"
        'return {"lr": lr, "width": width} if first else {"width": width, "lr": lr}'
    )
    run = app.sweep(TWO)
    assert run.code == 0, run.err
    assert all(trial.values[0] == trial.params["training.lr"] for trial in app.trials())


def test_a_wrong_number_of_values_fails_its_trial(make_app: MakeApp) -> None:
    """The reason says how many values came and how many objectives there are; other trials go on."""
    app = make_app("if HydraConfig.get().job.num == 1:\n    return 1, 2, 3\n" + TUPLE)
    run = app.sweep(TWO)
    assert run.code == 0, run.err
    failed = app.trials()[1]
    assert failed.state == TrialState.FAIL
    assert Attempt.of(failed).reason == "it returned 3 values, but the study has 2 objectives"


@pytest.mark.parametrize(
    "argument",
    ["hydra/sweeper/pruner=median", "hydra/sweeper/pruner=hyperband", "hydra.sweeper.pruner.n_startup_trials=2"],
)
def test_pruning_several_objectives_is_refused(make_app: MakeApp, argument: str) -> None:
    """A pruner that the user chose is refused before the first trial."""
    app = make_app(TUPLE)
    run = app.sweep(TWO, argument)
    assert run.code == 1
    assert "Cannot use hydra.sweeper.pruner: a trial of 2 objectives cannot be pruned" in run.err
    assert not app.path("study.log").exists()


def test_a_report_of_several_objectives_fails_with_the_way_out(make_app: MakeApp) -> None:
    """`qgtune.report` has no one value to compare there: the reason says so."""
    app = make_app("qgtune.report(1.0, 0)\n" + TUPLE)
    run = app.sweep(TWO)
    assert run.code == 1
    assert "Cannot report a value: the study has several objectives" in run.err
    assert "Traceback" not in run.err


def test_other_names_on_a_resumed_study_are_refused(make_app: MakeApp) -> None:
    """A study keeps the names of its objectives."""
    app = make_app(TUPLE)
    assert app.sweep(NAMED, "hydra.sweeper.n_trials=1").code == 0
    run = app.sweep("hydra.sweeper.direction={loss: minimize, width: maximize}")
    assert run.code == 1
    assert "its objectives are lr, width, not loss, width" in run.err


def test_an_infeasible_trial_is_never_the_best(make_app: MakeApp) -> None:
    """The best trial is the best of those that violate no constraint, though others have better values."""
    app = make_app('qgtune.set_constraint("lr", 5e-4 - cfg.training.lr)')
    run = app.sweep("hydra.sweeper.n_trials=10", "hydra/sweeper/sampler=random")
    assert run.code == 0, run.err
    rates = [trial.params["training.lr"] for trial in app.trials()]
    feasible = [rate for rate in rates if rate >= 5e-4]
    assert min(rates) < 5e-4, "the seed should give trials of both kinds"
    assert app.yaml("optimization_results.yaml")["best_value"] == min(feasible)


def test_infeasible_trials_do_not_reach_stop_at(make_app: MakeApp) -> None:
    """A study goes on while only trials that violate a constraint are good enough."""
    app = make_app('qgtune.set_constraint("never", 1.0)')
    run = app.sweep("hydra.sweeper.stop_at=1", "hydra.sweeper.n_trials=3")
    assert run.code == 0, run.err
    assert len(app.trials()) == 3
    assert "Every completed trial violates a constraint, so there is no best one." in run.out + run.err
    assert yaml.safe_load(app.path("optimization_results.yaml").read_text()) == {"name": "optuna"}
