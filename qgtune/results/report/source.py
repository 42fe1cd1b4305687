"""From the text that names a study to the open study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qgtune.results.best import best_trials
from qgtune.results.commands import dashboard_command, program_of, report_command
from qgtune.results.masks import masked
from qgtune.results.report.facts import Command, Facts
from qgtune.results.report.sweep_folder import SweepFolder
from qgtune.results.source import open_source as find

if TYPE_CHECKING:
    import optuna


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
    found = find(source, study_name)
    if found.folder is None or found.config is None:
        shown = masked(source) if "://" in source else found.storage
        return Source(found.study, _facts_of_storage(shown, found.study))
    return Source(found.study, facts_of_folder(SweepFolder(found.folder, found.config), found.study))


def facts_of_folder(folder: SweepFolder, study: optuna.Study) -> Facts:
    """Return what a report of `study` tells of its sweep folder."""
    best = best_trials(study)
    return folder.facts(best[0] if best else None, program_of(study.user_attrs))


def _facts_of_storage(shown: str, study: optuna.Study) -> Facts:
    commands = (
        Command("Look at the study in a browser", dashboard_command(shown)),
        Command("Write this page again", f"{report_command(shown)} --study {study.study_name!r}"),
    )
    return Facts(storage=shown, commands=commands)
