"""Sweeps over values that exist only sometimes, and over constraints between values."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.sweep.test_durable_trials import command

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow

CONFIG = """
defaults: [_self_, {override hydra/sweeper: qgtune}]
data: {n: 7}
optimizer: {name: sgd, lr: 0.1, momentum: 0.5}
nn: [{type: gcn, in: 7, out: 8}, {type: gcn, in: 8, out: 16}]
head: {in: 16}
hydra:
  sweeper:
    n_trials: 12
    seed: 3
    report: false
    search_space:
      optimizer:
        name:
          type: categorical
          value:
            sgd: {momentum: {type: tuple, value: [0.0, 1.0, 0.5]}, +nesterov: [true, false]}
            adam: {+eps: [1e-8, 1e-6]}
      nn:
        type: list
        length: [1, 3]
        each:
          out: [8, 16]
          type: {type: categorical, value: {gcn: {}, gat: {+heads: [1, 2]}}}
    dependencies:
      nn: {type: list, first: {in: data.n}, each: {in: "nn[i-1].out"}}
      head: {in: "nn[-1].out"}
"""
BODY = """
from omegaconf import OmegaConf
if HydraConfig.get().mode.name == "MULTIRUN":
    Path(f"{HydraConfig.get().job.num}.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
else:
    Path("again.yaml").write_text(OmegaConf.to_yaml(cfg, resolve=True))
nn, o = cfg.nn, cfg.optimizer
assert nn[0]["in"] == 7 and cfg.head["in"] == nn[-1].out
assert all(after["in"] == before.out for before, after in zip(nn, nn[1:]))
assert all(("heads" in layer) == (layer.type == "gat") for layer in nn)
assert ("momentum" in o) == ("nesterov" in o) == (o.name == "sgd") and ("eps" in o) == (o.name == "adam")
return o.lr * len(nn)
"""


def conditional(make_app: MakeApp) -> App:
    """Make the app."""
    app = make_app(BODY, CONFIG)
    script = (app.folder / "train.py").read_text()
    lines = [line for line in script.splitlines() if "cfg.model.layers" not in line and "cfg.training.lr" not in line]
    (app.folder / "train.py").write_text("\n".join(lines))
    return app


def test_each_config_has_what_is_live(make_app: MakeApp) -> None:
    """Over two workers: overrides replay the trial, the best config runs, and the same command goes on."""
    app = conditional(make_app)
    run = app.sweep("hydra.sweeper.n_jobs=2")
    assert run.code == 0, run.err
    assert "Trial 0 runs the base settings, with optimizer.nesterov sampled beside them." in run.out + run.err
    trials = app.trials()
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    for trial in trials[:4]:
        texts = yaml.safe_load(app.path(str(trial.number), ".hydra", "overrides.yaml").read_text())
        again = app.run(*texts)
        assert again.code == 0, again.err
        there = (app.folder / f"{trial.number}.yaml").read_text()
        assert yaml.safe_load((app.folder / "again.yaml").read_text()) == yaml.safe_load(there)
    again = app.run("--config-path", "sweep", "--config-name", "best_config")
    assert again.code == 0, again.err
    rerun = command(app, "rerun", "sweep", "--trial", "3")
    assert rerun.returncode == 0, rerun.stderr
    more = app.sweep("hydra.sweeper.n_trials=14")
    assert more.code == 0, more.err
    assert "is new in study" not in more.err + more.out
    assert len(app.trials()) == 14


def test_brute_force_visits_what_the_dry_run_counts(make_app: MakeApp) -> None:
    """And grids are refused with the way out."""
    app = conditional(make_app)
    fixed = (
        "optimizer.lr=0.5",
        "hydra.sweeper.search_space.nn.length=[1,2]",
        "~hydra.sweeper.search_space.nn.each.out",
    )
    shown = app.sweep("hydra.sweeper.dry_run=true", *fixed)
    points = re.search(r"Points: +(\d+)", shown.out)
    assert points, shown.err
    assert int(points[1]) == (3 * 2 + 2) * (3 + 9)
    run = app.sweep("hydra/sweeper/sampler=bruteforce", "hydra.sweeper.n_trials=1000", *fixed, timeout_s=240)
    assert run.code == 0, run.err
    found = Counter(str(sorted(trial.params.items())) for trial in app.trials())
    assert set(found.values()) == {1}
    assert len(found) == int(points[1])
    grid = app.sweep("hydra/sweeper/sampler=grid", "hydra.sweep.dir=grid", *fixed)
    assert grid.code == 1
    assert "Take hydra/sweeper/sampler=bruteforce" in grid.err


def test_the_parent_on_the_command_line_drops_the_other_branches(make_app: MakeApp) -> None:
    """What was the other option's is absent, and not asked for."""
    app = conditional(make_app)
    run = app.sweep("optimizer.name=adam", "hydra.sweeper.n_trials=4")
    assert run.code == 0, run.err
    assert not [
        trial for trial in app.trials() if "optimizer.momentum" in trial.params or "optimizer.name" in trial.params
    ]
    assert all("optimizer.eps" in trial.params for trial in app.trials())


def test_a_sampler_that_cannot_sample_jointly_says_so_once(make_app: MakeApp) -> None:
    """Optuna would warn of each value of each trial."""
    run = conditional(make_app).sweep("hydra/sweeper/sampler=cmaes", "hydra.sweeper.n_trials=6")
    assert run.code == 0, run.err
    assert (run.out + run.err).count("samples what is asked for only under conditions by itself") == 1
    assert "is sampled independently" not in run.out + run.err


WHERE = 'hydra.sweeper.where=["${qgtune.le:${qgtune.mul:${nn.0.out},${nn.1.out}},64}"]'


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "cmaes", "nsgaii", "qmc", "bruteforce"])
def test_constraints_hold_in_every_trial(make_app: MakeApp, sampler: str) -> None:
    """A draw that violates one costs no job and no number, whatever the sampler."""
    app = conditional(make_app)
    run = app.sweep(WHERE, f"hydra/sweeper/sampler={sampler}", "hydra.sweeper.n_trials=14")
    assert run.code == 0, run.err
    trials = app.trials()
    assert [trial.number for trial in trials] == list(range(14))
    products = [trial.params["nn.0.out"] * trial.params.get("nn.1.out", 0) for trial in trials]
    assert max(products) <= 64
    assert {trial.params["nn.length"] for trial in trials} > {1}
    said = "The base settings are not run first: they violate where=" in run.out + run.err
    assert "A new study created" not in run.out + run.err
    assert said == (sampler != "bruteforce")  # which runs every point in its own order


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("${qgtune.lt:${optimizer.lr},0}", "random draws satisfies hydra.sweeper.where", id="never"),
        pytest.param("${qgtune.lt:${optimizer.lrr},0}", "the config has no 'optimizer.lrr'", id="no such path"),
        pytest.param("${qgtune.mul:${optimizer.lr},2}", "neither true nor false", id="no condition"),
        pytest.param("${qgtune.lt:${optimizer.lr},a}", "do not compare", id="a text"),
        pytest.param("${qgtune.lt:${optimizer.lr},${qgtune.nope:1}}", "Unsupported interpolation type", id="resolver"),
        pytest.param("optimizer.lr < 1", "give a list of expressions", id="no expression"),
    ],
)
def test_wrong_constraints_are_named_before_the_first_trial(make_app: MakeApp, text: str, words: str) -> None:
    """One line, and no folder."""
    app = conditional(make_app)
    run = app.sweep(f'hydra.sweeper.where=["{text}"]')
    assert run.code == 1
    assert words in run.err
    assert "Traceback" not in run.err
    assert not app.path("0").exists()


