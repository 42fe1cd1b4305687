"""`qgtune compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qgtune.command.answers.answer import JSON, answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qgtune.command.answers.looks import Compared
    from qgtune.results.comparison.contestants import Contestant

FILE = "compare.html"


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=str))
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where the page goes.")
@JSON
def compare(sources: tuple[str, ...], output: Path | None) -> None:
    """Compare sweeps: their best values, and how fast each came there, in trials and in wall-clock time.

    The table is printed, and a page with the curves is written to compare.html in the working folder.

    \b
    qgtune compare multirun/2026-11-24/10-35-20 multirun/2026-11-24/14-02-11
    qgtune compare tpe random cmaes --output samplers.html
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.errors import QGTuneError
    from qgtune.files import write_whole
    from qgtune.results.comparison.contestants import contestants
    from qgtune.results.comparison.page import render

    if len(sources) == 1:
        raise click.UsageError("One sweep has nothing to be compared with: give two or more.")
    found = contestants(sources)
    path = output or Path(FILE)
    try:
        write_whole(path, render(found), sync=False)
    except OSError as error:
        raise QGTuneError(f"Cannot write {str(path)!r}: {error.strerror}. Give another --output.") from None
    answer(_content(found, path), lambda: _print(found, path))


def _print(found: Sequence[Contestant], path: Path) -> None:
    from qgtune.command.answers.grid import plain_table
    from qgtune.files import short_path
    from qgtune.results.comparison.tables import HEADS, aim, notes, rows

    lines = plain_table(HEADS, rows(found), left=("sweep", "study", "95 % interval"))
    click.echo("\n".join([f"Best value, {aim(found)}", *lines, *notes(found), f"Page: {short_path(path)}"]))


def _content(found: Sequence[Contestant], path: Path) -> Compared:
    from qgtune.command.answers.looks import Compared, ComparedSweep, Improvement
    from qgtune.results.comparison.tables import common, ranked

    n_trials, elapsed_s = common(found)
    sweeps = [
        ComparedSweep(
            one.name,
            one.source,
            one.study,
            None if one.best is None else one.best.value,
            None if one.best is None else one.best.trial,
            None if one.best is None else one.best.low,
            None if one.best is None else one.best.high,
            0 if one.best is None else one.best.n_runs,
            one.n_ended,
            one.elapsed_s,
            one.curve.at_trials(n_trials),
            one.curve.at_time(elapsed_s),
            tuple(map(Improvement, one.curve.n_trials, one.curve.elapsed_s, one.curve.values)),
        )
        for one in ranked(found)
    ]
    return Compared(
        "maximize" if found[0].maximize else "minimize", n_trials, elapsed_s, tuple(sweeps), str(path.absolute())
    )
