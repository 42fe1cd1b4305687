"""`qgtune best`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from qgtune.command.common import SOURCE, STUDY
from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from qgtune.results.source import Source
    from qgtune.results.table import Row, Table


@click.command(short_help="Show the best trial and its config.")
@SOURCE
@STUDY
@click.option("--trial", type=click.IntRange(min=0), metavar="N", help="Which of several best trials.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the best config as YAML; else its hyperparameters.")
@click.option("--confirmed", "is_confirmed", is_flag=True, help="The one that `qgtune confirm` found the best.")
def best(
    source: str,
    study_name: str | None,
    trial: int | None,
    as_yaml: bool,  # noqa: FBT001 - click gives it by name
    is_confirmed: bool,  # noqa: FBT001 - as above
) -> None:
    """Show the best trial: its value, hyperparameters, folder and config.

    With --yaml, its whole config if the sweep folder has it, and its hyperparameters if not. A study of several
    objectives has several best trials, none of which is worse than another in all of them; --trial chooses one.
    """
    from qgtune.results.best import best_trials
    from qgtune.results.source import open_source
    from qgtune.results.table import table_of

    found = open_source(source, study_name)
    table = table_of(found.study, [_confirmed(found)] if is_confirmed else best_trials(found.study))
    if not table.rows:
        raise QGTuneError(
            f"Cannot name the best trial of study {table.study_name!r}: none has completed within its constraints."
        )
    row = _chosen(table, trial)
    if row is None and as_yaml:
        numbers = ", ".join(str(row.number) for row in table.rows)
        raise QGTuneError(
            f"Cannot print one best config: trials {numbers} are best, each in its own way. Give --trial."
        )
    if row is None:
        _print_front(table)
    elif as_yaml:
        _print_yaml(found, row, recorded=is_confirmed)
    else:
        _print_one(found, row)


def _confirmed(found: Source) -> FrozenTrial:
    """Return the trial that is the best on fresh seeds."""
    from qgtune.results.proof.confirmation import Confirmation

    confirmation = Confirmation.read(found.folder)
    if confirmation is None or confirmation.best is None:
        raise QGTuneError("Cannot name the confirmed best trial: there is none. Run qgtune confirm.")
    return found.study.get_trials(deepcopy=False)[confirmation.best.trial]


def _chosen(table: Table, number: int | None) -> Row | None:
    """Return the one best trial, or the one that was asked for; None where there are several to choose from."""
    if number is None:
        return table.rows[0] if len(table.rows) == 1 else None
    for row in table.rows:
        if row.number == number:
            return row
    numbers = ", ".join(str(row.number) for row in table.rows)
    raise QGTuneError(f"Cannot show trial {number}: it is none of the best ones, {numbers}.")


def _print_front(table: Table) -> None:
    from qgtune.command.layout import WideConsole, aims, lay_out

    screen = WideConsole()
    screen.print(f"Study {table.study_name!r}, {aims(table)}: {len(table.rows)} best trials", markup=False)
    screen.print(lay_out(table, (), screen))


def _print_one(found: Source, row: Row) -> None:
    from qgtune.files import short_path
    from qgtune.results.proof.confirmation import confirmed_lines
    from qgtune.space.reading.yaml_files import dump_yaml
    from qgtune.study.objectives import Objectives

    names = Objectives((), tuple(found.study.metric_names or ()))
    click.echo(f"Best of study {found.study.study_name!r}: trial {row.number} with {names.text(row.values)}")
    for line in confirmed_lines(found.folder, row.number):
        click.echo(line)
    for line in dump_yaml(row.params).splitlines() if row.params else ():
        click.echo(f"  {line}")
    places = {"Folder": found.trial_folder(row.number), "Config": found.best_config(row.number, row.params)}
    for name, path in places.items():
        if path is not None:
            click.echo(f"{name}: {short_path(path)}")


def _print_yaml(found: Source, row: Row, *, recorded: bool) -> None:
    from qgtune.results.recorded import Record
    from qgtune.space.reading.yaml_files import dump_yaml

    if recorded:
        trial = found.study.get_trials(deepcopy=False)[row.number]
        click.echo(dump_yaml(Record.read(found.folder, trial).config), nl=False)
        return
    file = found.best_config(row.number, row.params)
    click.echo(dump_yaml(row.params) if file is None else file.read_text(encoding="utf-8"), nl=False)
