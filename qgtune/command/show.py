"""`qgtune show`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from qgtune.command.common import SOURCE, STUDY

if TYPE_CHECKING:
    from qgtune.results.table import Table


@click.command(short_help="Show a study's trials as a table.")
@SOURCE
@STUDY
@click.option("--csv", "form", flag_value="csv", help="Print comma-separated values.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--sort", type=click.Choice(["number", "value"]), default="number", help="Best first, or by number.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Print the first N only.")
def show(source: str, study_name: str | None, form: str | None, sort: str, limit: int | None) -> None:
    """Show a study's trials as a table."""
    from qgtune.results.source import open_source
    from qgtune.results.table import table_of, to_csv, to_json

    found = open_source(source, study_name)
    study = found.study
    whole = table_of(study)
    table = whole.sorted_by_value() if sort == "value" else whole
    table = table if limit is None else table.first(limit)
    if form is not None:
        click.echo(to_csv(table) if form == "csv" else to_json(table), nl=form == "json")
        return
    from qgtune.command.layout import WideConsole, lay_out, reasons
    from qgtune.results.best import best_trials
    from qgtune.results.report.conclusions import lines_of

    screen = WideConsole()
    screen.print(_heading(whole), markup=False)
    for line in lines_of(found):
        screen.print(line, markup=False)
    if table.rows:
        screen.print(lay_out(table, {trial.number for trial in best_trials(study)}, screen))
    if why := reasons(table):
        screen.print("Why trials failed:")
        for line in why:
            screen.print(f"  {line}", markup=False)
    if len(table.rows) < len(whole.rows):
        screen.print(f"{len(whole.rows) - len(table.rows)} more trials are not shown.")


def _heading(table: Table) -> str:
    from qgtune.command.layout import STATES, aims

    n_states = Counter(row.state for row in table.rows)
    counts = ", ".join(f"{count} {STATES.get(state, state)}" for state, count in sorted(n_states.items()))
    n_trials = len(table.rows)
    trials = "no trials yet" if not n_trials else f"{n_trials} trial{'s' * (n_trials > 1)} ({counts})"
    return f"Study {table.study_name!r}, {aims(table)}: {trials}"
