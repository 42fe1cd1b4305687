"""What is known of a trial, by name: a column of a table or of CSV, a key to sort by."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from qgtune.results.table import Row, Table

MEASURED = ("mean", "spread", "n")
"""What a configuration with repeats has beside its value."""
FIXED = ("number", "state", "end", "started", "ended", "duration_s", "reason", "repeats", "reports", *MEASURED)
"""What every trial has, beside objectives and hyperparameters."""
PARAM = "params."
_ALIASES = {"trial": "number", "time": "duration_s", "duration": "duration_s"}
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_STATES = {"complete": 0, "pruned": 1}


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that is known of each trial.

    Attributes:
        name: as it is called in CSV: `number`, an objective, `params.<path>`.
        of: returns it, None for a trial that has none.
        path: of the hyperparameter; empty if it is none.
    """

    name: str
    of: Callable[[Row], Any]
    path: str = ""


def columns(table: Table, names: Iterable[str]) -> list[Column]:
    """Find columns by their names.

    Args:
        table: the trials.
        names: each is one of `FIXED`, `value`, an objective, `params.` and a path, or the end of a path that no other
            hyperparameter has.

    Raises:
        QGTuneError: with each name that says nothing, or too much.
    """
    found: list[Column] = []
    problems: list[str] = []
    for name in names:
        try:
            found.append(_column(table, name))
        except QGTuneError as error:
            problems += error.problems
    if problems:
        raise QGTuneError(*problems)
    return found


def every_column(table: Table) -> list[Column]:
    """Return the columns that CSV and frames have unless others are asked for."""
    more = (*(MEASURED if table.has_repeats else ()), "started", "ended", "duration_s", "reason")
    return columns(table, ("number", "state", *table.objectives, *more, *(f"{PARAM}{path}" for path in table.paths)))


def _column(table: Table, name: str) -> Column:
    fixed = _ALIASES.get(name, name)
    if (index := _objective(table, name)) is not None:
        return Column(name, lambda row: row.values[index] if row.values else None)
    if fixed in MEASURED:
        return Column(fixed, lambda row: None if row.measured is None else getattr(row.measured, fixed))
    if fixed == "reports":
        return Column(fixed, lambda row: dict(row.reports) or None)
    if fixed in FIXED:
        return Column(fixed, attrgetter(fixed))
    path = _path(table, name)
    return Column(f"{PARAM}{path}", lambda row: row.params.get(path), path)


def _objective(table: Table, name: str) -> int | None:
    """Return which objective a column is; `value` is the first one, whatever its name."""
    if name in table.objectives:
        return table.objectives.index(name)
    return 0 if name == "value" else None


def _path(table: Table, name: str) -> str:
    wanted = name.removeprefix(PARAM)
    paths = table.paths
    if wanted in paths or not paths:  # of a study that has just begun, nothing is known
        return wanted
    ends = [path for path in paths if path.endswith(f".{wanted}")]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise QGTuneError(f"Cannot tell which {name!r} is meant: {', '.join(ends)}. Give more of the path.")
    known = [*FIXED, *table.objectives, *paths]
    hint = did_you_mean(name, known) or f" There are {', '.join(known)}."
    raise QGTuneError(f"Cannot find {name!r} in study {table.study_name!r}.{hint}")


def sort(table: Table, key: str) -> Table:
    """Return the same table in another order; what lacks the key comes last.

    Args:
        table: the trials.
        key: the name of a column, with `-` in front for the other way round. An objective is sorted best first, with
            complete trials before pruned ones, and all else from the least on.

    Raises:
        QGTuneError: when there is no such column.
    """
    column = _column(table, key.removeprefix("-"))
    index = _objective(table, column.name)
    sign = -1 if index is not None and table.directions[index] == "maximize" else 1
    sign = -sign if key.startswith("-") else sign
    there = [row for row in table.rows if column.of(row) is not None]
    last = [row for row in table.rows if column.of(row) is None]
    there.sort(key=lambda row: _rank(column.of(row)), reverse=sign < 0)
    if index is not None:
        there.sort(key=lambda row: _STATES.get(row.state, len(_STATES)))
    return table.of([*there, *last])


def _rank(value: Any) -> tuple[int, Any]:
    """Return what compares with the rank of any other value: numbers come first, then times, then texts."""
    if isinstance(value, (int, float)):
        return 0, value
    if isinstance(value, datetime):
        return 1, value
    return 2, value if isinstance(value, str) else json.dumps(value)


def to_csv(table: Table, chosen: Sequence[Column] = ()) -> str:
    """Return CSV, a line a trial: empty for what is missing, lists and mappings as JSON.

    Args:
        table: the trials.
        chosen: its columns; without any: number, state, values, times, reason, and each hyperparameter.
    """
    shown = chosen or every_column(table)
    rows = ([cell(column.of(row)) for column in shown] for row in table.rows)
    return "".join(map(csv_line, [[column.name for column in shown], *rows]))


def csv_line(fields: Iterable[Any]) -> str:
    """Return a line of CSV with its end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def cell(value: Any) -> Any:
    """Write a value so that it reads back: as JSON, but texts without quotes, and null as an empty field.

    A text that a spreadsheet would take for a formula gets an apostrophe in front of it.
    """
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return f"'{value}"
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value) if isinstance(value, (bool, list, dict)) else value
