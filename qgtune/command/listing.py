"""`qgtune list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qgtune.command.answers.answer import JSON, answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qgtune.results.sweeps import Sweep


@click.command("list")
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), metavar="N", help="The newest N.")
@JSON
def list_sweeps(folder: Path, limit: int) -> None:
    """List the sweeps below FOLDER, newest first, with how they stand and their best value.

    \b
    qgtune list
    qgtune list runs --limit 5
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.looks import Listed, ListedSweep
    from qgtune.errors import QGTuneError
    from qgtune.results.sweeps import folders_of_sweeps, look_at

    if not folder.is_dir():
        raise QGTuneError(
            f"Cannot list {str(folder)!r}: there is no such folder. Give the one that your sweeps are in."
        )
    found = folders_of_sweeps(folder)
    if not found:
        raise QGTuneError(f"Cannot list {str(folder)!r}: there is no sweep in it.")
    sweeps = [look_at(path) for path in found[:limit]]
    listed = [
        ListedSweep(
            str(one.folder.absolute()), one.study or None, one.state, one.problem or None, one.n_finished, one.best
        )
        for one in sweeps
    ]
    n_more = len(found) - len(sweeps)
    answer(Listed(tuple(listed), n_more), lambda: _print(sweeps, n_more))


def _print(sweeps: Sequence[Sweep], n_more: int) -> None:
    from qgtune.command.answers.grid import plain_table
    from qgtune.files import short_path

    names = ("folder", "study", "state", "trials", "best")
    rows = [
        (
            short_path(one.folder),
            one.study,
            one.problem or one.state,
            str(one.n_finished) if one.study else "",
            "" if one.best is None else f"{one.best:g}",
        )
        for one in sweeps
    ]
    click.echo("\n".join(plain_table(names, rows, left=names[:3])))
    if n_more:
        click.echo(f"{n_more} older ones are not shown.")