def test_an_enqueued_point_that_violates_one_is_an_error(make_app: MakeApp) -> None:
    """And what a dry run says of the share."""
    app = conditional(make_app)
    point = "{optimizer.name: adam, nn.length: 2, nn.0: {out: 16, type: gcn}, nn.1: {out: 16, type: gcn}}"
    run = app.sweep(WHERE, f"hydra.sweeper.enqueue=[{point}]")
    assert run.code == 1
    assert "it violates where=" in run.err
    shown = app.sweep(WHERE, "hydra.sweeper.dry_run=true")
    assert re.search(r"Where: +\d+% of [\d,]+ random draws satisfy it", shown.out)


TYPED = """
from dataclasses import dataclass, field
from typing import Any, List
import hydra
from hydra.core.config_store import ConfigStore

@dataclass
class Optimizer:
    name: str = "sgd"
    momentum: float = 0.9
@dataclass
class Layer:
    inn: int = 7
    out: int = 8
@dataclass
class Config:
    defaults: List[Any] = field(default_factory=lambda: ["_self_", {"override hydra/sweeper": "qgtune"}])
    optimizer: Optimizer = field(default_factory=Optimizer)
    nn: List[Layer] = field(default_factory=lambda: [Layer(), Layer(8, 16)])
ConfigStore.instance().store(name="config", node=Config)

@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg):
    assert ("momentum" in cfg.optimizer) == (cfg.optimizer.name == "sgd")
    assert all(after.inn == before.out for before, after in zip(cfg.nn, cfg.nn[1:]))
    return float(len(cfg.nn))
if __name__ == "__main__":
    main()
"""
TYPED_SPACE = """
optimizer:
  name: {type: categorical, value: {sgd: {momentum: {type: tuple, value: [0.0, 0.9]}}, adam: {+eps: [1e-8, 1e-6]}}}
nn: {type: list, length: [1, 3], each: {out: [8, 16]}}
"""


