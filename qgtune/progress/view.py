"""The live view of a sweep: a few lines that stay at the bottom of the terminal."""

from __future__ import annotations

import os
import re
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.segment import Segment, Segments
from rich.text import Text

from qgtune.progress import wording
from qgtune.study.attempts.limits import of_total

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qgtune.study.status import Activity, Status

_BAR_COLUMNS = (8, 40)
_GAP = "  "
_SHOW_CURSOR = b"\x1b[0m\x1b[?25h"
_RUN = re.compile(r"(\S)\1{5,}")
_HIDE_CURSOR = b"\x1b[?25l"
_ROOMY = 60, 12
"""From how many columns and rows on space is used for looks."""


class LiveView:
    """Prints lines above and redraws the view below them.

    Args:
        descriptor: the terminal; closed by `close`.
        title: the study's name.
    """

    def __init__(self, descriptor: int, title: str) -> None:
        self._descriptor = descriptor
        self._title = title
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", closefd=False)
        self._console = Console(file=self._file, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._picture = _Picture()
        self._live = Live(
            self._picture,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()

    def size(self) -> os.terminal_size:
        """Return the terminal's columns and rows."""
        return terminal_size(self._descriptor)

    def paint(self, status: Status | None, lines: Sequence[str], current: Mapping[int, str]) -> None:
        """Print the lines and redraw the view.

        Args:
            status: how the study stands; None leaves the view as it is.
            lines: what jobs have written, whole lines.
            current: by process id, the line that a process is at.

        Raises:
            OSError: when the terminal is gone.
        """
        columns, rows = self.size()
        self._console.size = columns, rows
        if status is not None:
            width = max(1, columns - 1)  # a full last column makes some terminals wrap
            self._picture.lines = view(status, self._title, width, rows, current)
        if lines:
            self._console.print(Segments([Segment("\n".join(lines) + "\n")]), crop=False, soft_wrap=True, end="")
        else:
            self._live.refresh()

    def print_plainly(self, lines: Sequence[str]) -> None:
        """Print the lines without any view; where the terminal is gone, drop them."""
        self._write("".join(f"{line}\r\n" for line in lines).encode(errors="replace"))

    def close(self) -> None:
        """Take the view away and show the cursor."""
        try:
            self._live.stop()
            self._file.flush()
        finally:
            self._write(_SHOW_CURSOR)
            os.close(self._descriptor)

    def leave(self) -> None:
        """Show the cursor, on a line of its own; for the last moment of a process that ends or is stopped at once."""
        self._write(b"\r\n" + _SHOW_CURSOR)

    def come_back(self) -> None:
        """Hide the cursor again, after `leave`."""
        self._write(_HIDE_CURSOR)

    def _write(self, data: bytes) -> None:
        with suppress(OSError):
            os.write(self._descriptor, data)


@dataclass(slots=True)
class _Picture:
    """What is shown, so that printing above it shows the latest, too."""

    lines: list[Text] = field(default_factory=list)

    def __rich__(self) -> Group:
        return Group(*self.lines)


def terminal_size(descriptor: int) -> os.terminal_size:
    """Return a terminal's columns and rows; 80 by 24 where it does not say."""
    try:
        columns, rows = os.get_terminal_size(descriptor)
    except OSError:
        columns = rows = 0
    return os.terminal_size((columns or 80, rows or 24))


def view(status: Status, title: str, columns: int, rows: int, current: Mapping[int, str]) -> list[Text]:
    """Return the view's lines, none wider than `columns` and at most half of `rows`, but one at the least.

    Args:
        status: how the study stands.
        title: its name.
        columns: of the terminal.
        rows: of the terminal.
        current: by process id of this host, the line that a process is at.
    """
    lines = [_head(status, title, columns), *_flow(_facts(status), columns)]
    if rows >= _ROOMY[1]:
        lines.insert(0, Text())
    lines += _workers(status.active, max(0, rows // 2 - len(lines)), columns, current)
    lines = lines[: max(1, rows // 2)]
    for line in lines:
        line.no_wrap = True
        line.truncate(columns, overflow="ellipsis")
    return lines


def _head(status: Status, title: str, columns: int) -> Text:
    count = of_total(status.finished, status.n_trials).removesuffix(" trials")
    done, total = max([(status.finished, status.n_trials), *((n, all_) for _, n, all_ in status.spent)], key=_share)
    left = wording.time_left(status)
    for name in (title, ""):
        fixed = [part for part in (name, count, left) if part]
        free = columns - sum(map(len, fixed)) - len(_GAP) * len(fixed)
        if free >= _BAR_COLUMNS[0]:
            break
    text = Text()
    if name:
        text.append(name, "bold").append(_GAP)
    if free >= _BAR_COLUMNS[0]:
        text.append_text(_bar(done, total, min(free, _BAR_COLUMNS[1]))).append(_GAP)
    return text.append(count, "bold").append(_GAP).append(left)


def _share(part: tuple[float, float]) -> float:
    return part[0] / part[1] if part[1] else 0.0


def _bar(done: float, total: float, width: int) -> Text:
    n_full = min(width, int(width * done / total)) if total else 0
    return Text().append("━" * n_full, "green").append("─" * (width - n_full), "bright_black")


def _facts(status: Status) -> list[Text]:
    counts, running = Text(wording.counts(status)), Text(wording.running(status))
    if status.failed:
        counts.stylize("red", start=counts.plain.rindex(",") + 2)
    best = wording.best(status)
    spent = wording.spent(status)
    return [counts, running, *([Text(best, "cyan")] if best else []), *([Text(spent)] if spent else [])]


def _flow(parts: Sequence[Text], columns: int) -> list[Text]:
    """Put the parts on as few lines as they fit on."""
    lines: list[Text] = []
    for part in parts:
        if lines and len(lines[-1]) + len(_GAP) + len(part) <= columns:
            lines[-1].append(_GAP).append_text(part)
        else:
            lines.append(part.copy())
    return lines


def _workers(active: Sequence[Activity], n_rows: int, columns: int, current: Mapping[int, str]) -> list[Text]:
    if n_rows == 0:
        return []
    if not active:
        return [Text("waiting for a trial to start", "bright_black")]
    here = socket.gethostname()
    ordered = sorted(active, key=lambda activity: (_process(activity, here), activity.number))
    shown = ordered if len(ordered) <= n_rows else ordered[: n_rows - 1]
    cells = [_cells(activity, here) for activity in shown]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for activity, row in zip(shown, cells, strict=True):
        text = Text("  worker " if columns >= _ROOMY[0] else "")
        text.append(_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
        is_ours = activity.owner is not None and activity.owner.host == here
        tail = current.get(activity.owner.pid, "") if activity.owner is not None and is_ours else ""
        lines.append(text.append(_GAP).append(_short(tail), "bright_black") if tail else text)
    if len(shown) < len(ordered):
        lines.append(Text(f"  +{len(ordered) - len(shown)} more", "bright_black"))
    return lines


def _short(line: str) -> str:
    """Shorten the bar in a progress bar's line, as wide as the terminal, so that the numbers after it are seen."""
    return _RUN.sub(r"\1\1\1\1\1", " ".join(line.split()))


def _cells(activity: Activity, here: str) -> tuple[str, ...]:
    value = "" if activity.value is None else f"{activity.value:.6g}"
    step = "no report yet" if activity.step is None else f"step {activity.step}: {value}"
    return _process(activity, here), f"trial {activity.number}", step, wording.duration(activity.elapsed_s)


def _process(activity: Activity, here: str) -> str:
    if activity.owner is None:
        return "elsewhere"
    return f"{activity.owner.pid}" if activity.owner.host == here else f"{activity.owner.host}:{activity.owner.pid}"
