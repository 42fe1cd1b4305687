"""`qgtune best`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from qgtune.command.answers.answer import JSON, answer, wants_json
from qgtune.command.common import SOURCE, STUDY
from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from qgtune.command.answers.looks import BestTrial
    from qgtune.results.source import Source
    from qgtune.results.table import Row, Table


@click.command()
@SOURCE
@STUDY
@click.option("--trial", type=click.IntRange(min=0), metavar="N", help="Which of several best trials.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the best config as YAML; else its hyperparameters.")
@click.option("--confirmed", "is_confirmed", is_flag=True, help="The one that `qgtune confirm` found the best.")
@JSON
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

    \b
    qgtune best
    qgtune best multirun/2026-11-24/10-35-20 --yaml > best.yaml
    qgtune best --json | jq '.trials[0].params'
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.looks import Best
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
    if as_yaml and wants_json():
        raise click.UsageError("--yaml and --json exclude each other.", click.get_current_context())
    if row is None and as_yaml:
        numbers = ", ".join(str(row.number) for row in table.rows)
        raise QGTuneError(
            f"Cannot print one best config: trials {numbers} are best, each in its own way. Give --trial."
        )
    if row is not None and as_yaml:
        _print_yaml(found, row, recorded=is_confirmed)
        return
    rows = table.rows if row is None else (row,)
    content = Best(table.study_name, tuple(_best_trial(found, table, one) for one in rows))
    answer(content, lambda: _print_front(table) if row is None else _print_one(found, row))


def _best_trial(found: Source, table: Table, row: Row) -> BestTrial:
    from qgtune.command.answers.looks import BestTrial

    folder, config = found.trial_folder(row.number), found.best_config(row.number, row.params)
    values = dict(zip(table.objectives, row.values, strict=True))
    places = (None if path is None else str(path) for path in (folder, config))
    return BestTrial(row.number, values, row.params, *places)


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
    from qgtune.command.layout import WideConsole, aims, print_table

    screen = WideConsole()
    screen.print(f"Study {table.study_name!r}, {aims(table)}: {len(table.rows)} best trials", markup=False)
    print_table(table, (), screen)


def _print_one(found: Source, row: Row) -> None:
    from qgtune.files import short_path
    from qgtune.results.proof.confirmation import confirmed_lines
    from qgtune.space.reading.yaml_files import dump_yaml
    from qgtune.study.objectives import Objectives

    objectives = Objectives.of(found.study)
    of_repeats = "" if row.measured is None else f" ({row.measured})"
    click.echo(
        f"Best of study {found.study.study_name!r}: trial {row.number} with {objectives.text(row.values)}{of_repeats}"
    )
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
