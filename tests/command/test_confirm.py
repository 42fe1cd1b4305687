"""`qgtune confirm` and `qgtune ablate`: more runs of a sweep's program, and what they prove."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from optuna.trial import TrialState

from qgtune.command.proof.seeds import END, fresh_seeds, seed_path
from qgtune.command.proof.series import open_sweep, series_of
from qgtune.errors import QGTuneError
from qgtune.results.best import params_of
from qgtune.results.invocation import Invocation
from qgtune.results.proof.confirmation import Confirmation
from qgtune.results.recorded import Record
from tests.command.conftest import COMMAND
from tests.conftest import stock_study
from tests.studies import PARAMS, make_study, make_sweep, trial
from tests.sweep.sweeps import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from tests.command.conftest import Command
    from tests.conftest import App

NOISY = """
import random
if Path("slow").exists():
    time.sleep(0.3)
chance = random.Random(f"{cfg.training.seed} {cfg.model.layers[0].out_dim}")
worth = 5 * cfg.training.lr + cfg.model.layers[0].out_dim / 64 + cfg.training.optimizer.get("momentum", 0.5)
return worth + chance.gauss(0, cfg.training.noise)
"""
CONFIG = """
defaults:
  - _self_
  - override hydra/sweeper: qgtune
model:
  layers: [{in_dim: 8, out_dim: 64}, {in_dim: 64}]
training: {lr: 0.5, seed: 3, noise: 0.05, optimizer: {name: adam}}
copy: "${training.seed}"
hydra:
  sweeper:
    n_trials: 6
    seed: 1
    report: false
    search_space:
      model: {layers: [{out_dim: [16, 32]}, {}]}
      training:
        lr: {type: tuple, value: [1e-3, 1e-1, true]}
        optimizer:
          name: {type: categorical, value: {adam: {}, sgd: {+momentum: {type: tuple, value: [0.0, 0.2]}}}}
    dependencies:
      model: {layers: [{}, {in_dim: "model.layers[0].out_dim"}]}
