"""The snapshot beside a long journal."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from qgtune.study.journal import storage as journal_module
from qgtune.study.journal.file import JournalFile
from qgtune.study.journal.storage import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def _early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a snapshot of a short journal."""
    monkeypatch.setattr(journal_module, "SNAPSHOT_RECORDS", 10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a journal that has a snapshot, and a few records after it."""
    path = tmp_path / "study.log"
    storage = Journal(path)
    study = optuna.create_study(study_name="s", storage=storage, directions=["minimize", "maximize"])
    study.set_user_attr("space", {"x": [0, 1]})
    storage.set_study_system_attr(0, "names", ["loss", "score"])
    study.optimize(objective, n_trials=5)
    study.enqueue_trial({"x": 0.25})
    Journal(path)
    assert snapshot(path).exists()
    study.ask()
    return path


def objective(trial: optuna.Trial) -> tuple[float, float]:
    """Use every kind of value."""
    x = trial.suggest_float("x", 1e-5, 1, log=True)
    n = trial.suggest_int("n", 1, 9, step=2)
    kind = trial.suggest_categorical("kind", ["a", None, 2.5, True])
    trial.set_user_attr("kind", [kind])
    if trial.number == 3:
        raise optuna.TrialPruned
    return x, float("inf") if trial.number == 2 else n


def snapshot(path: Path) -> Path:
    """Return where the snapshot is."""
    return path.with_name(".study.log.snapshot")


@pytest.fixture
def read_from(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the numbers of the first records that are read."""
    numbers: list[int] = []
    genuine = JournalFile.read_logs

    def read_logs(self: JournalFile, number: int) -> Any:
        numbers.append(number)
        return genuine(self, number)

    monkeypatch.setattr(JournalFile, "read_logs", read_logs)
    return numbers


def check_same(path: Path) -> None:
    """Check that we see what Optuna sees."""
    ours, stock = Journal(path), JournalStorage(JournalFileBackend(str(path)))
    assert repr(ours.get_all_trials(0)) == repr(stock.get_all_trials(0))
    assert ours.get_study_user_attrs(0) == stock.get_study_user_attrs(0) == {"space": {"x": [0, 1]}}
    assert ours.get_study_system_attrs(0) == stock.get_study_system_attrs(0)
    assert ours.get_study_directions(0) == stock.get_study_directions(0)
    study = optuna.load_study(study_name="s", storage=ours)
    trial = study.ask()
    trial.suggest_float("x", 1e-5, 1, log=True)
    assert ours.get_all_trials(0)[-1] == stock.get_all_trials(0)[-1]


def test_a_snapshot_leads_to_what_the_journal_says(path: Path, read_from: list[int]) -> None:
    """Only what came after the snapshot is read, and all is as Optuna sees it."""
    check_same(path)
    assert read_from[0] > 20


def test_a_snapshot_holds_for_a_copy_of_the_folder(path: Path, read_from: list[int], tmp_path: Path) -> None:
    """The journal is known by what is in it, so that both files can be moved."""
    shutil.copytree(path.parent, tmp_path / "copy")
    check_same(tmp_path / "copy" / path.name)
    assert read_from[0] > 20


@pytest.mark.skipif(optuna.__version__ < "5", reason="before, the journal itself has local times")
def test_times_hold_in_another_zone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot that was made elsewhere, or before the clocks changed, gives the moments of the journal."""
    monkeypatch.setenv("TZ", "America/Lima")
    time.tzset()
    try:
        check_same(path)
    finally:
        monkeypatch.undo()
        time.tzset()


def cut(path: Path) -> None:
    """Lose the end of the snapshot."""
    snapshot(path).write_bytes(snapshot(path).read_bytes()[:-10])


def change(path: Path) -> None:
    """Change a value in the snapshot."""
    body = snapshot(path).read_bytes()
    assert b'"kind"' in body
    snapshot(path).write_bytes(body.replace(b'"kind"', b'"king"'))


def of_other_optuna(path: Path) -> None:
    """Let another version of Optuna have made the snapshot."""
    head, _, body = snapshot(path).read_bytes().partition(b"\n")
    header = json.loads(head) | {"optuna": "4.0.0"}
    snapshot(path).write_bytes(json.dumps(header).encode() + b"\n" + body)


def replace_journal(path: Path) -> None:
    """Put another journal of the same length in the place of the snapshot's."""
    path.write_bytes(path.read_bytes().replace(b'"space"', b'"SPACE"'))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: snapshot(path).unlink(),
        lambda path: snapshot(path).write_bytes(b""),
        lambda path: snapshot(path).write_bytes(b"[]\n[]"),
        cut,
        change,
        of_other_optuna,
        replace_journal,
    ],
    ids=["deleted", "empty", "list", "cut", "changed", "other optuna", "other journal"],
)
def test_a_snapshot_that_does_not_fit_is_not_used(
    path: Path, spoil: Callable[[Path], None], read_from: list[int]
) -> None:
    """Whatever is wrong with it, the journal is read from its beginning."""
    spoil(path)
    journal = Journal(path)
    assert read_from[0] == 0
    assert [trial.number for trial in journal.get_all_trials(0)] == list(range(6))


def test_a_journal_cut_before_the_snapshots_end_is_read_whole(path: Path, read_from: list[int]) -> None:
    """A snapshot does not bring back what the journal no longer has."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    assert Journal(path).get_all_trials(0) == []
    assert read_from[0] == 0


def test_a_snapshot_is_renewed_when_the_journal_has_grown(path: Path) -> None:
    """Snapshots are made at ever longer intervals, by whoever opens the journal."""
    before = snapshot(path).read_bytes()
    Journal(path)
    assert snapshot(path).read_bytes() == before
    optuna.load_study(study_name="s", storage=Journal(path)).optimize(objective, n_trials=5)
    Journal(path)
    assert snapshot(path).read_bytes() != before
    check_same(path)


def test_there_is_no_snapshot_after_a_study_was_deleted(tmp_path: Path) -> None:
    """A deleted study leaves trial ids behind that a snapshot cannot tell."""
    path = tmp_path / "study.log"
    journal = Journal(path)
    optuna.create_study(study_name="gone", storage=journal).optimize(lambda _: 1.0, n_trials=10)
    optuna.delete_study(study_name="gone", storage=journal)
    optuna.create_study(study_name="s", storage=journal).optimize(lambda _: 1.0, n_trials=2)
    assert Journal(path).get_all_trials(1) == journal.get_all_trials(1)
    assert not snapshot(path).exists()


def test_a_folder_that_cannot_be_written_needs_no_snapshot(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failing to write one is no error, and leaves nothing behind."""
    snapshot(path).unlink()

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    assert len(Journal(path).get_all_trials(0)) == 6
    assert not list(path.parent.glob(".study.log.snapshot*"))
