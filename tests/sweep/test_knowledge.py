"""Sweeps that start with priors, and from what earlier sweeps found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App, Run

    MakeApp = Callable[..., App]

pytestmark = [pytest.mark.slow, pytest.mark.matrix]


def second(app: App, *arguments: str) -> Run:
    """Run a second sweep of the app, into a folder of its own."""
    return app.run("--multirun", "hydra.sweep.dir=second", *arguments)


def test_a_sweep_starts_from_an_earlier_one(app: App) -> None:
    """Earlier trials inform the sampler where the spaces overlap; every difference is named, and none counts."""
    first = app.sweep("training.batch_size=choice(32,64)", "hydra.sweeper.n_trials=12")
    assert first.code == 0, first.err
    space = "hydra.sweeper.search_space.training={lr:{type:tuple,value:[1e-3,1e-1,true]}}"
    run = second(app, "hydra.sweeper.warm_start=sweep", space, "model.name=other", "+extra=1", "training.batch_size=64")
    assert run.code == 0, run.err
    inside = [trial for trial in app.trials() if trial.params["training.lr"] >= 1e-3]
    assert f"Warm start from sweep: {len(inside)} of 12 finished trials inform the sampler." in run.out
    assert f"{12 - len(inside)} lie outside of training.lr here." in run.out
    assert "Tuned there, and not here: training.batch_size." in run.out
    assert "4 trials (4 complete" in run.out


def test_what_was_not_tuned_is_taken_from_the_configs(app: App) -> None:
    """A hyperparameter that the earlier sweep held fixed has that value in its trials."""
    assert app.sweep("hydra.sweeper.tune=[training]", "training.lr=interval(0.01,0.1)").code == 0
    run = second(app, "hydra.sweeper.warm_start=[sweep]", "training.batch_size=choice(32,64)")
    assert run.code == 0, run.err
    assert "4 of 4 finished trials inform the sampler" in run.out
    assert (
        "Not tuned there, and taken from each trial's config: model.layers.0.out_dim, training.batch_size." in run.out
    )


def test_a_prior_shows_in_the_first_trials(make_app: MakeApp) -> None:
    """A range's own prior, and a named one, which wins: most of the first trials lie near."""
    config = CONFIG.replace("value: [1e-4, 1e-1, true]", "value: [1e-4, 1e-1, true], prior: 3e-4").replace(
        "n_trials: 4", "n_trials: 9"
    )
    app = make_app("pass", config)
    assert app.sweep("hydra.sweeper.sampler._target_=optuna.samplers.RandomSampler").code == 0
    assert sum(trial.params["training.lr"] < 3e-3 for trial in app.trials()[1:]) >= 6
    named = app.run("--multirun", "hydra.sweep.dir=sweep2", "hydra.sweeper.prior={training.lr:0.09}")
    assert named.code == 0, named.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["hydra.sweeper.prior=bas"], "give `base`, or a mapping of paths to values", id="another word"),
        pytest.param(["hydra.sweeper.prior={training.lx:1}"], "Did you mean 'training.lr'", id="a wrong path"),
        pytest.param(
            ["hydra.sweeper.prior={training.lr:7}"],
            "Cannot use the prior training.lr=7 (hydra.sweeper.prior): it is not float",
            id="outside",
        ),
        pytest.param(
            ["+hydra.sweeper.search_space.training.lr.prior=7"],
            "its prior 7 is not float 0.0001 to 0.1",
            id="in the space",
        ),
        pytest.param(["hydra.sweeper.warm_start=nowhere"], "Cannot warm start: Cannot open 'nowhere'", id="no sweep"),
        pytest.param(
            ["hydra.sweeper.prior=base", "hydra/sweeper/sampler=bruteforce", "training.lr=0.1"],
            "Cannot tell BruteForceSampler what is known: it tries every point",
            id="every point",
        ),
    ],
)
def test_wrong_knowledge_is_refused(app: App, arguments: list[str], message: str) -> None:
    """One line, before anything runs or is made."""
    run = app.sweep(*arguments)
    assert run.code == 1
    assert message in run.err
    assert "Traceback" not in run.err
    assert not app.path().exists()


def test_a_sweep_that_aims_elsewhere_is_refused(app: App) -> None:
    """What was minimized tells nothing of what to maximize."""
    assert app.sweep("hydra.sweeper.n_trials=1").code == 0
    run = second(app, "hydra.sweeper.warm_start=sweep", "hydra.sweeper.direction=maximize")
    assert run.code == 1
    assert "Cannot warm start from 'sweep': its direction is minimize, not maximize" in run.err
