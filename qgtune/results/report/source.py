"""From the text that names a study to the open study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import optuna

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.results.best import best_trials
from qgtune.results.commands import dashboard_command, program_of, report_command
from qgtune.results.report.facts import Command, Facts
from qgtune.results.report.masks import masked
from qgtune.results.report.sweep_folder import CONFIG_FILE, SweepFolder
from qgtune.study.storages import is_memory, open_storage

if TYPE_CHECKING:
    from collections.abc import Sequence

SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Source:
    """An open study and what is known beside it. Read from it; the study is not to be changed."""

    study: optuna.Study
    facts: Facts


def open_source(source: str, study_name: str | None = None) -> Source:
    """Open the study that a sweep folder or a storage holds. Nothing is created.

    Args:
        source: a sweep folder, the path of a journal file, or a storage's address.
        study_name: which study; None takes the sweep folder's, or the only one in the storage.

    Raises:
        QGTuneError: when there is no such folder, storage or study, or several to choose from.
    """
    folder = _sweep_folder(source)
    if folder is None:
        study = _load(source, study_name)
        return Source(study, _facts_of_storage(source, study))
    storage = folder.storage
    if storage is None or is_memory(storage):
        raise QGTuneError(
            f"Cannot open the study of {source!r}: it was kept in memory, or its storage cannot be read any more. "
            "Give the storage itself."
        )
    study = _load(storage, study_name or folder.study_name)
    return Source(study, facts_of_folder(folder, study))


def facts_of_folder(folder: SweepFolder, study: optuna.Study) -> Facts:
    """Return what a report of `study` tells of its sweep folder."""
    best = best_trials(study)
    return folder.facts(best[0] if best else None, program_of(study.user_attrs))


def _sweep_folder(source: str) -> SweepFolder | None:
    """Return the sweep folder that `source` is, or that the journal file `source` lies in."""
    if "://" in source:
        return None
    path = Path(source).expanduser()
    if path.is_dir():
        return SweepFolder.read(path)
    if not path.exists():
        raise QGTuneError(f"Cannot open {source!r}: there is no such folder or file. Check the path.")
    if not (path.parent / CONFIG_FILE).is_file():
        return None
    beside = SweepFolder.read(path.parent)
    return beside if beside.storage is not None and Path(beside.storage).absolute() == path.absolute() else None


def _facts_of_storage(source: str, study: optuna.Study) -> Facts:
    shown = masked(source)
    commands = (
        Command("Look at the study in a browser", dashboard_command(shown)),
        Command("Write this page again", f"{report_command(shown)} --study-name {study.study_name!r}"),
    )
    return Facts(storage=shown, commands=commands)


def _load(storage_text: str, study_name: str | None) -> optuna.Study:
    _check_exists(storage_text)
    storage = open_storage(storage_text)
    names = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=_chosen(names, study_name, masked(storage_text)), storage=storage)


def _check_exists(storage: str) -> None:
    """Refuse what opening would create."""
    file = storage.removeprefix(SQLITE) if storage.startswith(SQLITE) else storage
    if "://" not in file and not Path(file).exists():
        raise QGTuneError(f"Cannot open the storage {masked(storage)!r}: there is no such file. Check the path.")


def _chosen(names: Sequence[str], wanted: str | None, shown: str) -> str:
    if not names:
        raise QGTuneError(f"Cannot report on {shown!r}: it holds no study.")
    if wanted is None and len(names) == 1:
        return names[0]
    listed = ", ".join(map(repr, names[:10]))
    if wanted is None:
        raise QGTuneError(f"Cannot report on {shown!r}: it holds {len(names)} studies: {listed}. Give a study name.")
    if wanted not in names:
        near = did_you_mean(wanted, names) or f" It holds {listed}."
        raise QGTuneError(f"Cannot report on study {wanted!r}: {shown!r} does not hold it.{near}")
    return wanted
