"""From a sweep folder or a storage's text to the study and what is known beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import yaml
from optuna.storages.journal import JournalFileBackend

from qgtune.errors import QGTuneError
from qgtune.results.invocation import Invocation
from qgtune.results.report import Facts, report
from qgtune.results.report.facts import facts_of
from qgtune.results.source import open_source
from qgtune.study.storages.addresses import redact
from tests.results.studies import trial, usual

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import FrozenTrial

CONFIG: dict[str, Any] = {
    "hydra": {
        "sweep": {"dir": "multirun/${now:%H-%M}", "subdir": "${hydra.job.num}"},
        "sweeper": {
            "study_name": "${hydra.job.name}",
            "storage": "${hydra.sweep.dir}/study.log",
            "best_trial_path": "${hydra.sweep.dir}/best_trial.yaml",
            "best_config_path": "${hydra.sweep.dir}/best_config.yaml",
        },
        "job": {"name": "train", "num": "???", "id": "???"},
        "runtime": {"cwd": "/nowhere"},
        "overrides": {
            "hydra": ["hydra.mode=MULTIRUN", "hydra.sweep.dir=old", "hydra.sweeper.n_jobs=2"],
            "task": ["lr=interval(0.1,1)"],
        },
    }
}


def journal(path: Path, *names: str, trials: list[FrozenTrial] | None = None) -> Path:
    """Write studies of these names into a journal, with stock Optuna."""
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    for name in names:
        made = optuna.create_study(study_name=name, storage=storage)
        made.add_trials(usual().trials if trials is None else trials)
    return path


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[..., Path]:
    """Return what makes a sweep folder; keyword arguments replace keys of its `hydra.sweeper`."""

    def make(sweep_node: dict[str, Any] | None = None, **sweeper: Any) -> Path:
        folder = tmp_path / "sweep"
        folder.mkdir()
        hydra = {
            **CONFIG["hydra"],
            "sweeper": {**CONFIG["hydra"]["sweeper"], **sweeper},
            "runtime": {"cwd": str(tmp_path)},
        }
        hydra["sweep"] = {**CONFIG["hydra"]["sweep"], **(sweep_node or {})}
        (folder / "multirun.yaml").write_text(yaml.safe_dump({"hydra": hydra}))
        (folder / "best_trial.yaml").write_text(yaml.safe_dump({"lr": 0.003, "act": "relu"}))
        (folder / "best_config.yaml").write_text("lr: 0.003\nact: relu\n")
        return folder

    return make


def told(folder: Path) -> Facts:
    """Return what is known beside the study of a folder or journal."""
    return facts_of(open_source(str(folder)))


def test_folder_gives_config_and_commands(sweep: Callable[..., Path]) -> None:
    """A sweep folder knows its best config and how to go on."""
    folder = sweep()
    journal(folder / "study.log", "train")
    Invocation(("/usr/bin/python3", "my app.py"), ("--multirun",), "/app").write(folder, None)
    facts = told(folder)
    assert facts.folder == folder
    assert facts.best_config == "lr: 0.003\nact: relu\n"
    assert [line for _purpose, line in facts.commands] == [
        f"qgtune rerun {folder}",
        f"qgtune resume {folder}",
        f"qgtune dashboard {folder}",
        f"qgtune report {folder}",
    ]


def test_unknown_program_leaves_its_commands_out(sweep: Callable[..., Path]) -> None:
    """A folder that does not say how its app is started has the study's commands only."""
    folder = sweep()
    journal(folder / "study.log", "train")
    assert len(told(folder).commands) == 2


def test_front_shows_the_first_config_there_is(sweep: Callable[..., Path]) -> None:
    """Of a Pareto front, the config of the first trial that has one is shown."""
    folder = sweep()
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / "study.log")))
    study = optuna.create_study(study_name="train", storage=storage, directions=["minimize", "minimize"])
    study.add_trials([trial(number, values=[number, -number], params={"lr": (1 + number) / 10}) for number in range(3)])
    (folder / "best_config_2.yaml").write_text("lr: 0.3\n")
    assert told(folder).best_config == "lr: 0.3\n"


def test_folder_may_be_moved(sweep: Callable[..., Path]) -> None:
    """What lies in the folder is found where the folder is now."""
    old = sweep()
    journal(old / "study.log", "train")
    new = shutil.move(old, old.with_name("moved"))
    facts = told(Path(new))
    assert facts.folder == new
    assert facts.best_config == "lr: 0.003\nact: relu\n"


def test_best_config_of_another_trial_is_not_shown(sweep: Callable[..., Path]) -> None:
    """While a study goes on, the files still tell of the last run's best trial."""
    folder = sweep()
    better = trial(12, values=[-1.0], params={"lr": 0.7, "act": "gelu"})
    journal(folder / "study.log", "train", trials=[*usual().trials, better])
    facts = told(folder)
    assert facts.best_config == ""
    assert not any("--config-name" in line for _purpose, line in facts.commands)


@pytest.mark.parametrize("name", ["study.log", "here/study.log"], ids=["beside the app", "in a folder"])
def test_storage_path_is_relative_to_where_the_sweep_ran(sweep: Callable[..., Path], name: str) -> None:
    """A relative storage of the config is looked for where the sweep was started."""
    folder = sweep(storage=name)
    (folder.parent / "here").mkdir()
    journal(folder.parent / name, "train")
    assert open_source(str(folder)).study.study_name == "train"


