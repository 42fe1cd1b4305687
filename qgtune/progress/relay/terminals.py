"""Terminals of our own for what processes write while a live view has the real one."""

from __future__ import annotations

import os
import selectors
import struct
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from qgtune.progress.relay.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ_BYTES = 1 << 16
_COALESCE_S = 0.02
_IDLE_S = 2.0


@dataclass(frozen=True, slots=True)
class ChildTerminal:
    """A pseudo-terminal for a process to write to; as connections, because those travel to a spawned process.

    Attributes:
        inner: the process's end.
        outer: the end that is read. The process keeps it open, too: when the reader dies, it is to end in good order
            and not of a write that fails.
        descriptors: which of standard output and standard error go there; the others are no terminals.
    """

    inner: Connection
    outer: Connection
    descriptors: tuple[int, ...]

    def take(self) -> None:
        """Make it this process's terminal; `outer` stays open as long as this object is kept."""
        for descriptor in self.descriptors:
            os.dup2(self.inner.fileno(), descriptor)
        self.inner.close()


class Relay:
    """Reads what processes write to their terminals, and keeps it as lines.

    This process's own output goes there, too, until `close`: its log lines, and what a process that it starts says
    before it takes its own terminal. One thread reads; any thread may open terminals.

    Args:
        descriptors: which of standard output and standard error are terminals.
        size: their columns and rows.
    """

    def __init__(self, descriptors: tuple[int, ...], size: os.terminal_size) -> None:
        self.descriptors = descriptors
        self.size = size
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = os.pipe()
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._new: deque[tuple[Connection, int]] = deque()
        self._screens: dict[int, tuple[Connection, int, Screen]] = {}
        self._heard_s: dict[int, float] = {}
        self._lines: list[str] = []
        resource_tracker.ensure_running()  # it outlives us and is to keep the real terminal
        self._saved = {descriptor: os.dup(descriptor) for descriptor in descriptors}
        if terminal := self.open():
            _flush()
            for descriptor in descriptors:
                os.dup2(terminal.inner.fileno(), descriptor)
            self.read_from(terminal, os.getpid())

    def open(self) -> ChildTerminal | None:
        """Make a terminal for a process that is to be started; None when the system has none left."""
        import pty
        import termios

        try:
            outer, inner = pty.openpty()
        except OSError:
            return None
        modes = termios.tcgetattr(inner)
        modes[1] &= ~termios.OPOST  # line ends as they are written
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(inner, termios.TCSANOW, modes)
        os.set_blocking(outer, False)
        _set_size(outer, self.size)
        return ChildTerminal(Connection(inner), Connection(outer), self.descriptors)

    def read_from(self, terminal: ChildTerminal, pid: int) -> None:
        """Read a terminal from now on, that of process `pid`, which has its end by now."""
        terminal.inner.close()
        self._new.append((terminal.outer, pid))
        self.wake()

    def wake(self) -> None:
        """Let `read` return."""
        os.write(self._wake_out, b".")

    def read(self, timeout_s: float) -> None:
        """Wait until something was written, at most `timeout_s`, and take it in."""
        ready = self._selector.select(max(0.0, timeout_s))
        for key, _ in ready:
            if key.fd == self._wake_in:
                os.read(self._wake_in, _READ_BYTES)
            else:
                self._take(key.fd)
        while self._new:
            outer, pid = self._new.popleft()
            self._screens[outer.fileno()] = outer, pid, Screen()
            self._selector.register(outer.fileno(), selectors.EVENT_READ)
        if ready:
            time.sleep(_COALESCE_S)  # a process that writes line by line is to wake us 50 times a second, no more

    def lines(self) -> list[str]:
        """Return the lines that became final since the last call."""
        now_s = time.monotonic()
        for descriptor, heard_s in list(self._heard_s.items()):
            if now_s - heard_s > _IDLE_S:
                del self._heard_s[descriptor]
                self._lines += self._screens[descriptor][2].settle()
        lines, self._lines = self._lines, []
        return lines

    def current(self) -> dict[int, str]:
        """Return the line that each process is at, by process id."""
        return {pid: text for _, pid, screen in self._screens.values() if (text := screen.current)}

    def resize(self, size: os.terminal_size) -> None:
        """Give the terminals another size."""
        if size != self.size:
            self.size = size
            for descriptor in self._screens:
                _set_size(descriptor, size)

    def close(self) -> list[str]:
        """Give the real terminal back, take in what is left, even of processes that live on, and return all lines."""
        _flush()
        for descriptor, saved in self._saved.items():
            os.dup2(saved, descriptor)
            os.close(saved)
        self.read(0)
        for descriptor in list(self._screens):
            self._take(descriptor)
            if descriptor in self._screens:
                self._end(descriptor)
        self._selector.close()
        os.close(self._wake_in)
        os.close(self._wake_out)
        return self.lines()

    def _take(self, descriptor: int) -> None:
        screen = self._screens[descriptor][2]
        for data in _chunks(descriptor):
            if not data:
                self._end(descriptor)
                return
            self._heard_s[descriptor] = time.monotonic()
            self._lines += screen.feed(data)

    def _end(self, descriptor: int) -> None:
        outer, _, screen = self._screens.pop(descriptor)
        self._heard_s.pop(descriptor, None)
        self._selector.unregister(descriptor)
        outer.close()
        self._lines += screen.close()


def _chunks(descriptor: int) -> Iterator[bytes]:
    """Yield what there is to read; the empty bytes at the end of all."""
    while True:
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has the other end
            data = b""
        yield data
        if not data:
            return


def _set_size(descriptor: int, size: os.terminal_size) -> None:
    import fcntl
    import termios

    with suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", size.lines, size.columns, 0, 0))


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
