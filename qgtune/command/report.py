"""`qgtune report`."""

from __future__ import annotations

from pathlib import Path

import click

from qgtune.command.common import SOURCE, STUDY


@click.command(short_help="Write a page of plots and tables.")
@SOURCE
@STUDY
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write the page.")
@click.option("--pictures", type=click.Path(path_type=Path), help="A folder for the plots as pictures, too.")
def report(source: str, study_name: str | None, output: Path | None, pictures: Path | None) -> None:
    """Write a page of plots and tables that any browser shows, without a network.

    It is report.html in the sweep folder, or here if SOURCE is none. This prints where it is.
    """
    from qgtune.results.files import short_path
    from qgtune.results.report import report as write

    click.echo(short_path(write(source, study_name=study_name, output=output, pictures=pictures)))
