"""Trials as a table for people, fit to the width of their terminal."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich import console as rich_console
from rich.cells import cell_len

from qgtune.command.answers.grid import GAP, Column, grid, width_of, wrapped
from qgtune.errors import listed, printable
from qgtune.results.columns import MEASURED, PARAM, columns
from qgtune.results.table import duration
from qgtune.space.wording import broken, short_names
from qgtune.study.repeats import measured

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from qgtune.results import columns as known
    from qgtune.results.table import Row, Table

_HEADINGS = {"number": "trial", "duration_s": "time"}
_LEFT = ("state", "end", "reason")
_BOLD, _BEST = "1", "1;32"
_STYLES = {"failed": "31", "pruned": "2", "running": "36", "waiting": "36"}
"""By state: red, dim, cyan."""
_N_NUMBERS = 10
_UNLIMITED = 10_000


class WideConsole(rich_console.Console):
    """Where tables are printed: as wide as the terminal; in pipes and files, without colour and never cut."""

    def __init__(self) -> None:
        if sys.stdout.isatty():
            super().__init__(highlight=False)
        else:
            super().__init__(highlight=False, width=_UNLIMITED, color_system=None)

    def on_broken_pipe(self) -> NoReturn:
        """Leave it to the command, which does the same whatever it prints."""
        raise BrokenPipeError


def aims(table: Table) -> str:
    """Say what a study is after: `minimize`, or `minimize loss, maximize accuracy`."""
    if len(table.objectives) == 1 and table.objectives[0] == "value":
        return table.directions[0]
    return ", ".join(map(" ".join, zip(table.directions, table.objectives, strict=True)))


def print_table(table: Table, best: Collection[int], screen: WideConsole, chosen: Sequence[known.Column] = ()) -> None:
    """Print the trials; on a terminal the best ones, and those in some states, have colours of their own.

    Args:
        table: the trials.
        best: the numbers of those to mark.
        screen: how wide and colourful the terminal is.
        chosen: the columns; without any, the usual ones.
    """
    heading, rows = lay_out(table, screen.width, chosen)
    if screen.color_system is not None and not screen.no_color:
        heading = [*(_styled(line, _BOLD) for line in heading[:-1]), heading[-1]]
        styles = (_BEST if row.number in best else _STYLES.get(row.state, "") for row in table.rows)
        rows = [_styled(text, style) for text, style in zip(rows, styles, strict=True)]
    click.echo("\n".join([*heading, *rows]))


def _styled(text: str, style: str) -> str:
    return "\n".join(f"\x1b[{style}m{line}\x1b[0m" for line in text.split("\n")) if style else text


def lay_out(table: Table, width: int, chosen: Sequence[known.Column] = ()) -> tuple[list[str], list[str]]:
    """Return the lines of the heading, and a text a trial.

    Each hyperparameter has a column, under the shortest name that tells it from the others, which is broken into lines
    where that is needed to fit. Where it does not fit at all, they share a column of `name=value` in as many lines as
    it takes: nothing is cut off.

    Args:
        table: the trials.
        width: of the terminal.
        chosen: the columns; without any, the usual ones.
    """
    params = (f"{PARAM}{path}" for path in table.paths)
    repeats = measured.columns(row.measured for row in table.rows)
    found = chosen or columns(table, ("number", "state", *table.objectives, *repeats, "duration_s", *params))
    headings = short_names(table.paths) | _HEADINGS
    whole = [_column(table, one, headings.get(one.path or one.name, one.name)) for one in found]
    stacked = [_stacked(column) if one.path else column for one, column in zip(found, whole, strict=True)]
    for laid in (whole, stacked):
        if width_of(laid) <= width:
            return grid(laid)
    fixed, tuned = ([whole[i] for i, one in enumerate(found) if bool(one.path) == kind] for kind in (False, True))
    return _with_pairs(fixed, tuned, len(table.rows), width)


def _column(table: Table, column: known.Column, heading: str) -> Column:
    is_left = column.name in _LEFT
    return Column(printable(heading), [_cell(column, row) for row in table.rows], left=is_left)


def _cell(column: known.Column, row: Row) -> str:
    value = column.of(row)
    if value is None:
        return "null" if column.path in row.params else ""
    if column.name == "duration_s":
        return duration(value)
    if column.name == "reports":
        step = max(value)
        return f"{number(value[step], 6)} at {step}"
    if row.measured is not None and column.name in MEASURED:
        return row.measured.cell(column.name)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return number(value, 4 if column.path else 6)


def _stacked(column: Column) -> Column:
    width = max(map(cell_len, column.cells), default=0)
    return replace(column, heading=broken(column.heading, width))


def _with_pairs(
    fixed: Sequence[Column], params: Sequence[Column], n_rows: int, width: int
) -> tuple[list[str], list[str]]:
    """Return a grid whose last column has `name=value` pairs, which stand below each other."""
    indent = width_of(fixed) + len(GAP)
    name = "hyperparameters" if width - indent >= len("hyperparameters") else "hyper-\nparameters"
    heading, starts = grid([*fixed, Column(name, [""] * n_rows, left=True)])
    widths = [max(map(cell_len, one.cells), default=0) for one in params]
    rows = []
    for index, start in enumerate(starts):
        named = zip(params, widths, strict=True)
        pairs = [f"{one.heading}={one.cells[index]:<{wide}}" for one, wide in named if one.cells[index]]
        first, *others = wrapped(pairs, max(width - indent, 1))
        rows.append("\n".join([f"{start:<{indent}}{first}".rstrip(), *(" " * indent + line for line in others)]))
    return [*heading[:-1], "─" * width], rows


def reasons(table: Table) -> list[str]:
    """Return why trials failed, a line a reason: `3, 5: ValueError: …`."""
    numbers: dict[str, list[int]] = {}
    for row in table.rows:
        if row.reason:
            numbers.setdefault(row.reason, []).append(row.number)
    return [f"{listed(found, _N_NUMBERS)}: {printable(reason)}" for reason, found in numbers.items()]


def number(value: Any, n_digits: int) -> str:
    """Return a value as YAML has it, floats with a few digits."""
    if isinstance(value, float):
        return f"{value:.{n_digits}g}"
    return (
        printable(str(value))
        if isinstance(value, (str, int)) and not isinstance(value, bool)
        else json.dumps(value, separators=(",", ":"))
    )
