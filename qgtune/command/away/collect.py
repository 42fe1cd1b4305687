"""`qgtune collect`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from qgtune.command.answers.answer import JSON, answer, wants_json
from qgtune.command.common import SOURCE
from qgtune.command.resume import recorded_command


@click.command()
@SOURCE
@click.option("--partial", is_flag=True, help="Write what there is of a sweep that is not through.")
@JSON
def collect(source: str, partial: bool) -> None:  # noqa: FBT001 - click gives it by name
    """Write the results of the sweep of FOLDER: the files and lines that a sweep ends with.

    The sweep's own command is run again for that, and starts no trial; with --json it is printed, and not run.

    \b
    qgtune collect multirun/2026-11-24/10-35-20
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.shapes import Command
    from qgtune.sweep.away import COLLECT

    command = recorded_command(Path(source).absolute())
    if wants_json():
        answer(Command(command.without_passwords(), command.folder), "")
        return
    os.environ[COLLECT] = "partial" if partial else "all"
    command.become()
