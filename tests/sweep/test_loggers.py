"""The loggers' contract: real sweeps with all of them at once, read back with each real library."""

from __future__ import annotations

import math
import os
import subprocess
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import App, Run
from tests.sweep.logged import PARENT, READERS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy"),  # MLflow 3.17 with SQLAlchemy 2.1
]

TRAIN = """
import gc, os, time
from pathlib import Path

import hydra
import qgtune
from hydra.core.hydra_config import HydraConfig
from qgtune.hooks.caller import Caller

SETTLE_S = 5


def more(config, trial):
    trial.suggest_float("+odd key/é", 0.0, 1.0)


@hydra.main(version_base="1.3", config_path=".", config_name="config")
def main(config):
    number = HydraConfig.get().job.num
    {body}


if __name__ == "__main__":
    main()
"""
# Trial 2 is killed when the loggers of its process have written all, and goes on when those of another have.
ONE = """first = qgtune.last_step() + 1 if qgtune.last_step() else 0
    while first and ",lost," not in Path("sweep/trials.csv").read_text():
        time.sleep(0.1)
    time.sleep(SETTLE_S if first else 0)
    for step in range(first, 4):
        qgtune.report({1: float("nan"), 2: float("inf")}.get(step, config.lr), step)
        if number == 2 and step == 1 and config.kills:
            for caller in gc.get_objects():
                if isinstance(caller, Caller):
                    caller.settle()
            time.sleep(3)  # Trackio sends what it was told now and then, from a thread of its own
            os.kill(os.getpid(), 9)
    if number == 1:
        raise ValueError("it went wrong")
    if number == 3:
        import optuna
        raise optuna.TrialPruned
    return config.lr"""
SEVERAL = """qgtune.set_constraint("memory", -1.5)
    return {"error": config.lr, "time": 2 * config.lr}"""
CONFIG = """
defaults: [_self_, {override hydra/sweeper: qgtune}, {override hydra/sweeper/logger: [csv, LOGGERS]}]
lr: 0.1
kills: false
optimizer: {name: adam}
hydra:
  sweeper:
    n_trials: 5
    seed: 1
    report: false
    custom_search_space: train.more
    search_space:
      lr: {type: tuple, value: [0.01, 1.0, true]}
      optimizer:
        name:
          type: categorical
          value:
            adam: {+eps: {type: tuple, value: [1e-9, 1e-5, true]}}
            sgd: {+nesterov: [true, false], +sizes: {type: categorical, value: [[1, 2], [3]]}}
"""
TWO = "hydra.sweeper.n_jobs=2"
SWEEPS = {
    "one worker": (ONE, []),
    "two workers": (ONE, [TWO, "kills=true"]),
    "several objectives": (SEVERAL, ["hydra.sweeper.direction={error: minimize, time: maximize}", TWO]),
}
INSTALLED = [name for name in READERS if name == "csv" or find_spec(name) is not None]


class Sweeps:
    """The sweeps of this file, each run once, with every logger that is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._apps: dict[str, tuple[App, Run]] = {}

    def get(self, name: str) -> tuple[App, Run]:
        """Return a sweep's app and what its command said."""
        if name not in self._apps:
            body, arguments = SWEEPS[name]
            app = App(self.folder / name.replace(" ", "_"))
            app.folder.mkdir()
            (app.folder / "train.py").write_text(TRAIN.replace("{body}", body))
            (app.folder / "config.yaml").write_text(CONFIG.replace("csv, LOGGERS", ", ".join(INSTALLED)))
            environment = {**os.environ, "TRACKIO_DIR": str(app.folder / "trackio"), "NETRC": "/dev/null"}
            for key in ("WANDB_API_KEY", "WANDB_MODE", "MLFLOW_TRACKING_URI"):
                environment.pop(key, None)
            done = subprocess.run(
                app.command("--multirun", "hydra.sweep.dir=sweep", *arguments),
                cwd=app.folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            self._apps[name] = app, Run(done.returncode, done.stdout, done.stderr)
        return self._apps[name]


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory: pytest.TempPathFactory) -> Sweeps:
    """Return the sweeps of this file."""
    return Sweeps(tmp_path_factory.mktemp("logged"))


@pytest.fixture(params=READERS)
def logger(request: pytest.FixtureRequest) -> str:
    """Return the name of a logger; skip the test where its library is not installed."""
    name = str(request.param)
    if name not in INSTALLED:
        pytest.skip(f"needs the extra {name}")
    return name


@pytest.fixture(params=["one worker", "two workers"])
def both(request: pytest.FixtureRequest) -> str:
    """Return the name of a sweep of one objective."""
    return str(request.param)


