"""A terminal for tests: runs a command on a real pseudo-terminal and knows what a user would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TIMEOUT_S = 90.0


class Terminal:
    """A command on a terminal of its own, which controls it.

    Args:
        command: what to run.
        folder: where.
        columns: of the terminal.
        rows: of the terminal; enough of them, and nothing is scrolled away.
        term: what the terminal calls itself.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, columns: int = 100, rows: int = 200, term: str = "xterm-256color"
    ) -> None:
        self._outer, inner = pty.openpty()
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            cwd=folder,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env={**os.environ, "TERM": term, "LC_ALL": "C.UTF-8"},
        )
        os.close(inner)

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor is shown."""
        return not self.screen.cursor.hidden

    def wait_for(self, pattern: str, timeout_s: float = TIMEOUT_S) -> None:
        """Read until the screen shows the pattern."""
        deadline_s = time.monotonic() + timeout_s
        while not re.search(pattern, self.text):
            if time.monotonic() > deadline_s or not self._read():
                raise AssertionError(f"{pattern!r} did not come:\n{self.text}")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._outer, keys.encode())

    def finish(self, timeout_s: float = TIMEOUT_S) -> int:
        """Read to the end; return the exit code."""
        deadline_s = time.monotonic() + timeout_s
        while self._read():
            if time.monotonic() > deadline_s:
                self.process.kill()
                raise AssertionError(f"it did not end:\n{self.text}")
        os.close(self._outer)
        return self.process.wait(TIMEOUT_S)

    def _read(self) -> bool:
        """Take in what was written, waiting a moment for it; return whether there can be more."""
        if not select.select([self._outer], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self._outer, 1 << 16)
        except OSError:  # everybody has closed the other end
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)
