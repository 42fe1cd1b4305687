"""`qgtune list`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qgtune.command.answers.answer import JSON, answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.command.answers.looks import ListedSweep


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
    from qgtune.command.answers.looks import Listed
    from qgtune.errors import QGTuneError
    from qgtune.results.sweeps import folders_of_sweeps

    if not folder.is_dir():
        raise QGTuneError(
            f"Cannot list {str(folder)!r}: there is no such folder. Give the one that your sweeps are in."
        )
    found = folders_of_sweeps(folder)
    if not found:
        raise QGTuneError(f"Cannot list {str(folder)!r}: there is no sweep in it.")
    sweeps = {path: _look_at(path) for path in found[:limit]}
    n_more = len(found) - len(sweeps)
    answer(Listed(tuple(sweeps.values()), n_more), lambda: _print(sweeps, n_more))


def _look_at(folder: Path) -> ListedSweep:
    from qgtune.command.answers.looks import ListedSweep
    from qgtune.errors import QGTuneError, first_line
    from qgtune.results.best import best_trials
    from qgtune.results.source import open_source
    from qgtune.results.sweeps import state_of
    from qgtune.study.attempts.attempt import Attempt

    try:
        study = open_source(str(folder)).study
    except QGTuneError as error:
        return ListedSweep(str(folder.absolute()), None, "unknown", first_line(error), 0, None)
    best = best_trials(study)
    value = best[0].values[0] if len(study.directions) == 1 and best else None
    trials = study.get_trials(deepcopy=False)
    n_finished = sum(trial.state.is_finished() and Attempt.of(trial).end != "measured" for trial in trials)
    return ListedSweep(str(folder.absolute()), study.study_name, state_of(study), None, n_finished, value)


def _print(sweeps: Mapping[Path, ListedSweep], n_more: int) -> None:
    from qgtune.command.answers.grid import plain_table
    from qgtune.files import short_path

    names = ("folder", "study", "state", "trials", "best")
    rows = [
        (
            short_path(folder),
            one.study or "",
            one.problem or one.state,
            str(one.n_finished) if one.study else "",
            "" if one.best is None else f"{one.best:g}",
        )
        for folder, one in sweeps.items()
    ]
    click.echo("\n".join(plain_table(names, rows, left=names[:3])))
    if n_more:
        click.echo(f"{n_more} older ones are not shown.")
