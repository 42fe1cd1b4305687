"""`qgtune.open`: a study from Python."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

import qgtune
from qgtune import QGTuneError
from qgtune.results.recorded import Record
from qgtune.study.attempts.owner import Owner
from qgtune.study.fixed_settings import SWEEPS
from tests.studies import make_study, make_sweep, mixed_trials, trial

if TYPE_CHECKING:
    from pathlib import Path


def test_trials_and_the_best(tmp_path: Path) -> None:
    """Each with values, hyperparameters, times and reports; read anew at each look."""
    opened = qgtune.open(make_sweep(tmp_path / "sweep", mixed_trials()))
    assert [row.state for row in opened.trials] == ["complete", "complete", "pruned", "failed", "running", "waiting"]
    assert opened.best is not None
    assert (opened.best.number, opened.best.values, opened.best.params["training.lr"]) == (1, (0.25,), 1e-3)
    assert (opened.name, opened.folder, opened.state) == ("train", tmp_path / "sweep", "ended")
    opened.study.add_trial(trial(values=[0.125]))
    assert opened.best.number == 6
    assert len(opened.trials) == 7
    assert repr(opened) == f"<study 'train' of {str(tmp_path / 'sweep')!r}>"


def test_a_study_without_a_completed_trial_has_no_best(tmp_path: Path) -> None:
    """It is None, for whoever looks while the first trials run."""
    make_study(tmp_path / "study.log", [])
    opened = qgtune.open(str(tmp_path / "study.log"))
    assert opened.best is None
    assert opened.front == ()


def test_several_objectives_have_a_front(tmp_path: Path) -> None:
    """No trial of it is the best one."""
    trials = [trial(values=values) for values in ([1, 2], [2, 1], [3, 3])]
    make_study(tmp_path / "study.log", trials, directions=["minimize", "minimize"])
    opened = qgtune.open(tmp_path / "study.log")
    assert [row.number for row in opened.front] == [0, 1]
    with pytest.raises(QGTuneError, match="Cannot name one best trial of several objectives"):
        _ = opened.best


def test_the_newest_sweep_is_opened_if_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command does."""
    make_sweep(tmp_path / "multirun" / "one")
    monkeypatch.chdir(tmp_path)
    assert qgtune.open().folder == tmp_path / "multirun" / "one"


def test_a_frame_has_a_line_a_trial(tmp_path: Path) -> None:
    """With the columns of CSV, as values that pandas knows."""
    pandas = pytest.importorskip("pandas")
    frame = qgtune.open(make_sweep(tmp_path / "sweep", mixed_trials())).frame()
    assert list(frame.columns[:3]) == ["number", "state", "value"]
    assert frame.set_index("number").loc[1, "params.training.lr"] == 1e-3
    assert frame["value"].tolist()[:3] == [0.5, 0.25, 0.75]
    assert pandas.api.types.is_datetime64_any_dtype(frame["started"])
    assert frame["params.model.sizes"][0] == [3, 4]


def test_a_frame_needs_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says which extra has it."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(QGTuneError, match=r"Run pip install 'qgtune\[pandas\]'"):
        qgtune.open(make_sweep(tmp_path / "sweep")).frame()


def test_a_point_is_added(tmp_path: Path) -> None:
    """As values of the config; the study has it as its next trial."""
    opened = qgtune.open(make_sweep(tmp_path / "sweep"))
    point = {"training.lr": 0.5, "model.sizes": [1, 2]}
    assert opened.add(point) == point
    (waiting,) = [found for found in opened.study.get_trials() if found.state == TrialState.WAITING]
    assert waiting.system_attrs["fixed_params"] == {"training.lr": 0.5, "model.sizes": "[1,2]"}


def test_all_wrong_values_of_a_point_are_named(tmp_path: Path) -> None:
    """And nothing is queued."""
    opened = qgtune.open(make_sweep(tmp_path / "sweep"))
    with pytest.raises(QGTuneError) as caught:
        opened.add({"training.lrr": 0.5, "training.lr": 7.0, "model.layers.0.width": 8})
    unknown, outside = caught.value.problems
    assert unknown.startswith(
        "Cannot add 'training.lrr': it is no hyperparameter of the study. Did you mean 'training.lr'"
    )
    assert outside == "Cannot add training.lr=7.0: it is not float 1e-05 to 1, log."
    assert len(opened.trials) == 1


def test_waiting_ends_when_no_sweep_runs_or_the_value_is_reached(tmp_path: Path) -> None:
    """And says which of them it was."""
    opened = qgtune.open(make_sweep(tmp_path / "sweep", mixed_trials()))
    assert opened.wait() == "ended"
    assert opened.wait(0.25) == "value"
    assert opened.wait(0.1, timeout_s=0) == "ended"


@pytest.mark.parametrize(("age_s", "state"), [(0, "runs"), (3600, "ended")], ids=["beats", "beats no more"])
def test_a_sweep_of_another_host_runs_while_it_shows_signs_of_life(tmp_path: Path, age_s: float, state: str) -> None:
    """Nobody can look at its process from here."""
    opened = qgtune.open(make_sweep(tmp_path / "sweep"))
    elsewhere = Owner("another-place", 42, 7, "elsewhere.example")
    opened.study.set_user_attr(SWEEPS, {elsewhere.name: {"owner": elsewhere.to_attribute(), "settings": ""}})
    beat = tmp_path / "sweep" / ".study.log.alive" / elsewhere.name
    beat.parent.mkdir()
    beat.touch()
    os.utime(beat, (time.time() - age_s,) * 2)
    assert opened.state == state


def test_the_config_of_a_trial(tmp_path: Path) -> None:
    """It is the record that the trial left."""
    folder = make_sweep(tmp_path / "sweep")
    Record({"lr": 0.1}).write(folder, 0)
    opened = qgtune.open(folder)
    assert opened.config(0) == {"lr": 0.1}
    with pytest.raises(QGTuneError, match="Cannot find trial 1: the study has 1 trials, from 0 on"):
        opened.config(1)


def test_importing_the_package_does_not_need_hydra() -> None:
    """The command's help would pay for it."""
    code = "import sys, qgtune; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"hydra", "omegaconf", "optuna"} & set(done.stdout.split())


def test_a_mistake_is_one_error_class(tmp_path: Path) -> None:
    """What is not there is said as the command says it."""
    with pytest.raises(QGTuneError, match="there is no such folder or file"):
        qgtune.open(tmp_path / "nope")
