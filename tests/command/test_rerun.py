"""`qgtune rerun`: what a recorded command composes now, and what that differs in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from qgtune import QGTuneError
from qgtune.command.rerun import composed_differences, reason_of
from qgtune.results.invocation import Invocation
from qgtune.results.recorded import Record, differences

if TYPE_CHECKING:
    from pathlib import Path

APP = """
print("version: 1.0")
from dataclasses import dataclass, field
from pathlib import Path
import hydra
from hydra.experimental.callback import Callback
from hydra.core.config_store import ConfigStore

class Mine(Callback):
    def on_run_start(self, config, **kwargs):
        Path("started").touch()

@dataclass
class Config:
    lr: float = 0.1
    lr_min: float = 1.0
    lrs: dict = field(default_factory=lambda: {"a": 1})
    data: Path = Path("/data")
    env: str = "${oc.env:OF_THE_JOB}"
    number: str = "${hydra:job.num}"
    out: str = "${hydra:runtime.output_dir}/x"

ConfigStore.instance().store("config", Config)

@hydra.main(version_base=None, config_path=None, config_name="config")
def main(config):
    Path("ran").touch()

main()
"""
SETUP = ("hydra.mode=RUN", "+hydra.job.env_set.OF_THE_JOB=here", "+hydra.callbacks.mine._target_=__main__.Mine")
HAD = {
    "lr": 0.1,
    "lr_min": 1.0,
    "lrs": {"a": 1},
    "data": "/data",
    "env": "here",
    "number": "3",
    "out": "${hydra:runtime.output_dir}/x",
}


def differing(folder: Path, had: dict[str, object], *overrides: str) -> list[str]:
    """Return what the app composes otherwise than a trial had it."""
    (folder / "app.py").write_text(APP)
    command = Invocation((sys.executable, "app.py"), (*SETUP, *overrides), str(folder))
    found = composed_differences(command, Record(HAD | had), overrides)
    assert [path.name for path in folder.iterdir()] == ["app.py"], "nothing of the app's has run"
    return found


def test_a_config_is_compared_as_it_is_recorded(tmp_path: Path) -> None:
    """Paths, what resolves in a job only, and values behind these: whatever else the app prints."""
    assert differing(tmp_path, {}) == []
    assert differing(tmp_path, {"env": "there"}) == ["env: 'there', now 'here'"]


def test_what_the_user_changes_is_no_difference(tmp_path: Path) -> None:
    """But a key that only starts like theirs is one."""
    found = differing(tmp_path, {"lr_min": 2.0, "lrs": {"a": 5}}, "lr=0.5")
    assert found == ["lr_min: 2.0, now 1.0", "lrs.a: 5, now 1"]


def test_what_does_not_compose_says_why(tmp_path: Path) -> None:
    """With the key: Hydra's last line names the type only."""
    with pytest.raises(QGTuneError, match=r"Cannot compose the config again: .*Could not override 'm'.* use [+]m=1"):
        differing(tmp_path, {}, "m=1")


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        pytest.param(
            "a warning\nTraceback (most recent call last):\n  File x\nValueError: no\n",
            "ValueError: no",
            id="traceback",
        ),
        pytest.param(
            "usage: a\n  [--b]\na: error: unrecognized arguments: c\n",
            "a: error: unrecognized arguments: c",
            id="argparse",
        ),
        pytest.param("", "it does not say why.", id="nothing"),
        pytest.param("no redis://:pw@h\n", "no redis://:***@h", id="a password"),
    ],
)
def test_the_reason_is_told_from_the_rest(stderr: str, reason: str) -> None:
    """In one line, whatever the program printed before."""
    assert reason_of(stderr) == reason


def test_a_difference_shows_no_secret() -> None:
    """That it differs is told."""
    before = {"db": {"password": "one"}, "url": "redis://:pw@h"}
    now = {"db": {"password": "two"}, "url": "", "more": {"token": "three"}}
    assert differences(before, now) == [
        "db.password: '***', now '***'",
        "url: 'redis://:***@h', now ''",
        "more: not there, now {'token': '***'}",
    ]
