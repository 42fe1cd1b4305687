"""The rows of the live view: what each running trial has, has reported, and prints."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text

from qgtune.errors import printable
from qgtune.progress import wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qgtune.study.status import Activity

_GAP = "  "
_RUN = re.compile(r"(\S)\1{5,}")
_LONGEST_CELL = 16
_TAIL_COLUMNS = 26
_WIDE = 110
"""From how many columns on the process is shown, and when the last report came."""


def table(
    active: Sequence[Activity], n_rows: int, columns: int, current: Mapping[int, str], ellipsis: str
) -> list[Text]:
    """Return a heading and a row for each running trial, as many as there is room for.

    Args:
        active: the trials.
        n_rows: how many lines there may be.
        columns: how wide they may be. Hyperparameters are shown as far as they leave room for what the trial prints.
        current: by the number of a trial, the line that it is at.
        ellipsis: stands for what is cut off.
    """
    if not active:
        return [Text("waiting for a trial to start", "bright_black")][:n_rows]
    if n_rows <= 1:
        return []
    ordered = sorted(active, key=lambda activity: activity.number)
    shown = ordered if len(ordered) < n_rows else ordered[: n_rows - 2]
    fixed = [_column("trial", [str(one.number) for one in shown])]
    fixed += _process_column(shown, columns)
    last = [_column("last report", [_report(one, columns) for one in shown])]
    last.append(_column("age", [wording.duration(one.elapsed_s) for one in shown]))
    free = columns - _width([*fixed, *last]) - _TAIL_COLUMNS - len(_GAP)
    cells = [*fixed, *_hyperparameters(shown, free, ellipsis), *last]
    heading, *rows = (f"{_GAP}{_GAP.join(row)}" for row in zip(*cells, strict=True))
    lines = [Text(heading, "bright_black")]
    for one, row in zip(shown, rows, strict=True):
        tail = _short(current.get(one.number, ""))
        lines.append(Text(row).append(f"{_GAP}{tail}" if tail else "", "bright_black"))
    if len(shown) < len(ordered):
        lines.append(Text(f"{_GAP}+{len(ordered) - len(shown)} more", "bright_black"))
    return lines


def _column(name: str, cells: Sequence[str]) -> list[str]:
    width = max(map(cell_len, (name, *cells)))
    return [cell + " " * (width - cell_len(cell)) for cell in (name, *cells)]


def _width(cells: Sequence[Sequence[str]]) -> int:
    return sum(len(_GAP) + cell_len(column[0]) for column in cells)


def _process_column(shown: Sequence[Activity], columns: int) -> list[list[str]]:
    """Say which process runs a trial, where there is room, or some are elsewhere."""
    here = socket.gethostname()
    if columns < _WIDE and all(one.owner is not None and one.owner.host == here for one in shown):
        return []
    return [_column("process", [_process(one, here) for one in shown])]


def _process(activity: Activity, here: str) -> str:
    if activity.owner is None:
        return "elsewhere"
    return f"{activity.owner.pid}" if activity.owner.host == here else f"{activity.owner.host}:{activity.owner.pid}"


def _report(activity: Activity, columns: int) -> str:
    if activity.step is None:
        return "none yet"
    text = f"step {activity.step}: {activity.value:.6g}"
    is_told = columns >= _WIDE and activity.reported_s is not None
    return f"{text}, {wording.duration(activity.reported_s or 0.0)} ago" if is_told else text


def _hyperparameters(shown: Sequence[Activity], free: int, ellipsis: str) -> list[list[str]]:
    """Return the columns of those hyperparameters that there is room for, the most telling first."""
    paths = list(dict.fromkeys(path for one in shown for path in one.parameters))
    names = short_names(paths)
    found = []
    for path in paths:
        cells = [_value(one.parameters[path]) if path in one.parameters else "" for one in shown]
        column = _column(*(_cut(names[path], ellipsis), [_cut(cell, ellipsis) for cell in cells]))
        free -= len(_GAP) + cell_len(column[0])
        if free < 0:
            break
        found.append(column)
    return found


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Return for each path its last parts: as few as tell it from the others."""
    names = {}
    for path in paths:
        parts = path.split(".")
        ends = [".".join(parts[-n:]) for n in range(1, len(parts) + 1)]
        taken = [other for other in paths if other != path]
        names[path] = next((end for end in ends if not any(f".{other}".endswith(f".{end}") for other in taken)), path)
    return names


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else printable(str(value))


def _cut(text: str, ellipsis: str) -> str:
    return text if len(text) <= _LONGEST_CELL else ellipsis + text[len(ellipsis) - _LONGEST_CELL :]


def _short(line: str) -> str:
    """Shorten the bar in a progress bar's line, as wide as the terminal, so that the numbers after it are seen."""
    return _RUN.sub(r"\1\1\1\1\1", " ".join(line.split()))
