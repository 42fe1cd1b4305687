"""`qgtune collect`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from qgtune.command.resume import recorded_command


@click.command(short_help="Write the results of a sweep that was left.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--partial", is_flag=True, help="Write what there is of a sweep that is not through.")
def collect(folder: Path, partial: bool) -> None:  # noqa: FBT001 - click gives it by name
    """Write the results of the sweep of FOLDER: the files and lines that a sweep ends with.

    The sweep's own command is run again for that, and starts no trial.

    \b
    qgtune collect multirun/2026-11-24/10-35-20
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.sweep.away import COLLECT

    command = recorded_command(folder.absolute())
    os.environ[COLLECT] = "partial" if partial else "all"
    command.become()