def same(one: float, other: float) -> bool:
    """Say whether two values are the same, as far as loggers keep them; MLflow has the largest number for infinity."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == pytest.approx(other, rel=1e-5) or (abs(one) > 1e300 and abs(other) > 1e300)


def trials_of(app: App) -> dict[str, Any]:
    """Return the last attempt at each configuration."""
    from qgtune.study.attempts.attempt import Attempt

    return {str(Attempt.of(trial).first(trial.number)): trial for trial in app.trials()}


class TestContract:
    """What holds for each logger."""

    def test_the_sweep_is_not_disturbed(self, sweeps: Sweeps, both: str) -> None:
        """It reaches its total, and no logger has anything to say."""
        app, run = sweeps.get(both)
        assert run.code == 0, run.err
        assert "hydra.sweeper.logger" not in run.out + run.err
        assert len(trials_of(app)) == 5

    def test_each_configuration_has_its_run(self, sweeps: Sweeps, both: str, logger: str) -> None:
        """And no other; each belongs to that of the sweep."""
        app, _ = sweeps.get(both)
        runs = READERS[logger](app.path())
        assert set(runs) == {*trials_of(app), *([] if logger == "csv" else [PARENT])}
        if logger != "csv":
            assert {name for name, run in runs.items() if run.parent == PARENT} == set(trials_of(app))

    def test_a_run_has_its_hyperparameters(self, sweeps: Sweeps, both: str, logger: str) -> None:
        """Those that exist beside its other values, under names that the library takes, with their values."""
        app, _ = sweeps.get(both)
        runs = READERS[logger](app.path())
        for configuration, trial in trials_of(app).items():
            params = runs[configuration].params
            assert float(params["lr"]) == pytest.approx(trial.params["lr"], rel=1e-5)
            assert params["optimizer.name"] == trial.params["optimizer.name"]
            assert ("optimizer.eps" in params) == ("optimizer.eps" in trial.params)
            assert ("optimizer.nesterov" in params) == ("optimizer.nesterov" in trial.params)
            (odd,) = (float(params[name]) for name in params if name.endswith("odd key/é"))
            assert odd == pytest.approx(trial.params["+odd key/é"], rel=1e-5)
            assert len(params) == len(trial.params)

    def test_a_run_has_its_reports(self, sweeps: Sweeps, both: str, logger: str) -> None:
        """Each once, in their order, what is not finite included; attempts at a configuration make one curve."""
        app, _ = sweeps.get(both)
        runs = READERS[logger](app.path())
        for configuration, trial in trials_of(app).items():
            wanted = sorted(trial.intermediate_values.items())
            found = runs[configuration].reports
            assert [step for step, _ in found] == [step for step, _ in wanted]
            assert all(same(value, of_trial) for (_, value), (_, of_trial) in zip(found, wanted, strict=True))

    def test_a_run_says_how_it_ended(self, sweeps: Sweeps, both: str, logger: str) -> None:
        """Its state, its value, how long it took, where its folder is, and whether it failed."""
        app, _ = sweeps.get(both)
        runs = READERS[logger](app.path())
        states = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
        for configuration, trial in trials_of(app).items():
            run = runs[configuration]
            assert run.state == states[trial.state.name]
            assert run.has_failed in (None, run.state == "failed")
            assert run.folder == str(app.path(str(trial.number)))
            assert run.metrics["duration_s"] == pytest.approx(trial.duration.total_seconds(), rel=1e-3)
            assert ("value" in run.metrics) == (run.state == "complete")
            assert run.metrics.get("value", 0.0) == pytest.approx(trial.value if run.state == "complete" else 0.0)

    def test_the_sweep_has_what_came_of_it(self, sweeps: Sweeps, both: str, logger: str) -> None:
        """How many trials ended how, the best value, and its folder."""
        if logger == "csv":
            pytest.skip("its rows are all that it has")
        app, _ = sweeps.get(both)
        run = READERS[logger](app.path())[PARENT]
        best = app.yaml("optimization_results.yaml")["best_value"]
        wanted = {"n_complete": 3.0, "n_pruned": 1.0, "n_failed": 1.0, "n_running": 0.0, "best_value": best}
        assert run.metrics == pytest.approx(wanted)
        assert run.folder == str(app.path())
        assert not run.has_failed

    def test_several_objectives(self, sweeps: Sweeps, logger: str) -> None:
        """Each under its name, whatever the library keeps for itself, and the constraint."""
        app, run = sweeps.get("several objectives")
        assert run.code == 0, run.err
        runs = READERS[logger](app.path())
        for configuration, trial in trials_of(app).items():
            metrics = runs[configuration].metrics
            time = metrics["value.time" if logger == "trackio" else "time"]
            assert (metrics["error"], time) == pytest.approx(trial.values)
            assert metrics["constraint.memory"] == -1.5


def test_a_lost_attempt_is_known_as_such(sweeps: Sweeps) -> None:
    """The attempt that was killed has an end, where a logger keeps each attempt; its configuration went on."""
    import csv

    app, _ = sweeps.get("two workers")
    with app.path("trials.csv").open(newline="") as file:
        states = [(row["configuration"], row["state"]) for row in csv.DictReader(file)]
    lost, again = (state for configuration, state in states if configuration == "2")
    assert lost == "lost"
    assert again in ("complete", "pruned")
    runs = {name: READERS[name](app.path()) for name in INSTALLED}
    assert all(one["2"].state == again for one in runs.values())
