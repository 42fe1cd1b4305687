"""The base settings and points that the user names run before anything is sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow

BASE = {"training.lr": 0.1, "model.layers.0.out_dim": 16}
ENQUEUE = "hydra.sweeper.enqueue=[{training.lr: 0.01, model.layers.0.out_dim: 64}, {training: {lr: 0.02}}]"


def params(app: App) -> list[dict[str, Any]]:
    """Return the parameters of the study's trials."""
    return [trial.params for trial in app.trials()]


def test_the_base_settings_are_trial_0(app: App) -> None:
    """A new study runs the base values first; a resumed one does not run them again."""
    run = app.sweep("hydra.sweeper.n_trials=2")
    assert run.code == 0, run.err
    assert "Trial 0 runs the base settings." in run.out
    assert params(app)[0] == BASE
    run = app.sweep("hydra.sweeper.n_trials=4")
    assert "base settings" not in run.out
    assert params(app).count(BASE) == 1
    assert len(params(app)) == 4


def test_workers_take_the_base_settings_once(app: App) -> None:
    """Several workers share the points: each is run once, within the total."""
    run = app.sweep(ENQUEUE, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=5")
    assert run.code == 0, run.err
    found = params(app)
    assert len(found) == 5
    assert found[0] == BASE
    assert found[1] == {"training.lr": 0.01, "model.layers.0.out_dim": 64}
    assert found[2]["training.lr"] == 0.02


def test_base_settings_outside_the_space_are_named(app: App) -> None:
    """The sweep starts normally and says which base value keeps the base settings from running."""
    run = app.sweep("training.lr=interval(0.5,0.6)", "hydra.sweeper.n_trials=2")
    assert run.code == 0, run.err
    assert "The base settings are not run first: training.lr=0.1 is not float 0.5 to 0.6." in run.out
    assert all(0.5 <= found["training.lr"] <= 0.6 for found in params(app))


def test_the_base_settings_can_stay_out(app: App) -> None:
    """`enqueue_base=false` samples from the first trial on."""
    assert app.sweep("hydra.sweeper.enqueue_base=false", "hydra.sweeper.n_trials=2").code == 0
    assert BASE not in params(app)


def test_the_base_option_of_a_swept_group_is_trial_0(make_app: MakeApp) -> None:
    """With a swept config group, the option of the defaults list runs first."""
    options = {f"conf__opt__{name}": f"# @package training\nlr: {lr}\n" for name, lr in (("a", 0.02), ("b", 0.03))}
    app = make_app(config=CONFIG_WITH_GROUP, **options)
    run = app.sweep("opt=a,b", "hydra.sweeper.n_trials=2")
    assert run.code == 0, run.err
    assert params(app)[0] == {"opt": "b", "training.batch_size": 32}
    assert app.trials()[0].value == 0.03


CONFIG_WITH_GROUP = """
defaults:
  - opt: b
  - _self_
  - override hydra/sweeper: qgtune
model: {layers: [{out_dim: 1}, {in_dim: 1}]}
training: {batch_size: 32}
hydra:
  sweeper:
    search_space:
      training: {batch_size: [16, 32]}
"""


def test_points_are_not_run_twice(app: App) -> None:
    """A resumed run passes over the points that the study has, and runs new ones."""
    assert app.sweep(ENQUEUE, "hydra.sweeper.n_trials=3").code == 0
    more = ENQUEUE[:-1] + ", {training.lr: 0.03}]"
    assert app.sweep(more, "hydra.sweeper.n_trials=5").code == 0
    rates = [found["training.lr"] for found in params(app)]
    assert [rates.count(rate) for rate in (0.1, 0.01, 0.02, 0.03)] == [1, 1, 1, 1]
    assert len(rates) == 5


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        pytest.param("[{training.lr: 7}]", "Cannot enqueue training.lr=7 (hydra.sweeper.enqueue[0])", id="value"),
        pytest.param("[{training.rl: 0.1}]", "it is not tuned. Did you mean 'training.lr'", id="path"),
        pytest.param("[3]", "it is no mapping of paths to values", id="number"),
        pytest.param("{training.lr: 0.1}", "it is no list", id="no list"),
    ],
)
def test_wrong_points_are_refused(app: App, argument: str, message: str) -> None:
    """A point that the space does not hold is refused before anything runs."""
    run = app.sweep(f"hydra.sweeper.enqueue={argument}")
    assert run.code == 1
    assert message in run.err
    assert not app.path().exists()


def test_a_grid_keeps_all_its_points(app: App) -> None:
    """Named points come on top of a grid, which holds the base settings anyway."""
    grid = ["hydra/sweeper/sampler=grid", "training.lr=0.1,0.2", "hydra.sweeper.n_trials=50"]
    point = "hydra.sweeper.enqueue=[{training.lr: 0.2, model.layers.0.out_dim: 16}]"
    run = app.sweep(*grid, point)
    assert run.code == 0, run.err
    assert len({tuple(sorted(found.items())) for found in params(app)}) == 6
    assert len(params(app)) == 7
    run = app.sweep(*grid, "hydra.sweeper.enqueue=[{training.lr: 0.2}]", "hydra.sweep.dir=other")
    assert "with a grid sampler: give model.layers.0.out_dim, too." in run.err


def test_a_base_trial_whose_worker_dies_is_run_again(make_app: MakeApp) -> None:
    """A point that was named is kept through a retry."""
    app = make_app(
        "if HydraConfig.get().job.num == 0:\n    os.kill(os.getpid(), signal.SIGKILL)",
    )
    run = app.sweep("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=3")
    assert run.code == 0, run.err
    trials = app.trials()
    assert trials[0].state.name == "FAIL"
    assert [trial.params for trial in trials].count(BASE) == 2
