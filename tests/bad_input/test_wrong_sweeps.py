"""Wrong sweeps, one kind a row: each is refused before anything runs, and nothing is left behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode

from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.editing import plain
from qgtune.sweep.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import App

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.timeout(30)

CONFIG = """
defaults: [_self_, {override hydra/sweeper: qgtune}]
lr: 0.1
n: 3
act: relu
model: {width: 8}
hydra:
  sweep: {dir: sweep}
  sweeper: {n_trials: 3, seed: 1, report: false, search_space: {lr: {type: tuple, value: [0.1, 1.0]}}}
"""
LONG = "x" * 300


def sweeper(key: str, value: str) -> str:
    """Return the override of one of the sweeper's keys."""
    return f"hydra.sweeper.{key}={value}"


SWEEPS = {
    "too many trials": (sweeper("n_trials", "99999999999999999999"), "1,000,000,000 or less"),
    "no trial": (sweeper("n_trials", "0"), "it must be 1 or more"),
    "trials in words": (sweeper("n_trials", "many"), "it is no whole number"),
    "half a trial": (sweeper("n_trials", "2.5"), "it is no whole number"),
    "no job": (sweeper("n_jobs", "0"), "it must be 1 or more"),
    "null jobs": (sweeper("n_jobs", "null"), "Error merging override"),
    "a negative timeout": (sweeper("timeout", "-1"), "it must lie in"),
    "a direction": (sweeper("direction", "up"), "give `minimize` or `maximize`"),
    "no direction": (sweeper("direction", "[]"), "give `minimize` or `maximize`"),
    "a blank name": (sweeper("study_name", "''"), "it is empty"),
    "a list as a name": (sweeper("study_name", "[]"), "it is no text"),
    "a blank storage": (sweeper("storage", "'  '"), "it is empty"),
    "a folder as storage": (sweeper("storage", "/etc"), "it is a folder"),
    "no such kind of storage": (sweeper("storage", "'foo://bar'"), "there is no such kind"),
    "a storage without a file": (sweeper("storage", "'sqlite://'"), "it is a folder"),
    "a storage in no folder": (sweeper("storage", "/etc/hostname/x.log"), "is no folder"),
    "a storage with a long name": (sweeper("storage", LONG), "File name too long"),
    "a mapping as storage": (sweeper("storage", "{a: 1}"), "it has no `_target_`"),
    "a storage in memory, shared": (sweeper("storage", "memory") + " hydra.sweeper.n_jobs=2", "Cannot share"),
    "a seed below zero": (sweeper("seed", "-1"), "it must be 0 or more"),
    "a rate above one": (sweeper("max_failure_rate", "2"), "it must lie in"),
    "how to show progress": (sweeper("progress", "loud"), "give `auto`"),
    "a number to enqueue": (sweeper("enqueue", "3"), "it is no list"),
    "a point outside": (sweeper("enqueue", "[{lr: 5}]"), "it is not float 0.1 to 1"),
    "a point elsewhere": (sweeper("enqueue", "[{lrr: 0.5}]"), "Did you mean"),
    "a point that is none": (sweeper("enqueue", "[7]"), "enqueue"),
    "what to tune": (sweeper("tune", "[lrr]"), "Did you mean"),
    "a missing file": (sweeper("search_space", "nope.yaml"), "there is no file"),
    "a folder as a file": (sweeper("search_space", "/etc"), "is no file"),
    "a pipe as a file": (sweeper("search_space", "pipe"), "is no file"),
    "a pipe as storage": (sweeper("storage", "pipe"), "it is no file"),
    "a missing mapping": (sweeper("dependencies", "nope.yaml"), "there is no file"),
    "a dependency on nothing": (sweeper("dependencies", "{model: {width: nope}}"), "the config has no 'nope'"),
    "a resolver nobody knows": (
        sweeper("dependencies", "{model: {width: '${foo:1}'}}"),
        "Unsupported interpolation type foo",
    ),
    "a value below what follows": (
        sweeper("dependencies", "{model: n}") + " model.width=5",
        "Cannot set model.width: model follows 'n'",
    ),
    "a sampler's argument": (
        "hydra/sweeper/sampler=tpe +hydra.sweeper.sampler.n_startup_trials=many",
        "it raised TypeError",
    ),
    "a sampler's unknown argument": (
        "hydra/sweeper/sampler=tpe +hydra.sweeper.sampler.n_start=1",
        "n_start",
    ),
    "a pruner's argument": (
        "hydra/sweeper/pruner=median +hydra.sweeper.pruner.n_startup_trials=many",
        "Cannot build the pruner",
    ),
    "a pruner of several objectives": (
        "hydra/sweeper/pruner=median hydra.sweeper.direction=[minimize,maximize]",
        "cannot be pruned",
    ),
    "a folder that resolves to nothing": ("hydra.sweep.subdir='${nope}'", "Interpolation key 'nope' not found"),
    "a folder by an unknown resolver": ("hydra.sweep.subdir='${foo:1}'", "Unsupported interpolation type foo"),
    "a folder with a long name": (f"hydra.sweep.subdir={LONG}", "no more than 255 bytes"),
    "a tag": ("lr=tag(lgo,interval(0.1,1))", "the only tag is log, not 'lgo'"),
    "an empty range": ("n=range(5,5)", "holds no value"),
    "a range in the wrong direction": ("n=range(1,5,-1)", "holds no value"),
    "a logarithm of zero": ("lr=tag(log,interval(0,1))", "must start above zero"),
    "an interval in the wrong order": ("lr=interval(1,0.1)", "above its high end"),
    "a missing value as a choice": ("act=a,???", "how configs mark a missing value"),
    "a choice that leads nowhere": ("act=choice('${nope}',b)", "Interpolation key 'nope' not found"),
    "a choice twice": ("act=a,b,a", "stands there twice"),
    "a function to suggest more": (sweeper("custom_search_space", "nope.f"), "does not import"),
    "a function that is none": (sweeper("custom_search_space", "os.nope"), "has no function"),
    "nothing to tune": (sweeper("search_space", "null"), "there is nothing to tune"),
    "an end that resolves to nothing": (
        sweeper("search_space.lr.value", "['${nope}',1.0]"),
        "Interpolation key 'nope' not found",
    ),
    "an end that resolves to text": (sweeper("search_space.lr.value", "['${act}',1.0]"), "'relu' is no number"),
}


