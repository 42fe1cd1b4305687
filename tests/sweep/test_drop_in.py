"""Apps written for the official sweeper, with one word changed: its examples, and the form of project templates."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import yaml

from tests.conftest import App, Run, stock_study

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SPHERE = """
import hydra


@hydra.main(version_base=None, config_path="conf", config_name="config")
def sphere(cfg):
    if cfg.get("error", False):
        raise RuntimeError("cfg.error is True")
    return cfg.x**2 + cfg.y**2


if __name__ == "__main__":
    sphere()
"""
SPHERE_CONFIG = """
defaults:
  - override hydra/sweeper: qgtune
  - override hydra/sweeper/sampler: {sampler}
hydra:
  sweeper:
    direction: minimize
    study_name: sphere
    storage: null
    n_trials: 20
    n_jobs: 1
    params:
      x: range(-5.5, 5.5, step=0.5)
      y: choice(-5 ,0 ,5)
x: 1
y: 1
z: 1
"""
MULTI = """
import hydra


@hydra.main(version_base=None, config_path="conf", config_name="config")
def binh_and_korn(cfg):
    return 4 * cfg.x**2 + 4 * cfg.y**2, (cfg.x - 5) ** 2 + (cfg.y - 5) ** 2


if __name__ == "__main__":
    binh_and_korn()
"""
MULTI_CONFIG = """
defaults:
  - override hydra/sweeper: qgtune
  - override hydra/sweeper/sampler: nsgaii
hydra:
  sweeper:
    sampler: {seed: 123}
    direction: [minimize, minimize]
    study_name: multi-objective
    storage: null
    n_trials: 12
    n_jobs: 1
    params:
      x: range(0, 5, step=0.5)
      y: range(0, 3, step=0.5)
x: 1
y: 1
"""
CUSTOM = """
import hydra
from omegaconf import OmegaConf

OmegaConf.register_new_resolver("twice", lambda value: 2 * value)  # fails if this script is run twice in a process


@hydra.main(version_base=None, config_path="conf", config_name="config")
def sphere4(cfg):
    return cfg.w**2 + cfg.x**2 + cfg.y**2 + cfg.z**2


def configure(cfg, trial):
    x = trial.params["x"]
    width = cfg.max_z_difference_from_x
    assert float(trial.user_attrs.get("max_z_difference_from_x", width)) == width
    trial.suggest_float("z", x - width, x + width)
    trial.suggest_float("+w", 0.0, 1.0)


def wrong(cfg, trial):
    trial.suggest_float("zz", 0, 1)


def broken(cfg, trial):
    raise KeyError("no such thing")


if __name__ == "__main__":
    sphere4()
"""
CUSTOM_CONFIG = """
defaults:
  - override hydra/sweeper: qgtune
hydra:
  sweeper:
    sampler: {seed: 123}
    direction: minimize
    study_name: custom-search-space
    storage: null
    n_trials: 6
    n_jobs: 1
    params:
      x: range(-5.5, 5.5, 0.5)
      y: choice(-5, 0, 5)
    custom_search_space: .custom-search-space-objective.configure
x: 1
y: 1
z: 100
max_z_difference_from_x: 0.5
"""


ALONE = """
import hydra

def configure(config, trial):
    trial.suggest_float("x", 0.0, 1.0)

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(config):
    return config.x

if __name__ == "__main__":
    main()
