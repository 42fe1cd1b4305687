"""Small Hydra apps in folders of their own, and what is needed to run and read them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import yaml
from optuna.storages.journal import JournalFileBackend

from tests.browser import Browser, find_browser, running_browser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optuna.trial import FrozenTrial

TIMEOUT_S = 120
# As in an activated environment, so that the commands that a sweep prints are short whoever runs the tests.
os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
# Ours are errors; what Hydra 1.4 says to apps that run on 1.3, too, is not ours.
WARNINGS = (
    *("-W", "error::UserWarning", "-W", "ignore:The version_base parameter is deprecated"),
    *("-W", "ignore:hydra.utils.instantiate() resolved"),
)

TRAIN = """
import os, signal, sys, time
from pathlib import Path

import hydra
import qgtune
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    assert cfg.model.layers[1].in_dim == cfg.model.layers[0].out_dim
    {body}
    return cfg.training.lr


if __name__ == "__main__":
    main()
"""

CONFIG = """
defaults:
  - _self_
  - override hydra/sweeper: qgtune
model:
  name: base
  layers:
    - {in_dim: 8, out_dim: 16, sizes: [1, 2]}
    - {in_dim: 16, out_dim: 4, sizes: [3, 4]}
training:
  lr: 0.1
  batch_size: 32
hydra:
  sweeper:
    n_trials: 4
    seed: 1
    report: false
    search_space:
      model:
        name: tuned
        layers:
          - {out_dim: [16, 32, 64]}
          - {}
      training:
        lr: {type: tuple, value: [1e-4, 1e-1, true]}
    dependencies:
      model:
        layers:
          - {}
          - {in_dim: "model.layers[0].out_dim"}
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A finished command."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class App:
    """A Hydra app in a folder of its own."""

    folder: Path

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs it."""
        return [sys.executable, *WARNINGS, "train.py", *arguments]

    def run(self, *arguments: str, timeout_s: float = TIMEOUT_S) -> Run:
        """Run it to its end."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return Run(done.returncode, done.stdout, done.stderr)

    def sweep(self, *arguments: str, timeout_s: float = TIMEOUT_S) -> Run:
        """Run a sweep into the folder `sweep`."""
        return self.run("--multirun", "hydra.sweep.dir=sweep", *arguments, timeout_s=timeout_s)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a sweep into the folder `sweep`, and do not wait for it."""
        command = self.command("--multirun", "hydra.sweep.dir=sweep", *arguments)
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def path(self, *parts: str) -> Path:
        """Return a path below the sweep folder."""
        return self.folder.joinpath("sweep", *parts)

    def yaml(self, *parts: str) -> Any:
        """Read a YAML file below the sweep folder."""
        return yaml.safe_load(self.path(*parts).read_text())

    def trials(self) -> list[FrozenTrial]:
        """Read the study's trials with stock Optuna."""
        return stock_study(self.path("study.log")).trials


def stock_study(journal: Path) -> optuna.Study:
    """Open the one study in a journal file with stock Optuna."""
    backend = JournalFileBackend(str(journal))
    return optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(backend))


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., App]:
    """Return a maker of apps: the body of the user's function, and the text of `conf/config.yaml`."""

    def make(body: str = "pass", config: str = CONFIG, **files: str) -> App:
        (tmp_path / "conf").mkdir()
        lines = "\n    ".join(body.strip().splitlines())
        (tmp_path / "train.py").write_text(TRAIN.replace("{body}", lines))
        (tmp_path / "conf" / "config.yaml").write_text(config)
        for name, text in files.items():
            target = tmp_path / name.replace("__", "/")
            target = target.with_name(f"{target.name}.yaml")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return App(tmp_path)

    return make


@pytest.fixture
def app(make_app: Callable[..., App]) -> App:
    """Return an app whose function returns the learning rate."""
    return make_app()


@pytest.fixture(autouse=True)
def _quiet_optuna() -> Iterator[None]:
    """Keep Optuna's own lines out of the tests' output."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Return a headless Chromium for pages; skips the test where none is installed."""
    command = find_browser()
    if command is None:
        pytest.skip("there is no Chromium; install the Debian package chromium")
    with running_browser(command, tmp_path_factory.mktemp("browser")) as running:
        yield running