def test_structured_configs_have_branches_too(make_app: MakeApp) -> None:
    """A field of a dataclass is absent like any other key; what Hydra cannot spell says so."""
    app = make_app()
    (app.folder / "train.py").write_text(TYPED)
    (app.folder / "space.yaml").write_text(TYPED_SPACE)
    (app.folder / "deps.yaml").write_text('nn: {type: list, first: {}, each: {inn: "nn[i-1].out"}}')
    files = ("hydra.sweeper.search_space=space.yaml", "hydra.sweeper.dependencies=deps.yaml", "hydra.sweeper.seed=1")
    run = app.sweep(*files, "hydra.sweeper.n_trials=8", "hydra.sweeper.n_jobs=2", "hydra.sweeper.report=false")
    assert run.code == 0, run.err
    assert {trial.state.name for trial in app.trials()} == {"COMPLETE"}
    for trial in app.trials():
        text = app.path(str(trial.number), ".hydra", "overrides.yaml").read_text()
        is_adam = trial.params["optimizer.name"] == "adam"
        assert text.startswith("# These do not make the trial's config again: Hydra deletes no field") == is_adam
        if not is_adam:
            assert app.run(*yaml.safe_load(text)).code == 0
    assert app.run("--config-path", "sweep", "--config-name", "best_config").code == 0


def test_constraints_hold_for_what_a_function_suggests(make_app: MakeApp) -> None:
    """A draw is that of the space and of `custom_search_space` together."""
    app = conditional(make_app)
    (app.folder / "more.py").write_text("def more(config, trial):\n    trial.suggest_int('+extra', 0, 9)\n")
    run = app.sweep(
        "hydra.sweeper.custom_search_space=more.more",
        'hydra.sweeper.where=["${qgtune.gt:${extra},${nn.0.out}}"]',
        "hydra.sweeper.n_trials=5",
    )
    assert run.code == 0, run.err
    assert {trial.params["nn.0.out"] for trial in app.trials()} == {8}
    assert {trial.params["+extra"] for trial in app.trials()} == {9}
