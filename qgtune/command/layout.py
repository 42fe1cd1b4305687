"""Trials as a table for people, fit to the width of their terminal."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from rich import console as rich_console
from rich.box import SIMPLE_HEAD
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from qgtune.errors import printable
from qgtune.results.table import duration
from qgtune.space.wording import broken, short_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rich.console import Console

    from qgtune.results.table import Row, Table

    Params = Mapping[str, str]

_STYLES = {"fail": "red", "pruned": "dim", "running": "cyan", "waiting": "cyan"}
STATES = {"fail": "failed"}
"""What we call a state, where that is not its name."""
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


def lay_out(table: Table, best: Collection[int], screen: Console) -> Grid:
    """Return a grid of the trials.

    Each hyperparameter has a column, under the shortest name that tells it from the others, which is broken into lines
    where that is needed to fit. Where it does not fit at all, they share a column of `name=value` in as many lines as
    it takes: nothing is cut off.

    Args:
        table: the trials.
        best: the numbers of those to mark.
        screen: where it will be printed.
    """
    names = short_names(table.paths)
    shown = [{path: number(value, 4) for path, value in row.params.items()} for row in table.rows]
    widths = {path: max(len(params.get(path, "")) for params in shown) for path in names}
    stacked = {path: broken(name, widths[path]) for path, name in names.items()}
    for headings in (names, stacked):
        grid = _columns(table, shown, best, headings)
        if _width(grid, screen) <= screen.width:
            return grid
    return _pairs(table, shown, best, names)


def _width(grid: Grid, screen: Console) -> int:
    return Measurement.get(screen, screen.options.update(max_width=_UNLIMITED), grid).maximum


def _columns(table: Table, shown: Sequence[Params], best: Collection[int], headings: Mapping[str, str]) -> Grid:
    grid = _start(table)
    for heading in headings.values():
        grid.add_column(Text(printable(heading)), justify="right", no_wrap=True)
    cells = [[params.get(path, "") for path in headings] for params in shown]
    return _filled(grid, table, best, cells)


def _pairs(table: Table, shown: Sequence[Params], best: Collection[int], names: Mapping[str, str]) -> Grid:
    grid = _start(table)
    grid.add_column("hyperparameters", overflow="fold")
    widths = {path: max(len(params.get(path, "")) for params in shown) for path in names}
    cells = [[_in_line(params, names, widths)] for params in shown]
    return _filled(grid, table, best, cells)


def _in_line(params: Params, names: Mapping[str, str], widths: Mapping[str, int]) -> str:
    """Return `name=value` pairs, each as wide as in the other trials, so that they stand below each other.

    Lines break between the pairs, and inside of one only where it is longer than a line.
    """
    pairs = [
        f"{printable(name)}={params[path]:<{widths[path]}}" if path in params else "" for path, name in names.items()
    ]
    return "  ".join(pair for pair in pairs if pair)


def _start(table: Table) -> Grid:
    grid = Grid(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    grid.add_column("trial", justify="right", no_wrap=True)
    grid.add_column("state", no_wrap=True)
    for objective in table.objectives:
        grid.add_column(Text(printable(objective)), justify="right", no_wrap=True)
    grid.add_column("time", justify="right", no_wrap=True)
    return grid


def _filled(grid: Grid, table: Table, best: Collection[int], cells: Sequence[Sequence[str]]) -> Grid:
    for row, own in zip(table.rows, cells, strict=True):
        style = "bold green" if row.number in best else _STYLES.get(row.state, "")
        grid.add_row(*map(Text, (*_fixed_cells(row, len(table.objectives)), *own)), style=style)
    return grid


def _fixed_cells(row: Row, n_objectives: int) -> list[str]:
    values = [number(value, 6) for value in row.values] or [""] * n_objectives
    time = "" if row.duration_s is None else duration(row.duration_s)
    return [str(row.number), STATES.get(row.state, row.state), *values, time]


def reasons(table: Table) -> list[str]:
    """Return why trials failed, a line a reason: `3, 5: ValueError: …`."""
    numbers: dict[str, list[int]] = {}
    for row in table.rows:
        if row.reason:
            numbers.setdefault(row.reason, []).append(row.number)
    return [f"{', '.join(map(str, found))}: {printable(reason)}" for reason, found in numbers.items()]


def number(value: Any, n_digits: int) -> str:
    """Return a value as YAML has it, floats with a few digits."""
    if isinstance(value, float):
        return f"{value:.{n_digits}g}"
    return (
        printable(str(value))
        if isinstance(value, (str, int)) and not isinstance(value, bool)
        else json.dumps(value, separators=(",", ":"))
    )