"""


def make(folder: Path, script: str, text: str, config: str) -> None:
    """Write an app."""
    (folder / "conf").mkdir(exist_ok=True)
    (folder / script).write_text(text)
    (folder / "conf" / "config.yaml").write_text(config)


def sweep(folder: Path, script: str, *arguments: str) -> Run:
    """Run a sweep into the folder `sweep`."""
    command = [sys.executable, script, "--multirun", "hydra.sweep.dir=sweep", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return Run(done.returncode, done.stdout, done.stderr)


def results(folder: Path) -> Any:
    """Read `optimization_results.yaml`."""
    return yaml.safe_load((folder / "sweep" / "optimization_results.yaml").read_text())


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_the_sphere_example(tmp_path: Path, sampler: str) -> None:
    """The single-objective example runs; its results have the form that its users read."""
    make(tmp_path, "sphere.py", SPHERE, SPHERE_CONFIG.format(sampler=sampler))
    run = sweep(tmp_path, "sphere.py")
    assert run.code == 0, run.err
    found = results(tmp_path)
    assert found["name"] == "optuna"
    x, y = found["best_params"]["x"], found["best_params"]["y"]
    assert found["best_value"] == x**2 + y**2
    assert not (tmp_path / "sweep" / "study.log").exists(), "storage: null keeps the study in memory"
    assert "Finished: 20 trials" in run.out


def test_workers_share_a_journal_where_memory_cannot_be_shared(tmp_path: Path) -> None:
    """`storage: null` with several workers runs, and says where the study is."""
    make(tmp_path, "sphere.py", SPHERE, SPHERE_CONFIG.format(sampler="random"))
    run = sweep(tmp_path, "sphere.py", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=4")
    assert run.code == 0, run.err
    assert "the study is kept in sweep/study.log" in run.out
    assert len(stock_study(tmp_path / "sweep" / "study.log").trials) == 4


def test_a_failing_example_stops_at_the_failure_rate(tmp_path: Path) -> None:
    """`max_failure_rate: 0` ends the sweep with exit code 1, as the official sweeper does."""
    make(tmp_path, "sphere.py", SPHERE, SPHERE_CONFIG.format(sampler="random"))
    run = sweep(tmp_path, "sphere.py", "+error=true", "hydra.sweeper.max_failure_rate=0.0")
    assert run.code == 1
    assert "cfg.error is True" in run.err


def test_the_multi_objective_example(tmp_path: Path) -> None:
    """The example of two objectives runs, and the Pareto front has its form."""
    make(tmp_path, "multi-objective.py", MULTI, MULTI_CONFIG)
    run = sweep(tmp_path, "multi-objective.py")
    assert run.code == 0, run.err
    for solution in results(tmp_path)["solutions"]:
        x, y = solution["params"]["x"], solution["params"]["y"]
        assert solution["values"] == [4 * x**2 + 4 * y**2, (x - 5) ** 2 + (y - 5) ** 2]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_custom_search_space_example(tmp_path: Path, n_jobs: int) -> None:
    """What the function suggests follows the other values of its trial, and is set in each trial's config."""
    make(tmp_path, "custom-search-space-objective.py", CUSTOM, CUSTOM_CONFIG)
    script = "custom-search-space-objective.py"
    run = sweep(
        tmp_path, script, f"hydra.sweeper.n_jobs={n_jobs}", "hydra.sweeper.storage=s.log", "max_z_difference_from_x=0.1"
    )
    assert run.code == 0, run.err
    study = stock_study(tmp_path / "s.log")
    for trial in study.trials:
        params = trial.params
        assert abs(params["z"] - params["x"]) <= 0.1
        assert trial.value == pytest.approx(sum(value**2 for value in params.values()))
        config = yaml.safe_load((tmp_path / "sweep" / str(trial.number) / ".hydra" / "config.yaml").read_text())
        assert (config["z"], config["w"]) == (params["z"], params["+w"])
        overrides = (tmp_path / "sweep" / str(trial.number) / ".hydra" / "overrides.yaml").read_text()
        assert f"+w={params['+w']}" in overrides
    best = yaml.safe_load((tmp_path / "sweep" / "best_config.yaml").read_text())
    assert (best["z"], best["w"]) == (study.best_params["z"], study.best_params["+w"])


def test_a_space_of_a_function_alone(tmp_path: Path) -> None:
    """Where only the function suggests values, they are what is tuned; trial 0 is not called the base settings'."""
    start, end = CUSTOM_CONFIG.index("    params:"), CUSTOM_CONFIG.index("    custom_search_space:")
    config = CUSTOM_CONFIG[:start] + CUSTOM_CONFIG[end:]
    make(tmp_path, "custom-search-space-objective.py", ALONE, config)
    run = sweep(tmp_path, "custom-search-space-objective.py", "hydra.sweeper.storage=s.log", "hydra.sweeper.n_trials=4")
    assert run.code == 0, run.err
    assert [set(trial.params) for trial in stock_study(tmp_path / "s.log").trials] == [{"x"}] * 4
    assert "Trial 0 runs the base settings, with what custom_search_space suggests sampled beside them" in run.out


def test_a_custom_search_space_resumes(tmp_path: Path) -> None:
    """A resumed study does not take the function's values for forgotten hyperparameters."""
    make(tmp_path, "custom-search-space-objective.py", CUSTOM, CUSTOM_CONFIG)
    given = ["custom-search-space-objective.py", "hydra.sweeper.storage=s.log"]
    assert sweep(tmp_path, *given, "hydra.sweeper.n_trials=2").code == 0
    run = sweep(tmp_path, *given, "hydra.sweeper.n_trials=4")
    assert run.code == 0, run.err
    assert "not tuned any more" not in run.out + run.err
    assert len(stock_study(tmp_path / "s.log").trials) == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("custom-search-space-objective.confgure", "has no function 'confgure'. Did you mean", id="name"),
        pytest.param("nowhere.configure", "module 'nowhere' does not import", id="module"),
        pytest.param("configure", "Give it as module.function", id="no module"),
        pytest.param("custom-search-space-objective.wrong", "Cannot set zz: the config has no such path", id="path"),
        pytest.param("custom-search-space-objective.broken", "it raised KeyError: 'no such thing'", id="raises"),
    ],
)
def test_a_wrong_custom_search_space_is_refused(tmp_path: Path, name: str, message: str) -> None:
    """A function that cannot be found or used is one clear line before the first trial."""
    make(tmp_path, "custom-search-space-objective.py", CUSTOM, CUSTOM_CONFIG)
    run = sweep(tmp_path, "custom-search-space-objective.py", f"hydra.sweeper.custom_search_space={name}")
    assert run.code == 1
    assert message in run.err
    assert "Traceback" not in run.err
    assert not (tmp_path / "sweep").exists()


