"""`dry_run`: what a sweep would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.sweep.test_first_points import CONFIG_WITH_GROUP

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App

pytestmark = pytest.mark.slow

DRY = "hydra.sweeper.dry_run=true"


def row(text: str, path: str) -> list[str]:
    """Return the cells of the first table row that starts with a path."""
    line = next(line for line in text.splitlines() if line.strip().startswith(path))
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_a_dry_run_shows_everything_and_makes_nothing(app: App) -> None:
    """Path, distribution, base value and source of hyperparameters, the dependencies and what is fixed are shown."""
    run = app.sweep(DRY, "training.batch_size=64", "hydra.sweeper.n_jobs=2")
    assert run.code == 0, run.err
    source = "hydra.sweeper.search_space"
    assert row(run.out, "training.lr") == ["training.lr", "float 0.0001 to 0.1, log", "0.1", source]
    assert row(run.out, "model.layers.0.out_dim") == ["model.layers.0.out_dim", "one of 16, 32, 64", "16", source]
    assert row(run.out, "model.layers.1.in_dim")[1:] == ["model.layers[0].out_dim", "hydra.sweeper.dependencies"]
    assert row(run.out, "training.batch_size=64") == ["training.batch_size=64", "the command line"]
    assert row(run.out, "model.name=tuned") == ["model.name=tuned", "the search space"]
    assert "not countable: a range is continuous" in run.out
    assert "4 in total, 2 workers, study 'train'" in run.out
    assert "Trial 0:   the base settings, if the study is new" in run.out
    assert not app.path().exists()
    assert not (app.folder / "multirun").exists()


def test_the_shown_config_is_the_first_that_is_sampled(app: App) -> None:
    """The YAML at the end is what a real run with the same seed samples first."""
    run = app.sweep(DRY)
    shown = yaml.safe_load(run.out.split("The first sampled config:")[1])
    assert shown["model"]["layers"][1]["in_dim"] == shown["model"]["layers"][0]["out_dim"]
    assert app.sweep("hydra.sweeper.enqueue_base=false", "hydra.sweeper.n_trials=1").code == 0
    assert app.yaml("0", ".hydra", "config.yaml")["training"] == shown["training"]


def test_a_finite_space_is_counted(app: App) -> None:
    """The number of points is that of a grid."""
    run = app.sweep(DRY, "training.lr=0.1,0.2", "hydra/sweeper/sampler=grid", "hydra.sweeper.n_trials=50")
    assert "Points:    6\n" in run.out
    assert "6 in total" in run.out


def test_warnings_are_shown_and_logged(app: App) -> None:
    """What looks wrong in the space is told in a dry run, and again when the sweep starts."""
    given = ["training.lr=interval(1e-5,0.05)", "hydra.sweeper.n_trials=1"]
    for arguments in ([DRY, *given], given):
        run = app.sweep(*arguments)
        assert run.code == 0, run.err
        assert "its base value 0.1 lies outside of it (float 1e-05 to 0.05)" in run.out
        assert "it is linear, though 0.05 is more than 1000 times 1e-05" in run.out


def test_a_swept_group_is_shown(make_app: Callable[..., App]) -> None:
    """A config group stands among the hyperparameters with the option of the base settings."""
    options = {f"conf__opt__{name}": f"# @package training\nlr: {lr}\n" for name, lr in (("a", 0.02), ("b", 0.03))}
    run = make_app(config=CONFIG_WITH_GROUP, **options).sweep(
        DRY, "opt=a,b", "hydra.sweeper.direction=[minimize,maximize]"
    )
    assert run.code == 0, run.err
    assert row(run.out, "opt") == ["opt", "one of a, b", "b", "the command line (config group)"]
    assert "Points:    4\n" in run.out
    assert "Objective: minimize, maximize" in run.out


def test_mistakes_are_told_as_in_a_run(app: App) -> None:
    """A dry run checks what a run checks."""
    run = app.sweep(DRY, "hydra.sweeper.search_space.training.lr.value=[2,1]")
    assert run.code == 1
    assert "its low end 2 is above its high end 1" in run.err
