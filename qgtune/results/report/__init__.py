"""A study's report: one HTML page that works without a network, or pictures.

Needs the extra `report` (plotly; matplotlib for pictures). Both are imported when they are used only.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from qgtune.errors import QGTuneError
from qgtune.files import write_whole
from qgtune.results.report.facts import Facts, facts_of
from qgtune.results.source import Source, open_source

if TYPE_CHECKING:
    import optuna

__all__ = [
    "FILE",
    "HOW_TO_INSTALL",
    "Facts",
    "is_installed",
    "report",
    "write_pictures",
    "write_report",
    "write_sweep_report",
]

FILE = "report.html"
HOW_TO_INSTALL = "Install qgtune[report] for report.html: pip install 'qgtune[report]'"


def report(
    source: str, *, study_name: str | None = None, output: Path | None = None, pictures: Path | None = None
) -> Path:
    """Write the report of a study that is kept somewhere; what `qgtune report` does.

    Args:
        source: a sweep folder, or a storage: the path of a journal file or an address. Nothing is created or changed
            there but the page.
        study_name: which study of the storage; None takes the sweep folder's, or the only one there.
        output: the page to write; None means `report.html` in the sweep folder, or in the working folder if there is
            none.
        pictures: a folder for the plots as PNG pictures; None writes none.

    Returns:
        The page's path.

    Raises:
        QGTuneError: when there is no such study, a package is missing, or a file cannot be written.
    """
    found = open_source(source, study_name)
    path = output or (found.folder or Path()) / FILE
    write_report(found.study, path, facts=facts_of(found))
    if pictures is not None:
        write_pictures(found.study, pictures)
    return path


def is_installed() -> bool:
    """Say whether the page can be written, without importing what it needs."""
    return importlib.util.find_spec("plotly") is not None


def write_sweep_report(study: optuna.Study, folder: Path) -> Path:
    """Write the report of the open study of a sweep into the sweep's folder.

    Args:
        study: may be kept in memory.
        folder: with the sweep's `multirun.yaml`.

    Returns:
        The page's path.

    Raises:
        QGTuneError: as `write_report`, and when the folder is no sweep's.
    """
    write_report(study, folder / FILE, facts=facts_of(Source.of_sweep(study, folder)))
    return folder / FILE


def write_report(study: optuna.Study, path: Path, *, facts: Facts | None = None) -> None:
    """Write the report of an open study as one HTML page, whole or not at all.

    Args:
        study: in any state: running, empty, all failed, of several objectives.
        path: the page; its folder is made, and what stood there is replaced.
        facts: what the study does not know: folders, commands, the best config. None leaves these out.

    Raises:
        QGTuneError: when plotly is missing or the page cannot be written.
    """
    _check_installed("plotly")
    from qgtune.results.report.page import render

    text = render(study, facts or Facts(), path)
    try:
        write_whole(path, text)
    except OSError as error:
        raise QGTuneError(f"Cannot write the report {str(path)!r}: {error.strerror}. Choose another path.") from None


def write_pictures(study: optuna.Study, folder: Path) -> list[Path]:
    """Write the plots of an open study as PNG pictures.

    Args:
        study: in any state; a plot that has nothing to show is left out.
        folder: made if need be; pictures of the same names are replaced.

    Returns:
        The pictures.

    Raises:
        QGTuneError: when matplotlib is missing or a picture cannot be written.
    """
    _check_installed("matplotlib")
    from qgtune.results.report.pictures import draw

    try:
        folder.mkdir(parents=True, exist_ok=True)
        return draw(study, folder)
    except OSError as error:
        raise QGTuneError(f"Cannot write pictures to {str(folder)!r}: {error.strerror}. Choose another.") from None


def _check_installed(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise QGTuneError(
            f"Cannot write a report: {package} is not installed. Install the extra: pip install 'qgtune[report]'."
        )
