"""`qgtune best`: the best trial and its config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from optuna.trial import TrialState

from qgtune.space.reading.yaml_files import write_yaml
from tests.studies import PARAMS, make_study, make_sweep, mixed_trials, trial

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command.conftest import Command

SETTINGS = {"best_config_path": "${hydra.sweep.dir}/best_config.yaml"}
CONFIG: dict[str, Any] = {
    "model": {"layers": [{"width": 128}, {"width": 64}], "sizes": [3, 4], "name": "kept"},
    "training": {"optimizer": "adam", "lr": 1e-3},
}
BEST = {**PARAMS, "model.sizes": [3, 4], "training.lr": 1e-3}


def test_the_best_trial_is_shown_with_its_files(qgtune: Command, tmp_path: Path) -> None:
    """Value, number, hyperparameters, folder and config."""
    folder = make_sweep(tmp_path / "sweep", mixed_trials(), **SETTINGS)
    (folder / "1").mkdir()
    write_yaml(folder / "best_config.yaml", CONFIG)
    done = qgtune("best", "sweep")
    first, *lines, where, config = done.out.splitlines()
    assert first == "Best of study 'train': trial 1 with 0.25"
    assert yaml.safe_load("\n".join(lines)) == BEST
    assert (where, config) == ("Folder: sweep/1", "Config: sweep/best_config.yaml")


def test_yaml_is_the_best_config(qgtune: Command, tmp_path: Path) -> None:
    """What the sweep wrote, as it stands."""
    folder = make_sweep(tmp_path / "sweep", mixed_trials(), **SETTINGS)
    write_yaml(folder / "best_config.yaml", CONFIG)
    assert qgtune("best", "sweep", "--yaml").out == (folder / "best_config.yaml").read_text()


@pytest.mark.parametrize("written", ["nothing", "another trial's", "no YAML"])
def test_yaml_without_a_config_that_fits_is_the_hyperparameters(qgtune: Command, tmp_path: Path, written: str) -> None:
    """While a sweep runs, the config of an earlier best trial is not passed off as that of the best one."""
    folder = make_sweep(tmp_path / "sweep", mixed_trials(), **SETTINGS)
    if written == "another trial's":
        write_yaml(folder / "best_config.yaml", {**CONFIG, "training": {"optimizer": "adam", "lr": 0.5}})
    elif written == "no YAML":
        (folder / "best_config.yaml").write_text("a: [")
    assert yaml.safe_load(qgtune("best", "sweep", "--yaml").out) == BEST
    assert "Config:" not in qgtune("best", "sweep").out


def test_several_objectives_have_a_front(qgtune: Command, tmp_path: Path) -> None:
    """Its trials are a table; one of them can be chosen, with its config."""
    trials = [trial(values=values) for values in ([1, 2], [2, 1], [3, 3])]
    folder = make_sweep(tmp_path / "sweep", [], **SETTINGS, study_name="two")
    make_study(folder / "study.log", trials, "two", directions=["minimize", "minimize"])
    write_yaml(
        folder / "best_config_1.yaml", {**CONFIG, "training": {"optimizer": "adam", "lr": PARAMS["training.lr"]}}
    )
    done = qgtune("best", "sweep")
    assert done.out.startswith("Study 'two', minimize value_0, minimize value_1: 2 best trials\n")
    assert [line.split()[:4] for line in done.out.splitlines()[3:]] == [
        ["0", "complete", "1", "2"],
        ["1", "complete", "2", "1"],
    ]
    one = qgtune("best", "sweep", "--trial", 1)
    assert one.out.startswith("Best of study 'two': trial 1 with 2, 1\n")
    assert "Config: sweep/best_config_1.yaml" in one.out
    assert yaml.safe_load(qgtune("best", "sweep", "--trial", 1, "--yaml").out)["model"]["name"] == "kept"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--yaml"], "trials 0, 1 are best, each in its own way. Give --trial.", id="which one"),
        pytest.param(["--trial", "2"], "Cannot show trial 2: it is none of the best ones, 0, 1.", id="none of them"),
    ],
)
def test_a_front_is_not_one_config(qgtune: Command, tmp_path: Path, arguments: list[str], message: str) -> None:
    """No one of several best trials is taken for the best."""
    trials = [trial(values=values) for values in ([1, 2], [2, 1], [3, 3])]
    make_study(tmp_path / "study.log", trials, directions=["minimize", "minimize"])
    done = qgtune("best", "study.log", *arguments)
    assert done.code == 1
    assert message in done.err


def test_no_best_trial_is_an_error(qgtune: Command, tmp_path: Path) -> None:
    """Before a trial completes, there is none."""
    make_study(tmp_path / "study.log", [trial(TrialState.PRUNED, [1.0])])
    done = qgtune("best", "study.log")
    assert done.code == 1
    assert done.err.startswith("Cannot name the best trial of study 'train': none has completed")
