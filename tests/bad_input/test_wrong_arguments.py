"""Wrong arguments of the plain-Python functions, one kind a row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest

from qgtune import QGTuneError, tune

if TYPE_CHECKING:
    from collections.abc import Callable

SPACE = "model:\n  width: {type: tuple, value: [1, 8]}\n"


def objective(trial: optuna.Trial, tuning_config: dict[str, Any]) -> float:
    """Never called: the arguments beside it are wrong."""
    raise AssertionError(trial, tuning_config)


def build(**given: Any) -> Any:
    """Build a space from a good file, with one argument changed."""
    Path("space.yaml").write_text(SPACE)
    trial = optuna.trial.FixedTrial({"model.width": 3})
    arguments = {"search_space_file": "space.yaml", "depmap_file": None, "trial": trial, "tune_model": True}
    return tune.build_search_space_with_dependencies(**{**arguments, **given})


def done() -> optuna.Study:
    """Return a study with one trial."""
    study = optuna.create_study()
    study.optimize(lambda trial: trial.suggest_float("nope", 0, 1), n_trials=1)
    return study


def best_config(best: str) -> None:
    """Write a best config from files, of which one is wrong."""
    Path("built.yaml").write_text("model: {width: 3}\n")
    Path("best.yaml").write_text(best)
    tune.save_best_config("built.yaml", "best.yaml", None, "out.yaml")


ROWS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no mapping": (lambda: tune.optimize(objective, 3), TypeError, "must be a mapping, not int"),  # type: ignore[arg-type]
    "no function": (lambda: tune.optimize("f", {}), TypeError, "objective must be callable"),  # type: ignore[arg-type]
    "an unknown key": (lambda: tune.optimize(objective, {"n_trails": 1}), QGTuneError, "Did you mean 'n_trials'"),
    "too many trials": (lambda: tune.optimize(objective, {"n_trials": 10**20}), QGTuneError, "1,000,000,000 or less"),
    "no process": (lambda: tune.optimize(objective, {"n_processes": 0}), QGTuneError, "it must be 1 or more"),
    "true as a number": (lambda: tune.optimize(objective, {"n_trials": True}), QGTuneError, "it is no whole number"),
    "NaN as a timeout": (lambda: tune.optimize(objective, {"timeout": float("nan")}), QGTuneError, "it must lie in"),
    "a blank storage": (lambda: tune.optimize(objective, {"storage": "  "}), QGTuneError, "it is empty"),
    "a folder as storage": (lambda: tune.optimize(objective, {"storage": "."}), QGTuneError, "it is a folder"),
    "memory for two": (
        lambda: tune.optimize(objective, {"n_processes": 2, "storage": "memory"}),
        QGTuneError,
        "Cannot share a study in memory",
    ),
    "a list as a name": (lambda: tune.optimize(objective, {"study_name": []}), QGTuneError, "it is no text"),
    "an unknown sampler": (lambda: tune.create_study({"sampler": "tpee"}), QGTuneError, "there is no sampler 'tpee'"),
    "a sampler's argument": (
        lambda: tune.create_study({"sampler": {"name": "tpe", "n_start": 1}}),
        QGTuneError,
        "n_start",
    ),
    "an unknown pruner": (lambda: tune.create_study({"pruner": "medain"}), QGTuneError, "there is no pruner 'medain'"),
    "a direction": (lambda: tune.create_study({"direction": "up"}), QGTuneError, "give `minimize` or `maximize`"),
    "a best trial that cannot be written": (
        lambda: tune.optimize(objective, {"best_trial_path": "/proc/nope/x.yaml"}),
        QGTuneError,
        "Cannot write '/proc/nope/x.yaml' (best_trial_path)",
    ),
    "a best config in a folder's place": (
        lambda: tune.optimize(objective, {"best_trial_path": "x.yaml", "best_param_path": "."}),
        QGTuneError,
        "it is a folder",
    ),
    "a number as a file": (lambda: tune.get_tuning_settings(3), TypeError, "must be text or a Path"),  # type: ignore[arg-type]
    "a missing file": (lambda: tune.get_tuning_settings("nope.yaml"), FileNotFoundError, "there is no file"),
    "a folder as a file": (lambda: tune.get_tuning_settings("."), FileNotFoundError, "there is no file"),
    "null as a file": (lambda: tune.load_yaml(None, "it"), TypeError, "must be text or a Path"),  # type: ignore[arg-type]
    "a missing space": (lambda: build(search_space_file="nope.yaml"), FileNotFoundError, "there is no file"),
    "a missing mapping": (lambda: build(depmap_file="nope.yaml"), FileNotFoundError, "there is no file"),
    "no trial": (lambda: build(trial=None), TypeError, "must be an optuna Trial"),
    "a word as a flag": (lambda: build(tune_model="yes"), TypeError, "must be true or false"),
    "no base settings": (lambda: build(tune_model=False), QGTuneError, "base_settings_file is needed"),
    "no study": (lambda: tune.save_best_trial(None, "best.yaml"), TypeError, "must be an optuna Study"),  # type: ignore[arg-type]
    "no trial in the study": (
        lambda: tune.save_best_trial(optuna.create_study(), "best.yaml"),
        QGTuneError,
        "no trial completed",
    ),
    "two objectives": (
        lambda: tune.save_best_trial(optuna.create_study(directions=["minimize"] * 2), "best.yaml"),
        QGTuneError,
        "several objectives",
    ),
    "a best trial of another space": (lambda: best_config("model.widht: 3"), QGTuneError, "Did you mean 'model.width'"),
    "a best trial that is a list": (lambda: best_config("[1]"), QGTuneError, "it is no mapping"),
    "an empty best trial": (lambda: best_config(""), QGTuneError, "it is empty"),
}


@pytest.mark.parametrize(("act", "kind", "words"), ROWS.values(), ids=ROWS)
def test_wrong_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any], kind: type[Exception], words: str
) -> None:
    """Each is one clear error; nothing is run, and no file is written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind) as caught:
        act()
    assert words in str(caught.value)
    assert not {path.name for path in tmp_path.iterdir()} - {"space.yaml", "built.yaml", "best.yaml"}


def test_a_good_study_is_written_where_it_belongs(tmp_path: Path) -> None:
    """What the rows change is all that is wrong with them."""
    tune.save_best_trial(done(), tmp_path / "best.yaml")
    assert set(tune.load_yaml(tmp_path / "best.yaml", "best trial")) == {"nope"}
