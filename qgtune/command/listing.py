"""`qgtune list`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("list", short_help="List the sweeps below a folder, newest first.")
@click.argument("folder", default="multirun", type=click.Path(path_type=Path, file_okay=False))
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), metavar="N", help="The newest N.")
def list_sweeps(folder: Path, limit: int) -> None:
    """List the sweeps below FOLDER, newest first, with how they stand and their best value.

    \b
    qgtune list
    qgtune list runs --limit 5
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from qgtune.command.layout import WideConsole
    from qgtune.errors import QGTuneError, printable
    from qgtune.files import short_path
    from qgtune.results.sweeps import folders_of_sweeps, look_at

    if not folder.is_dir():
        raise QGTuneError(
            f"Cannot list {str(folder)!r}: there is no such folder. Give the one that your sweeps are in."
        )
    found = folders_of_sweeps(folder)
    if not found:
        raise QGTuneError(f"Cannot list {str(folder)!r}: there is no sweep in it.")
    table = Table("folder", "study", "state", "trials", "best", box=SIMPLE_HEAD, pad_edge=False)
    for path in found[:limit]:
        sweep = look_at(path)
        best = ", ".join(f"{value:g}" for value in sweep.best)
        cells = (short_path(path), sweep.study, sweep.state, str(sweep.n_finished) if sweep.study else "", best)
        table.add_row(*map(printable, cells))
    screen = WideConsole()
    screen.print(table)
    if len(found) > limit:
        screen.print(f"{len(found) - limit} older ones are not shown.")