def test_hydra_interpolations_resolve_without_hydra(sweep: Callable[..., Path]) -> None:
    """`${hydra:…}` in a config is Hydra's to resolve; a report does without it."""
    folder = sweep(storage="${hydra:runtime.cwd}/all.log", study_name="${hydra:job.name}")
    journal(folder.parent / "all.log", "other", "train")
    assert open_source(str(folder)).study.study_name == "train"


@pytest.mark.parametrize(
    ("subdir", "name"),
    [("${hydra.job.num}", "3"), ("trial_${hydra.job.num}", "trial_3"), ("${oc.env:QGTUNE_UNSET}", "3")],
    ids=["number", "named", "unresolvable"],
)
def test_log_is_found_by_the_trials_folder(sweep: Callable[..., Path], subdir: str, name: str) -> None:
    """A trial's log is the job's in the trial's folder, or any log there; a trial without one has none."""
    folder = sweep({"subdir": subdir})
    journal(folder / "study.log", "train")
    (folder / name).mkdir()
    (folder / name / "a.log").touch()
    log_of = open_source(str(folder)).trial_log
    assert log_of(3) == folder / name / "a.log"
    (folder / name / "train.log").touch()
    assert log_of(3) == folder / name / "train.log"
    assert log_of(4) is None


def test_journal_of_a_sweep_leads_to_its_folder(sweep: Callable[..., Path]) -> None:
    """The journal's path gives all that the folder's does."""
    folder = sweep()
    journal(folder / "study.log", "train")
    assert told(folder / "study.log").folder == folder


def test_journal_alone_has_no_folder(tmp_path: Path) -> None:
    """The commands then name the journal and the study."""
    path = journal(tmp_path / "j.log", "one")
    assert told(path).folder is None
    assert told(path).commands[-1][1] == f"qgtune report {path} --study one"


def test_missing_database_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for a study leaves no file behind."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(QGTuneError, match=r"gone\.db"):
        open_source("sqlite:///gone.db")
    assert list(tmp_path.iterdir()) == []


def test_report_lands_in_the_sweep_folder_or_where_told(sweep: Callable[..., Path], tmp_path: Path) -> None:
    """The page goes into the sweep folder, or to a given path; pictures into their folder."""
    folder = sweep()
    journal(folder / "study.log", "train")
    assert report(str(folder)) == folder / "report.html"
    assert report(str(folder), output=tmp_path / "new" / "page.html", pictures=tmp_path / "png").exists()
    assert (folder / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "png" / "slices.png").read_bytes().startswith(b"\x89PNG")


def test_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A path that takes no file ends with one line."""
    path = journal(tmp_path / "j.log", "one")
    with pytest.raises(QGTuneError, match=r"Cannot write the report '.*j\.log/report\.html'.*Choose another path"):
        report(str(path), output=path / "report.html")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pw@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("redis://:pw@host/0", "redis://:***@host/0"),
        ("mysql+pymysql://me:p@ss:w@host/db", "mysql+pymysql://me:***@host/db"),
        ("http://h/?token=abc&x=1", "http://h/?token=***&x=1"),
        ("at postgresql://me@host/db, then", "at postgresql://me@host/db, then"),
        ("/data/a:b@c/study.log", "/data/a:b@c/study.log"),
        ("http://h:80/a", "http://h:80/a"),
    ],
    ids=["user", "no user", "odd password", "query", "no password", "path", "port"],
)
def test_passwords_are_masked(text: str, shown: str) -> None:
    """An address loses its password and nothing else."""
    assert redact(text) == shown


def test_how_a_sweep_was_set_up_is_told(sweep: Callable[..., Path], tmp_path: Path) -> None:
    """Sampler with what was set of it, pruner, seed, versions, and the commit of the folder it was started in."""
    folder = sweep(
        seed=7,
        sampler={"_target_": "optuna.samplers.TPESampler", "n_startup_trials": 5},
        pruner={"_target_": "optuna.pruners.MedianPruner"},
    )
    journal(folder / "study.log", "train")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=me", "-c", "user.email=me@here"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "one"], check=True)
    setup = dict(told(folder).setup)
    assert setup["Sampler"] == "TPESampler(n_startup_trials=5)"
    assert (setup["Pruner"], setup["Seed"]) == ("MedianPruner", "7")
    assert f"optuna {optuna.__version__}" in setup["Versions"]
    assert re.fullmatch(r"[0-9a-f]{12}, when this page was written", setup["Commit"])


def test_the_base_settings_are_those_of_the_app(sweep: Callable[..., Path]) -> None:
    """What the app's own config has in place of each hyperparameter, and nothing for those that it lacks."""
    folder = sweep()
    journal(folder / "study.log", "train")
    config = yaml.safe_load((folder / "multirun.yaml").read_text())
    (folder / "multirun.yaml").write_text(yaml.safe_dump({**config, "lr": 0.25}))
    base = told(folder).base
    assert base is not None
    assert base["lr"] == 0.25
    assert "act" not in base
