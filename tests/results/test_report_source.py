"""From a sweep folder or a storage's text to the study and what is known beside it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import yaml
from optuna.storages.journal import JournalFileBackend

from qgtune.errors import QGTuneError
from qgtune.results.commands import PROGRAM
from qgtune.results.report import open_source, report
from qgtune.results.report.masks import masked
from tests.results.studies import trial, usual

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
        (folder / "best_config.yaml").write_text("lr: 0.003\n")
        return folder

    return make


def test_folder_gives_study_config_and_commands(sweep: Callable[..., Path]) -> None:
    """A sweep folder knows its study, its best config and how the sweep was started."""
    folder = sweep()
    journal(folder / "study.log", "train")
    source = open_source(str(folder))
    source.study.set_user_attr(PROGRAM, "python 'my app.py'")
    facts = open_source(str(folder)).facts
    assert source.study.study_name == "train"
    assert facts.folder == folder
    assert facts.best_config == "lr: 0.003\n"
    assert [command.text for command in facts.commands] == [
        f"python 'my app.py' --config-path {folder} --config-name best_config",
        f"python 'my app.py' --multirun hydra.sweeper.n_jobs=2 'lr=interval(0.1,1)' hydra.sweep.dir={folder}",
        f"optuna-dashboard {folder}/study.log",
        f"qgtune report {folder}",
    ]


def test_program_is_guessed_from_the_job_where_nobody_noted_it(sweep: Callable[..., Path]) -> None:
    """A study of before names no program; a script of the job's name in the sweep's folder is taken for it."""
    folder = sweep()
    journal(folder / "study.log", "train")
    assert len(open_source(str(folder)).facts.commands) == 2
    (folder.parent / "train.py").touch()
    assert open_source(str(folder)).facts.commands[0].text.startswith("python train.py --config-path")


def test_folder_may_be_moved(sweep: Callable[..., Path]) -> None:
    """What lies in the folder is found where the folder is now."""
    old = sweep()
    journal(old / "study.log", "train")
    new = shutil.move(old, old.with_name("moved"))
    facts = open_source(str(new)).facts
    assert facts.folder == new
    assert facts.best_config == "lr: 0.003\n"


def test_best_config_of_another_trial_is_not_shown(sweep: Callable[..., Path]) -> None:
    """While a study goes on, the files still tell of the last run's best trial."""
    folder = sweep()
    better = trial(12, values=[-1.0], params={"lr": 0.7, "act": "gelu"})
    journal(folder / "study.log", "train", trials=[*usual().trials, better])
    facts = open_source(str(folder)).facts
    assert facts.best_config == ""
    assert not any("--config-name" in command.text for command in facts.commands)


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
    log_of = open_source(str(folder)).facts.log_of
    assert log_of(3) == folder / name / "a.log"
    (folder / name / "train.log").touch()
    assert log_of(3) == folder / name / "train.log"
    assert log_of(4) is None


def test_journal_of_a_sweep_leads_to_its_folder(sweep: Callable[..., Path]) -> None:
    """The journal's path gives all that the folder's does."""
    folder = sweep()
    journal(folder / "study.log", "train")
    assert open_source(str(folder / "study.log")).facts.folder == folder


def test_journal_alone_gives_the_only_study(tmp_path: Path) -> None:
    """A journal from elsewhere needs no name while it holds one study."""
    source = open_source(str(journal(tmp_path / "j.log", "one")))
    assert source.study.study_name == "one"
    assert source.facts.folder is None
    assert len(source.study.trials) == 12


def test_study_is_chosen_by_name(tmp_path: Path) -> None:
    """Of several studies the name takes one."""
    path = journal(tmp_path / "j.log", "one", "two")
    assert open_source(str(path), "two").study.study_name == "two"


@pytest.mark.parametrize(
    ("source", "name", "told"),
    [
        ("gone", None, r"there is no such folder or file"),
        ("gone.log", None, r"there is no such folder or file"),
        ("sqlite:///gone.db", None, r"there is no such file"),
        (".", None, r"it has no multirun\.yaml\. Give the folder that a sweep printed"),
        ("j.log", None, r"it holds 2 studies: 'one', 'two'\. Give a study name"),
        ("j.log", "tow", r"does not hold it\. Did you mean 'two'"),
        ("empty.log", None, r"it holds no study"),
        ("foreign", None, r"its multirun\.yaml names no study"),
        ("broken", None, r"Cannot read '.*multirun\.yaml'"),
        ("memory", None, r"it was kept in memory"),
    ],
    ids=["folder", "file", "database", "no sweep", "several", "misspelt", "none", "foreign", "broken", "memory"],
)
def test_what_cannot_be_opened_is_said_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, name: str | None, told: str
) -> None:
    """One line says why there is no report; looking leaves no file behind."""
    monkeypatch.chdir(tmp_path)
    journal(tmp_path / "j.log", "one", "two")
    (tmp_path / "empty.log").touch()
    configs = {
        "foreign": "hydra: {}",
        "broken": "a: [",
        "memory": "hydra: {sweep: {dir: x}, sweeper: {study_name: a, storage: memory}}",
    }
    for folder, text in configs.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "multirun.yaml").write_text(text)
    before = {path for path in tmp_path.rglob("*") if not path.name.startswith(".")}
    with pytest.raises(QGTuneError, match=told):
        open_source(source, name)
    assert {path for path in tmp_path.rglob("*") if not path.name.startswith(".")} == before


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
        ("postgresql://me:pw@host:5432/db", "postgresql://me:…@host:5432/db"),
        ("redis://:pw@host/0", "redis://:…@host/0"),
        ("mysql+pymysql://me:p@ss:w@host/db", "mysql+pymysql://me:…@host/db"),
        ("http://h/?token=abc&x=1", "http://h/?token=…&x=1"),
        ("at postgresql://me@host/db, then", "at postgresql://me@host/db, then"),
        ("/data/a:b@c/study.log", "/data/a:b@c/study.log"),
        ("http://h:80/a", "http://h:80/a"),
    ],
    ids=["user", "no user", "odd password", "query", "no password", "path", "port"],
)
def test_passwords_are_masked(text: str, shown: str) -> None:
    """An address loses its password and nothing else."""
    assert masked(text) == shown