TRAIN = """
import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    return {"val/acc_best": 1 - cfg.model.lr - cfg.model.net.lin1_size / 1e6}[cfg.optimized_metric]


if __name__ == "__main__":
    main()
"""
TRAIN_CONFIG = """
defaults:
  - _self_
  - optional hparams_search: null
datamodule: {batch_size: 64}
model: {lr: 0.01, net: {lin1_size: 128}}
optimized_metric: null
"""
HEAD = """# @package _global_
defaults:
  - override /hydra/sweeper: qgtune
optimized_metric: "val/acc_best"
hydra:
  mode: MULTIRUN
  sweeper:
    _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper
    storage: null
    study_name: null
    n_jobs: 1
    direction: maximize
    n_trials: 8
    sampler:
      _target_: optuna.samplers.TPESampler
      seed: 1234
      n_startup_trials: 4
"""
PARAMS = """    params:
      model.lr: interval(0.0001, 0.1)
      datamodule.batch_size: choice(32, 64, 128, 256)
      model.net.lin1_size: choice(64, 128, 256)
"""
SEARCH_SPACE = """    search_space:
      datamodule.batch_size: {type: categorical, choices: [32, 64, 128]}
      model.lr: {type: float, low: 0.0001, high: 0.2, log: true}
      model.net.lin1_size: {type: int, low: 64, high: 256, step: 64}
"""


@pytest.mark.parametrize("space", [pytest.param(PARAMS, id="params"), pytest.param(SEARCH_SPACE, id="search_space")])
def test_the_form_of_lightning_hydra_template(tmp_path: Path, space: str) -> None:
    """Its `hparams_search` file runs, though it names the official sweeper's class, in both forms that it has had."""
    make(tmp_path, "train.py", TRAIN, TRAIN_CONFIG)
    (tmp_path / "conf" / "hparams_search").mkdir()
    (tmp_path / "conf" / "hparams_search" / "mnist_optuna.yaml").write_text(HEAD + space)
    run = sweep(tmp_path, "train.py", "hparams_search=mnist_optuna", "hydra.sweeper.storage=s.log")
    assert run.code == 0, run.err
    study = stock_study(tmp_path / "s.log")
    assert study.study_name == "train"
    assert len(study.trials) == 8
    assert set(study.best_params) == {"datamodule.batch_size", "model.lr", "model.net.lin1_size"}
    assert study.best_value == results(tmp_path)["best_value"]


def test_the_official_search_space_gives_way_to_the_command_line(tmp_path: Path) -> None:
    """`key=value` fixes a value of that form, `key=interval(…)` replaces its range."""
    make(tmp_path, "train.py", TRAIN, TRAIN_CONFIG)
    (tmp_path / "conf" / "hparams_search").mkdir()
    (tmp_path / "conf" / "hparams_search" / "mnist_optuna.yaml").write_text(HEAD + SEARCH_SPACE)
    given = ["hparams_search=mnist_optuna", "hydra.sweeper.storage=s.log", "datamodule.batch_size=32"]
    run = sweep(tmp_path, "train.py", *given, "model.lr=interval(0.5,0.6)", "hydra.sweeper.enqueue_base=false")
    assert run.code == 0, run.err
    distributions = stock_study(tmp_path / "s.log").trials[0].distributions
    assert set(distributions) == {"model.lr", "model.net.lin1_size"}
    assert distributions["model.lr"] == optuna.distributions.FloatDistribution(0.5, 0.6)


def test_an_app_of_ours_is_not_taken_for_the_official_form(app: App) -> None:
    """Our own format has other keys, so that its mistakes are told in its own words."""
    run = app.sweep("+hydra.sweeper.search_space.training.lr={type:float,low:1,high:2}")
    assert run.code == 1
    assert "A range has the keys type and value" in run.err or "Cannot use training.lr" in run.err
