"""The example's training: it learns, repeats exactly, reports each epoch, and runs as a command."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import optuna
import pytest
from fit import OPTIMIZERS, fit

from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Compose

pytestmark = pytest.mark.examples


def _ignore(_accuracy: float, _epoch: int) -> None:
    pass


def test_the_base_settings_learn_the_digits(composed: Compose) -> None:
    """The last report is the result, one report came an epoch, and it is well above 0.9."""
    reports: list[tuple[float, int]] = []
    accuracy = fit(composed(), lambda value, epoch: reports.append((value, epoch)))
    assert [epoch for _, epoch in reports] == list(range(15))
    assert accuracy == reports[-1][0]
    assert accuracy > 0.95


def test_the_same_config_gives_the_same_accuracy_to_the_last_bit(composed: Compose) -> None:
    """Initial weights, shuffling and dropout all follow `training.seed`, whatever ran before in the process."""
    config = composed("training=quick")
    first = fit(config, _ignore)
    assert fit(composed("training=quick", "training.seed=1"), _ignore) != first
    assert fit(config, _ignore) == first


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_trains(composed: Compose, name: str) -> None:
    """Every name that the config may hold runs, with every batch size."""
    assert 0 <= fit(composed("training=quick", "training.epochs=1", f"training.optimizer={name}"), _ignore) <= 1


def test_an_unknown_optimizer_names_the_known_ones(composed: Compose) -> None:
    """A slip in the name gets the list."""
    with pytest.raises(QGTuneError, match=r"training\.optimizer=adan is unknown.*adam, adamw, rmsprop, sgd"):
        fit(composed("training.optimizer=adan"), _ignore)


def test_pruning_ends_the_training(composed: Compose) -> None:
    """What the report raises passes through, after no further epoch."""
    epochs: list[int] = []

    def prune(_accuracy: float, epoch: int) -> None:
        epochs.append(epoch)
        raise optuna.TrialPruned

    with pytest.raises(optuna.TrialPruned):
        fit(composed(), prune)
    assert epochs == [0]


@pytest.mark.slow
def test_the_command_trains_once_with_the_dependencies_applied(root: Path, tmp_path: Path) -> None:
    """Another width of layer 0 needs no other override: layer 1 follows, also without a sweep."""
    command = [
        sys.executable,
        str(root / "examples" / "train.py"),
        "training=quick",
        "model.nn.0.out_dim=48",
        f"hydra.run.dir={tmp_path / 'run'}",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"step 2: 0\.\d+", done.stdout)
    assert re.search(r"validation accuracy: 0\.\d+", done.stdout)


def test_a_training_goes_on_from_its_checkpoint(composed: Compose, tmp_path: Path) -> None:
    """Cut short after any epoch, it ends with the accuracy of one that was not, to the last bit."""
    config = composed("training=quick", "training.epochs=4")
    whole: list[float] = []
    accuracy = fit(config, lambda value, _epoch: whole.append(value))
    epochs: list[int] = []

    def cut(_value: float, epoch: int) -> None:
        epochs.append(epoch)
        if epochs.count(2) == 1 and epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(config, cut, tmp_path / "state.pt")
    assert fit(config, cut, tmp_path / "state.pt") == accuracy == whole[-1]
    assert epochs == [0, 1, 2, 2, 3]