"""


def qgtune(app: App, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command on the app's sweep; its output is no terminal's."""
    verb, *rest = arguments
    done = subprocess.run(
        [*COMMAND, verb, "sweep", *rest], cwd=app.folder, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.fixture
def noisy(make_app: Callable[..., App]) -> App:
    """Return an app whose search is over, with a best trial of `sgd`, whose momentum the base settings lack."""
    app = make_app(NOISY, CONFIG)
    assert app.sweep("hydra.sweeper.enqueue=[{training.optimizer.name: sgd, training.lr: 0.01}]").code == 0
    return app


def trials_in(app: App, name: str) -> list[FrozenTrial]:
    """Return the trials of the runs in a folder of the sweep."""
    return stock_study(app.path(name, "study.log")).trials


@pytest.mark.slow
def test_the_leading_trials_run_again(noisy: App) -> None:
    """On the same fresh seeds each, with nothing else changed; and whoever looks at the sweep hears of it."""
    done = qgtune(noisy, "confirm", "--top", "3", "--seeds", "2", "--json", "hydra.sweeper.n_jobs=2")
    found = json.loads(done.stdout)
    assert found.pop("schema") == "qgtune.confirm/1"
    assert found == json.loads(noisy.path("confirm", "confirm.json").read_text())
    assert (found["path"], found["seeds"]) == ("training.seed", [4, 5])
    ranked = sorted(noisy.trials(), key=lambda one: one.value or 0.0)[:3]
    assert {row["trial"] for row in found["trials"]} == {one.number for one in ranked}
    assert [row["search"] for row in found["trials"] if row["trial"] == ranked[0].number] == [ranked[0].value]
    for one in trials_in(noisy, "confirm"):
        config = Record.of_number(noisy.path("confirm"), one.number).config
        seed = config["training"].pop("seed")
        assert (seed in (4, 5), config.pop("copy")) == (True, seed)
        own = {path: value for path, value in params_of(one).items() if path != "training.seed"}
        (before,) = (other for other in ranked if params_of(other) == own)
        expected = Record.of_number(noisy.path(), before.number).config
        assert expected["training"].pop("seed") == expected.pop("copy") == 3
        assert config == expected
    again = qgtune(noisy, "confirm", "--top", "3", "--seeds", "2")
    assert "Study 'train-confirm'" not in again.stderr
    assert f"Best: trial {found['best']} with " in again.stdout
    assert f"Confirmed best: trial {found['best']} with " in qgtune(noisy, "show").stdout
    assert qgtune(noisy, "best", "--confirmed").stdout.startswith(f"Best of study 'train': trial {found['best']} ")
    best = yaml.safe_load(qgtune(noisy, "best", "--confirmed", "--yaml").stdout)
    assert best == Record.of_number(noisy.path(), found["best"]).config


def kill_midway(app: App, name: str, n_trials: int, *arguments: str) -> None:
    """Start a command whose runs are slow, and kill it and them once there are more than so many trials."""
    (app.folder / "slow").touch()
    with subprocess.Popen(
        [*COMMAND, name, "sweep", *arguments],
        cwd=app.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as running:
        wait_for(lambda: app.path(name, str(n_trials)).exists())
        os.killpg(running.pid, signal.SIGKILL)
    (app.folder / "slow").unlink()


def complete_in(app: App, name: str) -> list[FrozenTrial]:
    """Return the completed runs in a folder of the sweep, and check that no point ran twice."""
    found = [one for one in trials_in(app, name) if one.state == TrialState.COMPLETE]
    assert len({str(one.params) for one in found}) == len(found)
    return found


@pytest.mark.slow
def test_more_seeds_and_a_kill_go_on_where_they_were(noisy: App) -> None:
    """Every point runs once and completes, however often the runs are killed, and earlier seeds count."""
    qgtune(noisy, "confirm", "--top", "2", "--seeds", "2")
    more = ["--top", "3", "--seeds", "4"]
    kill_midway(noisy, "confirm", 6, *more)
    done = qgtune(noisy, "confirm", *more, "--json")
    assert len(complete_in(noisy, "confirm")) == 12
    assert [len(row["values"]) for row in json.loads(done.stdout)["trials"]] == [4, 4, 4]


@pytest.mark.slow
def test_a_killed_ablation_goes_on(noisy: App) -> None:
    """In the midst of a step, with the values of the steps before."""
    kill_midway(noisy, "ablate", 6, "--seeds", "2")
    found = json.loads(qgtune(noisy, "ablate", "--seeds", "2", "--json").stdout)
    d = len(found["steps"])
    assert len(complete_in(noisy, "ablate")) == 2 * (1 + d * (d + 1) // 2)


@pytest.mark.slow
def test_ctrl_c_ends_the_runs_and_says_how_to_go_on(noisy: App) -> None:
    """With the code of an interrupt, and nothing judged."""
    (noisy.folder / "slow").touch()
    line = [*COMMAND, "confirm", "sweep", "--seeds", "9"]
    with subprocess.Popen(line, cwd=noisy.folder, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        wait_for(lambda: noisy.path("confirm", "1").exists())
        os.killpg(running.pid, signal.SIGINT)
        _out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "To go on, give the same command again." in err
    assert not noisy.path("confirm", "confirm.json").exists()


@pytest.mark.slow
def test_a_changed_config_is_not_passed_off_as_the_searchs(noisy: App) -> None:
    """What has changed since is named before anything runs."""
    config = noisy.folder / "conf" / "config.yaml"
    config.write_text(config.read_text().replace("noise: 0.05", "noise: 0.06"))
    done = qgtune(noisy, "confirm", code=1)
    assert re.search(r"Cannot repeat trial \d as it was: training.noise: 0.05, now 0.06.", done.stderr)
    assert not noisy.path("confirm").exists()


@pytest.mark.slow
def test_without_noise_repeats_change_nothing(make_app: Callable[..., App]) -> None:
    """And the command says so; there are fewer configurations than were asked for."""
    app = make_app(NOISY, CONFIG)
    assert app.sweep("training.noise=0", "hydra.sweeper.n_trials=2").code == 0
    done = qgtune(app, "confirm", "--seeds", "2")
    assert "Each configuration gave the same value on every seed: repeats change nothing here." in done.stdout
    assert len(trials_in(app, "confirm")) == 4


@pytest.mark.slow
def test_a_configuration_that_fails_on_a_seed_is_not_judged(make_app: Callable[..., App]) -> None:
    """It is named, and the others are."""
    app = make_app(
        f"if cfg.training.seed == 4 and cfg.model.layers[0].out_dim == 16: raise ValueError\n{NOISY}", CONFIG
    )
    assert app.sweep("hydra.sweeper.enqueue=[{model.layers.0.out_dim: 32}, {model.layers.0.out_dim: 16}]").code == 0
    found = json.loads(qgtune(app, "confirm", "--seeds", "2", "--json").stdout)
    widths = {one.number: one.params["model.layers.0.out_dim"] for one in app.trials()}
    assert {widths[row["trial"]] for row in found["trials"] if row["estimate"] is None} == {16}
    assert widths[found["best"]] != 16


@pytest.mark.slow
def test_the_gain_is_divided_among_the_changes(noisy: App) -> None:
    """The parts sum to the whole; what a choice brings is no change of its own; confirmed runs count."""
    qgtune(noisy, "confirm", "--top", "6", "--seeds", "2")
    n_before = len(trials_in(noisy, "confirm"))
    sgd = next(one for one in noisy.trials() if one.params["training.optimizer.name"] == "sgd")
    number = ["--trial", str(sgd.number)]
    found = json.loads(qgtune(noisy, "ablate", *number, "--seeds", "2", "--json").stdout)
    assert found["seeds"] == [4, 5]
    changed = [path for step in found["steps"] for path in step["changed"]]
    assert sorted(changed) == sorted({"model.layers.0.out_dim", "training.lr", "training.optimizer.name"})
    assert changed[0] == "training.lr"
    gains = [step["gain"]["value"] for step in found["steps"]]
    assert found["total"]["value"] == pytest.approx(sum(gains), abs=1e-12)
    assert found["total"]["value"] == pytest.approx(found["start"] - found["steps"][-1]["value"], abs=1e-12)
    assert all(step["gain"]["low"] < step["gain"]["value"] < step["gain"]["high"] for step in found["steps"])
    runs = trials_in(noisy, "ablate")
    assert len(runs) == 2 * (1 + 3 + 2)  # the base, three single changes, two second ones: the end is confirmed
    assert len(trials_in(noisy, "confirm")) == n_before
    shown = qgtune(noisy, "ablate", *number, "--seeds", "2").stdout
    assert "Brought along by the choices that need it: training.optimizer.momentum=" in shown
    assert "Runs of qgtune confirm at the same points, which counted: 2" in shown
    assert len(trials_in(noisy, "ablate")) == len(runs)


@pytest.mark.slow
def test_without_seeds_the_searchs_own_runs_count(noisy: App) -> None:
    """One run a point, without intervals, beside the runs on fresh seeds."""
    found = json.loads(qgtune(noisy, "ablate", "--seeds", "0", "--json").stdout)
    best = min(noisy.trials(), key=lambda one: one.value or 0.0)
    assert (found["trial"], found["seeds"]) == (best.number, [])
    assert found["steps"][-1]["value"] == best.value
    assert found["total"]["low"] is None
    assert all("training.seed" not in one.params for one in trials_in(noisy, "ablate-once"))


def ready(folder: Path, config: dict[str, Any], **params: Any) -> Path:
    """Write a sweep with records and a command."""
    values = {**PARAMS, **params}
    made = make_sweep(folder, [trial(values=[0.5], params=values), trial(TrialState.PRUNED, [0.1])])
    for number in range(2):
        Record(config).write(made, number)
    Invocation((sys.executable, "train.py"), ("-m",), str(folder.parent)).write(made, None)
    return made


@pytest.mark.parametrize(
    ("verb", "arguments", "message"),
    [
        pytest.param("confirm", ["nowhere"], "there is no such folder", id="no folder"),
        pytest.param("confirm", ["empty"], "none has completed", id="no completed trial"),
        pytest.param("confirm", ["two"], "Cannot rank the trials of several objectives", id="several objectives"),
        pytest.param("confirm", ["seedless"], r"no whole number under a key 'seed'. Give --path.", id="no seed"),
        pytest.param("confirm", ["near"], r"Give --path with one of random_seed\.", id="another name"),
        pytest.param("confirm", ["many"], r"several seeds. Give --path with one of seed, b.seed\.", id="several seeds"),
        pytest.param("confirm", ["tuned", "--path", "model.layers.0.width"], "the search has tuned it", id="tuned"),
        pytest.param("confirm", ["near", "--path", "random_sed"], "Did you mean 'random_seed'", id="a typo"),
        pytest.param("confirm", ["near", "--path", "lr"], "its value 0.1 is no whole number", id="no whole number"),
        pytest.param("confirm", ["near", "lr=0.2"], "Give hydra.… only", id="a value of the config"),
        pytest.param("ablate", ["near"], "base.yaml, which has them, is gone", id="no base settings"),
        pytest.param("ablate", ["near", "--trial", "1"], "no completed trial of that number", id="a pruned trial"),
    ],
)
def test_what_cannot_be_proved(qgtune: Command, tmp_path: Path, verb: str, arguments: list[str], message: str) -> None:
    """Each reason is one line on stderr, before anything runs."""
    folder = arguments[0]
    if folder == "empty":
        make_sweep(tmp_path / folder, [trial(TrialState.PRUNED, [0.1])])
    elif folder == "two":
        made = make_sweep(tmp_path / folder, [], study_name="two")
        make_study(made / "study.log", [trial(values=[1, 2])], "two", directions=["minimize", "minimize"])
    elif folder != "nowhere":
        configs: dict[str, dict[str, Any]] = {
            "seedless": {"lr": 0.1, "seed": "a"},
            "near": {"lr": 0.1, "random_seed": 3},
            "many": {"seed": 1, "b": {"seed": 2}},
            "tuned": {"model": {"layers": [{"width": 128}]}},
        }
        ready(tmp_path / folder, configs[folder])
    done = qgtune(verb, *arguments)
    assert done.code == 1
    assert re.search(message, done.err), done.err
    assert done.err.count("\n") == 1


def test_the_runs_touch_nothing_of_the_search(tmp_path: Path) -> None:
    """They have files, checkpoints and a study of their own, the length of a promoted trial, and the seed's own `+`."""
    made = make_sweep(tmp_path / "sweep", fidelity={"path": "epochs", "min": 1, "max": 27})
    Invocation((sys.executable, "train.py"), ("-m", "+seed=3"), str(tmp_path)).write(made, None)
    texts = series_of(open_sweep(made, []), "confirm", "seed", []).own_overrides()
    assert f"hydra.sweep.dir='{made}/confirm'" in texts
    assert f"hydra.sweeper.checkpoint_path='{made}/confirm/checkpoints'" in texts
    assert "hydra.sweeper.study_name='train-confirm'" in texts
    assert "hydra.sweeper.best_config_path=null" in texts
    assert texts[-2:] == ["+seed=range(0,2147483648)", "epochs=27"]


def test_the_seed_is_the_one_that_others_follow() -> None:
    """What is written as an interpolation follows it, and is no second seed."""
    written = {"seed": 1, "data": {"seed": "${seed}"}, "flag": {"seed": True}}
    assert seed_path({"seed": 1, "data": {"seed": 1}, "flag": {"seed": True}}, written, [], None) == "seed"
    assert seed_path({"seed": None, "a": {"seed": 2}}, {}, [], "seed") == "seed"
    with pytest.raises(QGTuneError, match="the search has tuned it"):
        seed_path({"seed": 1}, {}, ["seed"], None)


@pytest.mark.parametrize(
    ("used", "first", "expected"),
    [
        pytest.param([3], [], [4, 5, 6], id="behind the search's"),
        pytest.param([3, 5], [], [6, 7, 8], id="behind all of them"),
        pytest.param([], [], [0, 1, 2], id="none before"),
        pytest.param([3], [9, 4], [9, 4, 5], id="those of earlier repeats first"),
        pytest.param([3], [3, 9, 8, 7, 6], [9, 8, 7], id="but never the search's"),
        pytest.param([END - 1, 0], [], [1, 2, 3], id="from the start where they would not fit"),
    ],
)
def test_fresh_seeds_are_none_that_the_search_used(used: list[int], first: list[int], expected: list[int]) -> None:
    """They go on where earlier repeats were, so that those count."""
    assert fresh_seeds(3, used, first) == expected


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_confirmation_is_read_back(tmp_path: Path, direction: str) -> None:
    """As it was written, with the best one first and what failed last."""
    trials = [trial(values=[value]) for value in (0.5, 0.6, 0.7)]
    study = make_study(tmp_path / "study.log", trials, direction=direction)
    found = Confirmation.of(study, "seed", [4, 5], {0: [0.51, 0.52], 1: [0.9], 2: [0.1, 0.11]})
    assert [row.trial for row in found.trials] == ([0, 2, 1] if direction == "maximize" else [2, 0, 1])
    found.write(tmp_path)
    assert Confirmation.read(tmp_path) == found
    assert Confirmation.read(tmp_path / "nowhere") is None
