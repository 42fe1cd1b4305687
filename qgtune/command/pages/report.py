"""`qgtune report`."""

from __future__ import annotations

from pathlib import Path

import click

from qgtune.command.common import SOURCE, STUDY


@click.command(short_help="Write a page of plots and tables.")
@SOURCE
@STUDY
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where the page goes.")
@click.option("--png", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Draw the plots there.")
def report(source: str, study_name: str | None, output: Path | None, png: Path | None) -> None:
    """Write a study's report: one page that needs no network.

    It goes into the sweep folder, or the working folder if there is none. A sweep may be running meanwhile.
    """
    from qgtune.files import short_path
    from qgtune.results import report as pages

    page = pages.report(source, study_name=study_name, output=output, pictures=png)
    click.echo(short_path(page))
    if png is not None:
        click.echo(f"{len(list(png.glob('*.png')))} pictures in {short_path(png)}")
