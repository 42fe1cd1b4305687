"""`qgtune report`."""

from __future__ import annotations

from pathlib import Path

import click

from qgtune.command.answers.answer import JSON, answer
from qgtune.command.common import SOURCE, STUDY


@click.command()
@SOURCE
@STUDY
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where the page goes.")
@click.option("--png", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Draw the plots there.")
@JSON
def report(source: str, study_name: str | None, output: Path | None, png: Path | None) -> None:
    """Write a study's report: one page that needs no network.

    It goes into the sweep folder, or the working folder if there is none. A sweep may be running meanwhile.

    \b
    qgtune report
    qgtune report multirun/2026-11-24/10-35-20 --output page.html --png pictures
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.shapes import Reported
    from qgtune.files import short_path
    from qgtune.results import report as pages
    from qgtune.results.source import open_source

    page = pages.report(source, study_name=study_name, output=output)
    pictures = [] if png is None else sorted(pages.write_pictures(open_source(source, study_name).study, png))
    said = [short_path(page), *([] if png is None else [f"{len(pictures)} pictures in {short_path(png)}"])]
    answer(Reported(str(page), tuple(map(str, pictures))), "\n".join(said))
