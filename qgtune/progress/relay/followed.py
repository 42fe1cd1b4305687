"""The outputs of the trials, read while they grow, as lines for the terminal."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from qgtune.files import short_path
from qgtune.processes.output.announcements import Announcements
from qgtune.progress.relay.screen import Screen, plain

if TYPE_CHECKING:
    from pathlib import Path

    from qgtune.processes.output.announcements import Announcement

Style = Literal["auto", "prefix", "mute", "plain"]

MOST_BYTES = 1 << 18
"""How much of one trial is shown at a look; of more, nobody would read a line."""
_TAIL_BYTES = 1 << 13
_SILENT_S = 2.0


@dataclass(slots=True)
class TrialOutput:
    """Follows the files that the workers of a sweep announce.

    Attributes:
        sweep: the folder of the sweep.
        style: `prefix` puts a trial's number before each of its lines, `mute` shows none, `plain` shows them bare;
            `auto` is `prefix` until `settle`.
        has_colours: whether the lines keep their colours.
    """

    sweep: Path
    style: Style = "prefix"
    has_colours: bool = True
    _announcements: Announcements = field(init=False)
    _shown_sweep: str = ""
    _followed: dict[int, _Followed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._announcements = Announcements(self.sweep)
        self._shown_sweep = short_path(self.sweep)  # jobs may change the working folder of this process

    def settle(self, *, has_rows: bool) -> None:
        """Choose where that is left to us: rows of a view show the line that each trial is at, and that is enough."""
        if self.style == "auto":
            self.style = "mute" if has_rows else "prefix"

    def lines(self) -> list[str]:
        """Return the lines that became final since the last call."""
        for followed in self._followed.values():
            followed.measure()  # what was written before an end was announced lies before that end
        lines = []
        for announced in self._announcements.new():
            if announced.end_bytes is None:
                lines += self._end(announced.number)
                where = f"{self._shown_sweep}/{os.path.relpath(announced.path, self.sweep)}"
                self._followed[announced.number] = _Followed(announced, where)
            elif (ending := self._followed.get(announced.number)) is not None:
                ending.measure(announced.end_bytes)
                lines += self._end(announced.number)
        for number, followed in list(self._followed.items()):
            lines += self._shown(number, followed.read(is_muted=self.style == "mute"))
            if followed.is_abandoned():
                lines += self._end(number)
        return lines

    def current(self) -> dict[int, str]:
        """Return the line that each running trial is at, by the trial's number."""
        return {number: text for number, followed in self._followed.items() if (text := followed.screen.current)}

    def close(self) -> list[str]:
        """Return what is left."""
        lines = self.lines()
        for number in list(self._followed):
            lines += self._end(number)
        return lines

    def _end(self, number: int) -> list[str]:
        if (followed := self._followed.pop(number, None)) is None:
            return []
        lines = followed.read(is_muted=self.style == "mute") + followed.screen.close()
        followed.close()
        return self._shown(number, lines)

    def _shown(self, number: int, lines: list[str]) -> list[str]:
        if self.style == "mute":
            return []
        if not self.has_colours:
            lines = [plain(line) for line in lines]
        return [f"[{number}] {line}" for line in lines] if self.style == "prefix" else lines


class _Followed:
    """A file that grows."""

    def __init__(self, announced: Announcement, where: str) -> None:
        self.screen = Screen()
        self._announced = announced
        self._where = where
        self._file: int | None = None
        self._position = announced.start_bytes
        self._size = announced.start_bytes
        self._heard_s = time.monotonic()

    def measure(self, end_bytes: int | None = None) -> None:
        """Note how far to read next: to `end_bytes`, or as far as the file goes now."""
        with suppress(OSError):  # a file of another host that is not seen here, or not yet
            if self._file is None:
                self._file = os.open(self._announced.path, os.O_RDONLY | os.O_NOFOLLOW)
            self._size = os.fstat(self._file).st_size if end_bytes is None else end_bytes

    def read(self, *, is_muted: bool) -> list[str]:
        """Take in what is new; return the lines that became final."""
        if self._file is None:
            return []
        self._position = min(self._position, self._size)  # the function may have emptied its file
        n_skipped = max(0, self._size - self._position - (_TAIL_BYTES if is_muted else MOST_BYTES))
        data = b""
        with suppress(OSError):
            data = os.pread(self._file, self._size - self._position - n_skipped, self._position + n_skipped)
        if not data:
            return []
        self._position += n_skipped + len(data)
        self._heard_s = time.monotonic()
        return self._restart(n_skipped) + self.screen.feed(_from_a_line(data) if n_skipped else data)

    def _restart(self, n_skipped: int) -> list[str]:
        """Say what is not shown, if so, and where it can be read."""
        if not n_skipped:
            return []
        lines, self.screen = self.screen.close(), Screen()
        return [*lines, f"({max(1, n_skipped >> 10)} KiB more are in {self._where})"]

    def is_abandoned(self) -> bool:
        """Say whether its process has gone without a word."""
        return time.monotonic() > self._heard_s + _SILENT_S and self._announced.is_dead()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _from_a_line(data: bytes) -> bytes:
    """Return what comes after the rest of a line."""
    return data.partition(b"\n")[2] or data