def planned(folder: Path, *overrides: str) -> None:
    """Compose an app's sweep as Hydra does, and check all of it."""
    (folder / "config.yaml").write_text(CONFIG)
    os.mkfifo(folder / "pipe")
    register_resolvers()
    setup_globals()
    with initialize_config_dir(version_base=None, config_dir=str(folder), job_name="app"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", list(overrides), run_mode=RunMode.MULTIRUN)
        make_plan(HydraContext(loader, Callbacks()), config, plain(config.hydra.overrides.task))


@pytest.mark.parametrize(("overrides", "words"), SWEEPS.values(), ids=SWEEPS)
def test_wrong_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: str, words: str) -> None:
    """Each is one clear error, and no file or folder is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HydraException) as caught:
        planned(tmp_path, *split(overrides))
    assert words in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "pipe"}


def split(overrides: str) -> list[str]:
    """Split overrides at the spaces before their keys."""
    import re

    return re.split(r" (?=[+~]?[\w/.]+=)", overrides)


@pytest.mark.slow
@pytest.mark.parametrize("key", ["built_search_space_path", "best_trial_path", "best_config_path"])
@pytest.mark.parametrize("path", ["/proc/nope/x.yaml", "/etc"], ids=["cannot be made", "a folder"])
def test_results_that_cannot_be_written(make_app: MakeApp, key: str, path: str) -> None:
    """They are noticed before the first trial, in one line."""
    app = make_app("pass")
    run = app.sweep(f"hydra.sweeper.{key}={path}")
    assert run.code == 1
    assert f"Cannot write '{path}' (hydra.sweeper.{key})" in run.err
    assert "Traceback" not in run.out + run.err
    assert not list(app.path().glob("[0-9]*"))
