"""The output of the Python code of this process while a live view has the terminal."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Any, TextIO

from qgtune.processes.output.capture import is_taken
from qgtune.progress.relay.screen import Screen


class OwnStreams:
    """Sends what this process's Python code writes to a screen, and leaves its descriptors alone.

    For sweeps whose jobs run in this process: what a crash says, and what other processes write, must not be lost.
    """

    def __init__(self, descriptors: tuple[int, ...]) -> None:
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._is_closed = False
        self._screen = Screen()
        self._lines: list[str] = []
        self._streams: list[tuple[str, Any, Any]] = []
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            before = getattr(sys, name)
            if descriptor in descriptors:
                mine = _Stream(before, self)
                self._streams.append((name, before, mine))
                setattr(sys, name, mine)
                _redirect_handlers(before, mine)

    def read(self, timeout_s: float) -> None:
        """Wait that long, or until `wake`."""
        self._woken.wait(max(0.0, timeout_s))

    def wake(self) -> None:
        """Let `read` return, now and from now on."""
        self._woken.set()

    def resize(self, size: os.terminal_size) -> None:
        """Do nothing: the code sees the real terminal's size."""

    def write(self, text: str) -> bool:
        """Take in what was written, unless it is closed; return whether it was taken."""
        with self._lock:
            if not self._is_closed:
                self._lines += self._screen.feed_text(text)
            return not self._is_closed

    def lines(self) -> list[str]:
        """Return the lines that became final since the last call."""
        with self._lock:
            lines, self._lines = self._lines, []
        return lines

    def current(self) -> dict[int, str]:
        """Return the line that the code is at, by the process's id."""
        with self._lock:
            return {os.getpid(): self._screen.current}

    def close(self) -> list[str]:
        """Write to the real terminal again; return what is left."""
        for name, before, mine in self._streams:
            if getattr(sys, name) is mine:
                setattr(sys, name, before)
            _redirect_handlers(mine, before)
        with self._lock:
            self._is_closed = True
            return [*self._lines, *self._screen.close()]


class _Stream:
    """A text stream whose `write` goes to a screen; all else is the real one's."""

    def __init__(self, real: TextIO, target: OwnStreams) -> None:
        self._real = real
        self._target = target
        self._pid = os.getpid()

    def write(self, text: str) -> int:
        """Write the text; to the real stream for a trial's file, in a forked process, where nobody would print it.

        And after the end.
        """
        if is_taken() or os.getpid() != self._pid or not self._target.write(text):
            return self._real.write(text)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write the lines."""
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _redirect_handlers(before: Any, after: Any) -> None:
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in loggers:
        for handler in getattr(logger, "handlers", []):
            if isinstance(handler, logging.StreamHandler) and handler.stream is before:
                handler.setStream(after)
