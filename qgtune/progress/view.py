"""The live view of a sweep: a few lines that stay at the bottom of the terminal."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.segment import Segment, Segments
from rich.text import Text

from qgtune.progress import wording
from qgtune.progress.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qgtune.study.status import Status

_BAR_COLUMNS = (8, 40)
_GAP = "  "
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
_SHOW_CURSOR = b"\x1b[0m\x1b[?25h"
_HIDE_CURSOR = b"\x1b[?25l"
_ROOMY = 12
"""From how many rows on space is used for looks."""


@dataclass(frozen=True, slots=True)
class _Glyphs:
    done: str
    rest: str
    ellipsis: str


_UNICODE = _Glyphs("━", "─", "…")
_ASCII = _Glyphs("#", "-", "...")
_BLOCKS = {**dict.fromkeys(range(0x2588, 0x2590), "#"), ord("━"): "#", ord("─"): "-"}
"""What progress bars are made of, in plain ASCII."""


class LiveView:
    """Prints lines above and redraws the view below them.

    Args:
        descriptor: the terminal; closed by `close`.
        title: the study's name.
    """

    def __init__(self, descriptor: int, title: str) -> None:
        self._descriptor = descriptor
        self._title = title
        self._is_ascii = speaks_ascii(os.environ)
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
            current: by the number of a trial, the line that it is at.

        Raises:
            OSError: when the terminal is gone.
        """
        columns, rows = self.size()
        self._console.size = columns, rows
        if status is not None:
            width = max(1, columns - 1)  # a full last column makes some terminals wrap
            self._picture.lines = view(status, self._title, width, rows, current, is_ascii=self._is_ascii)
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


def speaks_ascii(environment: Mapping[str, str]) -> bool:
    """Say whether the terminal is one for plain ASCII, by the locale that the user has chosen.

    Python puts `LC_CTYPE=C.UTF-8` into its own environment where the user has chosen none (PEP 538).
    """
    chosen = [environment.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    if chosen[1] in _COERCED and chosen[2] in ("", "C", "POSIX"):
        chosen[1] = ""
    return "utf" not in next(filter(None, chosen), "C").lower()


def view(
    status: Status, title: str, columns: int, rows: int, current: Mapping[int, str], *, is_ascii: bool = False
) -> list[Text]:
    """Return the view's lines, none wider than `columns` and at most half of `rows`, but one at the least.

    Args:
        status: how the study stands.
        title: its name.
        columns: of the terminal.
        rows: of the terminal.
        current: by the number of a trial, the line that it is at.
        is_ascii: whether the terminal shows nothing else.
    """
    glyphs = _ASCII if is_ascii else _UNICODE
    lines = [_head(status, title, columns, glyphs), *_flow(_facts(status), columns)]
    if rows >= _ROOMY:
        lines.insert(0, Text())
    if status.active or status.stopping_s is None:
        lines += table(status.active, max(0, rows // 2 - len(lines)), columns, current, glyphs.ellipsis)
    lines = lines[: max(1, rows // 2)]
    return [_fitted(line, columns, glyphs) for line in lines]


def _fitted(line: Text, columns: int, glyphs: _Glyphs) -> Text:
    if glyphs is _ASCII:
        line.plain = line.plain.translate(_BLOCKS).encode("ascii", "replace").decode()
    if line.cell_len > columns:
        line.truncate(max(0, columns - len(glyphs.ellipsis)))
        line.append(glyphs.ellipsis[:columns])
    line.no_wrap = True
    return line


def _head(status: Status, title: str, columns: int, glyphs: _Glyphs) -> Text:
    if status.stopping_s is not None:
        return Text(wording.stopping(status), "bold yellow")
    count = wording.done(status)
    for name, times in ((title, wording.times(status)), ("", wording.times(status)), ("", wording.time_left(status))):
        fixed = [part for part in (name, count, times) if part]
        free = columns - sum(map(len, fixed)) - len(_GAP) * len(fixed)
        if free >= _BAR_COLUMNS[0]:
            break
    text = Text()
    if name:
        text.append(name, "bold").append(_GAP)
    if free >= _BAR_COLUMNS[0]:
        most = max(_BAR_COLUMNS[1], columns // 3)
        text.append_text(_bar(status.share, min(free, most), glyphs)).append(_GAP)
    return text.append(count, "bold").append(_GAP).append(times)


def _bar(share: float, width: int, glyphs: _Glyphs) -> Text:
    n_full = int(width * share + 1e-9)
    return Text().append(glyphs.done * n_full, "green").append(glyphs.rest * (width - n_full), "bright_black")


def _facts(status: Status) -> list[Text]:
    counts, running = Text(wording.counts(status)), Text(wording.running(status))
    if status.failed:
        counts.stylize("red", start=counts.plain.rindex(",") + 2)
    best = wording.best(status)
    style = "bold green" if status.is_new_best else "cyan"
    spent = wording.spent(status)
    return [counts, running, *([Text(best, style)] if best else []), *([Text(spent)] if spent else [])]


def _flow(parts: Sequence[Text], columns: int) -> list[Text]:
    """Put the parts on as few lines as they fit on."""
    lines: list[Text] = []
    for part in parts:
        if lines and len(lines[-1]) + len(_GAP) + len(part) <= columns:
            lines[-1].append(_GAP).append_text(part)
        else:
            lines.append(part.copy())
    return lines
