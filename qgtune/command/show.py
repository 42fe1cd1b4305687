"""`qgtune show`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from qgtune.command.answers.answer import JSON, answer, wants_json
from qgtune.command.common import SOURCE, STUDY

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

    from qgtune.command.answers.looks import Range, Shown, Trial
    from qgtune.results.columns import Column
    from qgtune.results.source import Source
    from qgtune.results.table import Row, Table

STATES = ("complete", "pruned", "failed", "running", "waiting")


@click.command()
@SOURCE
@STUDY
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only trials in it; may be repeated.")
@click.option(
    "--sort", default="number", metavar="KEY", help="A column, best or least first; -KEY the other way round."
)
@click.option("--columns", metavar="NAMES", help="Those of the table and of CSV, such as number,value,lr,reason.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The first N only.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@JSON
def show(
    source: str,
    study_name: str | None,
    states: tuple[str, ...],
    sort: str,
    columns: str | None,
    limit: int | None,
    as_csv: bool,  # noqa: FBT001 - click gives it by name
) -> None:
    """Show a study's trials as a table.

    KEY and NAMES are number, state, end, started, ended, time, reason, repeats and reports; value, or the name of an
    objective; and a hyperparameter's path, or the end of it that no other has. With --json, each trial is there whole.

    \b
    qgtune show
    qgtune show multirun/2026-11-24/10-35-20 --sort value --limit 10
    qgtune show sweep.db --state failed --columns number,time,reason --sort -time
    qgtune show --json | jq '.trials[] | select(.state == "complete") | .params'
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.results import columns as known
    from qgtune.results.best import best_trials
    from qgtune.results.configurations import number_of
    from qgtune.results.source import open_source
    from qgtune.results.table import table_of

    found = open_source(source, study_name)
    whole = table_of(found.study)
    table = known.sort(whole, sort).in_states(states)
    table = table if limit is None else table.first(limit)
    shown = known.columns(whole, map(str.strip, columns.split(","))) if columns else ()
    if as_csv and wants_json():
        raise click.UsageError("--csv and --json exclude each other.", click.get_current_context())
    if as_csv:
        click.echo(known.to_csv(table, shown), nl=False)
        return
    best = [number_of(trial) for trial in best_trials(found.study)]
    content = _content(found, whole, table, best) if wants_json() else None
    answer(content, lambda: _print(found, whole, table, best, shown))


def _print(found: Source, whole: Table, table: Table, best: list[int], columns: Sequence[Column]) -> None:
    from qgtune.command.layout import WideConsole, print_table, reasons
    from qgtune.results.proof.confirmation import confirmed_lines
    from qgtune.results.report.conclusions import lines_of

    screen = WideConsole()
    screen.print(_heading(whole), markup=False)
    for line in lines_of(found):
        screen.print(line, markup=False)
    if table.rows:
        print_table(table, best, screen, columns)
    for line in confirmed_lines(found.folder):
        screen.print(line, markup=False)
    if why := reasons(table):
        screen.print("\n  ".join(["Why trials failed:", *why]), markup=False)
    if len(table.rows) < len(whole.rows):
        screen.print(f"{len(whole.rows) - len(table.rows)} more trials are not shown.")


def _heading(table: Table) -> str:
    from qgtune.command.layout import aims

    n_states = Counter(row.state for row in table.rows)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(n_states.items()))
    n_trials = len(table.rows)
    trials = "no trials yet" if not n_trials else f"{n_trials} trial{'s' * (n_trials > 1)} ({counts})"
    return f"Study {table.study_name!r}, {aims(table)}: {trials}"


def _content(found: Source, whole: Table, table: Table, best: list[int]) -> Shown:
    from qgtune.command.answers.looks import Objective, Shown, StudyFacts
    from qgtune.results.sweeps import state_of

    started = [row.started for row in whole.rows if row.started is not None]
    ended = [row.ended for row in whole.rows if row.ended is not None]
    facts = StudyFacts(
        whole.study_name,
        found.storage,
        None if found.folder is None else str(found.folder),
        state_of(found.study),
        tuple(Objective(*pair) for pair in zip(whole.objectives, whole.directions, strict=True)),
        dict(Counter(row.state for row in whole.rows)),
        tuple(best),
        min(started).isoformat() if started else None,
        max(ended).isoformat() if ended else None,
        _ranges(found.study),
    )
    return Shown(facts, tuple(_trial(row, whole.objectives) for row in table.rows))


def _trial(row: Row, objectives: tuple[str, ...]) -> Trial:
    from qgtune.command.answers.looks import Repeated, Trial

    found = row.measured
    return Trial(
        row.number,
        row.state,
        row.end,
        row.repeats,
        dict(zip(objectives, row.values or [None] * len(objectives), strict=True)),
        None if row.started is None else row.started.isoformat(),
        None if row.ended is None else row.ended.isoformat(),
        row.duration_s,
        row.params,
        {str(step): value for step, value in row.reports.items()},
        row.reason or None,
        None if found is None else Repeated(found.mean, found.spread, found.n),
    )


def _ranges(study: optuna.Study) -> dict[str, Range]:
    from optuna.distributions import CategoricalDistribution, IntDistribution

    from qgtune.command.answers.looks import Range
    from qgtune.space.stored import from_stored

    found: dict[str, Any] = {}
    for trial in study.get_trials(deepcopy=False):
        found.update(trial.distributions)
    return {
        path: Range("categorical", choices=tuple(from_stored(choice, kind) for choice in kind.choices))
        if isinstance(kind, CategoricalDistribution)
        else Range("int" if isinstance(kind, IntDistribution) else "float", kind.low, kind.high, kind.log, kind.step)
        for path, kind in found.items()
    }
