"""Progress as lines: where no live view is shown, and for what a sweep says while it stops."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qgtune.processes.output.capture import readers
from qgtune.progress.watched import Budget
from qgtune.progress.wording import LogSchedule, log_line, stopping

if TYPE_CHECKING:
    from qgtune.progress.relay.followed import TrialOutput
    from qgtune.progress.watched import Watched
    from qgtune.study.status import Status

LOG_PERIOD_S = 30.0
_PAUSES_S = (1.0, 60.0)
_LOOK_S = 0.2
_STOPPING_S = 3.0

log = logging.getLogger("qgtune")


def in_notebook() -> bool:
    """Say whether we run in a notebook's kernel, whose cells nobody sets up logging for."""
    return "ipykernel" in sys.modules


@dataclass(slots=True)
class LogLines:
    """Logs a line now and then, and prints the trials' output.

    Attributes:
        watched: the study.
        period_s: the longest silence; None says nothing but that the sweep stops.
        output: what the trials print; None for what they print themselves.
    """

    watched: Watched
    period_s: float | None = LOG_PERIOD_S
    output: TrialOutput | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)
    _handlers: tuple[logging.Handler, ...] = ()
    _prints: bool = False
    _terminal: int = -1
    _said_s: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        with suppress(OSError):  # somebody has closed it
            self._terminal = os.dup(1)  # a trial that runs in this process takes the other one for its file
        # Those of the sweep: a job that runs in this process has others, whose file is the trial's.
        self._handlers = tuple(map(_with_own_stream, logging.getLogger().handlers))
        self._prints = in_notebook() and not log.isEnabledFor(logging.INFO)

    def run(self) -> None:
        """Log until `stop`."""
        now_s = due_s = time.monotonic()
        budget = Budget(now_s, *_PAUSES_S)
        schedule = None if self.period_s is None else LogSchedule(self.period_s, now_s)
        if schedule is not None and (status := self.watched.try_status()) is not None:
            schedule.best = status.best
        readers.append(self._print_output)
        while not self._stopped.wait(_LOOK_S):
            self._print_output()
            now_s = time.monotonic()
            if self.watched.is_stopping:
                self._say_stopping(now_s)
            elif schedule is not None and now_s >= due_s:
                status = self.watched.try_status()
                if status is not None and (line := schedule.line(status, time.monotonic())):
                    self._say(line)
                due_s = budget.next_s(time.monotonic(), time.thread_time())
        self._close()

    def stop(self) -> None:
        """Log no more."""
        self._stopped.set()

    def _close(self) -> None:
        readers.remove(self._print_output)
        if self.output is not None:
            self._print(self.output.close())
        if self._prints and (status := self.watched.try_status()) is not None:
            print(log_line(status), flush=True)  # noqa: T201 - nobody else says there how the study ended
        with suppress(OSError):
            os.close(self._terminal)
        for handler in self._handlers:
            if isinstance(handler, _OwnStream):
                handler.stream.close()

    def _print_output(self) -> None:
        with self._lock:
            if self.output is not None:
                self._print(self.output.lines())

    def _print(self, lines: list[str]) -> None:
        data = "".join(f"{line}\n" for line in lines).encode(errors="replace")
        with suppress(OSError):  # the reader has gone; the files have it all
            while data:
                data = data[os.write(self._terminal, data) :]

    def _say_stopping(self, now_s: float) -> None:
        is_due = self._said_s is None or now_s >= self._said_s + _STOPPING_S
        if is_due and (status := self.watched.try_status()) is not None:
            self._said_s = now_s
            self._say(_sentence(status))

    def _say(self, line: str) -> None:
        if self._prints:
            print(line, flush=True)  # noqa: T201 - below the cell that runs the study
        if not log.isEnabledFor(logging.INFO):
            return
        record = log.makeRecord(log.name, logging.INFO, "", 0, line, (), None)
        for handler in self._handlers:
            if record.levelno >= handler.level:
                handler.handle(record)


def _sentence(status: Status) -> str:
    text = stopping(status)
    return f"{text[0].upper()}{text[1:]}."


class _OwnStream(logging.StreamHandler):  # type: ignore[type-arg]  # it takes one from 3.11 on
    """A handler that writes to the terminal, or whatever stands there, whoever has taken the descriptor meanwhile."""


def _with_own_stream(handler: logging.Handler) -> logging.Handler:
    """Return a handler that writes where the given one does, also while a trial's file has the descriptor."""
    if not isinstance(handler, logging.StreamHandler) or isinstance(handler, logging.FileHandler):
        return handler
    try:
        descriptor = os.dup(handler.stream.fileno())
    except (OSError, ValueError, AttributeError):  # a stream without one
        return handler
    own = _OwnStream(os.fdopen(descriptor, "w", encoding="utf-8", errors="replace"))
    own.setLevel(handler.level)
    own.setFormatter(handler.formatter)
    own.filters = handler.filters
    return own
