"""Live progress while a sweep runs: a view on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from qgtune.errors import printable
from qgtune.processes.output.dialogue import before_dialogue, is_debugged
from qgtune.progress.lines import LogLines
from qgtune.progress.watched import Budget
from qgtune.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from qgtune.processes.interrupts import Interrupts
    from qgtune.progress.relay.followed import TrialOutput
    from qgtune.progress.relay.terminals import Relay
    from qgtune.progress.view import LiveView
    from qgtune.progress.watched import Watched
    from qgtune.study.status import Status

Mode = Literal["bar", "log", "off"]

_PAUSES_S = (0.5, 5.0)
_STOPPING_S = 1.0
_SIGNAL_S = 0.3


def chosen_mode(setting: str, *, has_terminal: bool, is_debugged: bool) -> Mode:
    """Decide how progress is shown.

    Args:
        setting: `auto`, `bar`, `log` or `off`.
        has_terminal: whether standard output is a terminal that can show a view.
        is_debugged: whether a debugger needs that terminal.
    """
    if setting == "off":
        return "off"
    wants_bar = setting == "bar" or (setting == "auto" and not is_debugged)
    return "bar" if wants_bar and has_terminal else "log"


def has_terminal() -> bool:
    """Say whether standard output is a terminal in whose foreground we run and that can move its cursor."""
    if os.environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        return False
    try:
        if not (os.isatty(1) and sys.stdout.isatty() and sys.stdout.fileno() == 1):
            return False
    except (OSError, ValueError, AttributeError):
        return False
    with suppress(OSError):  # a terminal that does not control us has no foreground
        return os.tcgetpgrp(1) == os.getpgrp()
    return True


class Source(Protocol):
    """Where the jobs' output comes from while the view has the terminal."""

    def read(self, timeout_s: float) -> None:
        """Wait for output, at most so long."""

    def wake(self) -> None:
        """Let `read` return."""

    def lines(self) -> list[str]:
        """Return the lines that became final since the last call."""

    def current(self) -> Mapping[int, str]:
        """Return the line that each process is at."""

    def resize(self, size: os.terminal_size) -> None:
        """Take note of the terminal's size."""

    def close(self) -> list[str]:
        """Give the terminal back; return the last lines."""


@contextmanager
def progress(
    watched: Watched, setting: str, interrupts: Interrupts, *, in_process: bool, output: TrialOutput | None = None
) -> Iterator[Relay | None]:
    """Show the progress inside.

    Args:
        watched: the study.
        setting: `auto`, `bar`, `log` or `off`.
        interrupts: the signals of this process, of which the second ends it at once.
        in_process: whether the jobs run in this process.
        output: what the trials print into files; None where they print to the terminal.

    Yields:
        Where processes that are started inside get their terminals; None when they write to ours.
    """
    is_terminal = has_terminal()
    mode = chosen_mode(setting, has_terminal=is_terminal, is_debugged=in_process and is_debugged())
    if output is not None:
        output.settle(has_rows=mode == "bar" and not in_process)
        output.has_colours = is_terminal
    if mode == "bar":
        with _bar(watched, interrupts, in_process=in_process, output=output) as relay:
            yield relay
        return
    lines = LogLines(watched, output=output) if mode == "log" else LogLines(watched, None, output)
    with _running(lines):
        yield None


@contextmanager
def _bar(
    watched: Watched, interrupts: Interrupts, *, in_process: bool, output: TrialOutput | None
) -> Iterator[Relay | None]:
    from qgtune.progress.relay.own_output import OwnStreams
    from qgtune.progress.relay.terminals import Relay
    from qgtune.progress.view import LiveView, terminal_size

    descriptors = tuple(descriptor for descriptor in (1, 2) if os.isatty(descriptor))
    terminal = os.dup(1)  # the real one, before the relay takes its place
    relay = None if in_process else Relay(descriptors, terminal_size(terminal))
    view = LiveView(terminal, printable(watched.session.study.study_name))
    bar = Bar(watched, view, relay or OwnStreams(descriptors), output)
    before, interrupts.before_exit = interrupts.before_exit, view.leave
    # A debugger, or a question, needs the terminal for itself: the view goes away for good.
    talks = before_dialogue(bar.stop) if in_process else nullcontext()
    try:
        with _running(bar), _shown_to_the_shell(view), talks:
            yield relay
    finally:
        interrupts.before_exit = before


@contextmanager
def _shown_to_the_shell(view: LiveView) -> Iterator[None]:
    """Show the cursor while Ctrl-Z has stopped us: the shell has the terminal then."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTSTP) != signal.SIG_DFL:
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        view.leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns when we go on
        signal.signal(number, stop)
        view.come_back()

    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)


@contextmanager
def _running(shown: LogLines | Bar) -> Iterator[None]:
    thread = start_thread(shown.run, name="qgtune-progress")
    try:
        yield
    finally:
        shown.stop()
        thread.join()


@dataclass(slots=True)
class Bar:
    """Keeps a live view up to date, with the jobs' output above it.

    Attributes:
        watched: the study.
        view: the view.
        source: what processes print by themselves.
        output: what trials print; None where that comes from the source, too.
    """

    watched: Watched
    view: LiveView
    source: Source
    output: TrialOutput | None = None
    _is_broken: bool = False
    _stopped: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Show the view until `stop`."""
        due_s = time.monotonic()
        budget = Budget(due_s, *_PAUSES_S)
        was_stopping = False
        try:
            while not self._stopped.is_set():
                self.source.read(min(_SIGNAL_S, due_s - time.monotonic()))
                is_stopping = self.watched.is_stopping
                is_due = time.monotonic() >= due_s or is_stopping != was_stopping
                if is_due and not self._stopped.is_set():
                    self.source.resize(self.view.size())
                    self._show(self.watched.try_status(), self._lines())
                    due_s, was_stopping = budget.next_s(time.monotonic(), time.thread_time()), is_stopping
                    if is_stopping:
                        due_s = time.monotonic() + _STOPPING_S
        finally:
            self._close()
            self._ended.set()

    def stop(self) -> None:
        """Take the view away."""
        if not self._ended.is_set():
            self._stopped.set()
            self.source.wake()
            self._ended.wait()

    def _close(self) -> None:
        left = self.source.close()
        self._show(None, [*(self.output.close() if self.output else ()), *left])
        with suppress(OSError, ValueError):
            self.view.close()

    def _show(self, status: Status | None, lines: list[str]) -> None:
        """Paint; a view that cannot be painted is given up, and the jobs' output is still printed."""
        if not self._is_broken:
            try:
                self.view.paint(status, lines, self._current(status))
            except Exception as error:  # noqa: BLE001 - the jobs go on, whatever is wrong with their picture
                self._is_broken = True
                lines = [*lines, f"The live view stopped: {error}"]
        if self._is_broken:
            self.view.print_plainly(lines)

    def _lines(self) -> list[str]:
        """Return what became final: of the processes, after what trials had printed before."""
        own = self.source.lines()
        return [*(self.output.lines() if self.output else ()), *own]

    def _current(self, status: Status | None) -> dict[int, str]:
        """Return by the trial's number the line that it is at."""
        by_process = self.source.current()
        found = {
            one.number: by_process.get(one.owner.pid, "")
            for one in (status.active if status else ())
            if one.owner is not None and one.owner.is_near
        }
        return {**found, **(self.output.current() if self.output else {})}
