"""Live progress while a sweep runs: a view on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import bdb
import logging
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from qgtune.errors import printable
from qgtune.progress.wording import LogSchedule, log_line
from qgtune.study.attempts.control import Control
from qgtune.study.status import Tally
from qgtune.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from qgtune.processes.interrupts import Interrupts
    from qgtune.progress.relay.terminals import Relay
    from qgtune.progress.view import LiveView
    from qgtune.study.session import Session
    from qgtune.study.status import Status

Mode = Literal["bar", "log", "off"]

LOG_PERIOD_S = 30.0
_BAR_PAUSES_S = (0.5, 5.0)
_LOG_PAUSES_S = (1.0, 60.0)

log = logging.getLogger("qgtune")


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


def in_notebook() -> bool:
    """Say whether we run in a notebook's kernel, whose cells nobody sets up logging for."""
    return "ipykernel" in sys.modules


def is_debugged() -> bool:
    """Say whether a debugger, or another tool that traces, is at work in this process."""
    monitoring = getattr(sys, "monitoring", None)
    return sys.gettrace() is not None or (monitoring is not None and monitoring.get_tool(0) is not None)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of a core the progress may take: a share of it, and a little to begin with.

    Attributes:
        start_s: when it began, on the clock of `time.monotonic`.
        least_pause_s: the shortest time between two looks at the study.
        longest_pause_s: the longest; then lines of the jobs' output wait long enough.
        share: of one core.
        credit_s: core time that is free, for the first look.
    """

    start_s: float
    least_pause_s: float
    longest_pause_s: float
    share: float = 0.01
    credit_s: float = 0.1

    def next_s(self, now_s: float, spent_s: float) -> float:
        """Return when to look again, after `spent_s` of core time since the start."""
        allowed_s = self.start_s + (spent_s - self.credit_s) / self.share
        return min(now_s + self.longest_pause_s, max(now_s + self.least_pause_s, allowed_s))


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


@dataclass(slots=True)
class Watched:
    """The study as the progress sees it, read by a thread of its own.

    Reading takes no lock that a worker in another process waits for: a journal is appended to, and what is whole is
    read.

    Attributes:
        session: the open study.
        n_workers: how many workers the sweep was started with.
        interrupts: the signals of this process; None where nothing can stop the study.
    """

    session: Session
    n_workers: int
    interrupts: Interrupts | None = None
    tally: Tally = field(default_factory=Tally)

    def status(self) -> Status:
        """Read what is new."""
        trials = self.session.study.get_trials(deepcopy=False)
        control = Control.of(self.session.study)
        wanted = control.workers.get(self.session.owner.name)
        found = self.tally.status(trials, self.session.limits, wanted or self.n_workers, self.session.clock())
        is_stopping = control.finish or (self.interrupts is not None and self.interrupts.received is not None)
        return replace(found, n_workers=wanted, is_paused=control.pause, is_stopping=is_stopping)


@contextmanager
def progress(watched: Watched, setting: str, interrupts: Interrupts, *, in_process: bool) -> Iterator[Relay | None]:
    """Show the progress inside.

    Args:
        watched: the study.
        setting: `auto`, `bar`, `log` or `off`.
        interrupts: the signals of this process, of which the second ends it at once.
        in_process: whether the jobs run in this process.

    Yields:
        Where processes that are started inside get their terminals; None when they write to ours.
    """
    mode = chosen_mode(setting, has_terminal=has_terminal(), is_debugged=in_process and is_debugged())
    if mode == "off":
        yield None
    elif mode == "log":
        with _running(LogLines(watched)):
            yield None
    else:
        with _bar(watched, interrupts, in_process=in_process) as relay:
            yield relay


@contextmanager
def _bar(watched: Watched, interrupts: Interrupts, *, in_process: bool) -> Iterator[Relay | None]:
    from qgtune.progress.relay.own_output import OwnStreams
    from qgtune.progress.relay.terminals import Relay
    from qgtune.progress.view import LiveView, terminal_size

    descriptors = tuple(descriptor for descriptor in (1, 2) if os.isatty(descriptor))
    terminal = os.dup(1)  # the real one, before the relay takes its place
    relay = None if in_process else Relay(descriptors, terminal_size(terminal))
    view = LiveView(terminal, printable(watched.session.study.study_name))
    bar = Bar(watched, view, relay or OwnStreams(descriptors))
    before, interrupts.before_exit = interrupts.before_exit, view.leave
    try:
        with _running(bar), _shown_to_the_shell(view), _paused_by_debuggers(bar if in_process else None):
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
def _paused_by_debuggers(bar: Bar | None) -> Iterator[None]:
    """Take the view away for good when the job calls a debugger: that needs the terminal for itself."""
    if bar is None:
        yield
        return
    set_trace = bdb.Bdb.set_trace

    def stop_and_trace(debugger: bdb.Bdb, frame: FrameType | None = None, *args: Any) -> None:
        bar.stop()
        set_trace(debugger, frame or sys._getframe().f_back, *args)  # noqa: SLF001 - as `bdb` does

    # `breakpoint` and the debuggers' own `set_trace` all come here, and say which frame called them.
    bdb.Bdb.set_trace = stop_and_trace  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        bdb.Bdb.set_trace = set_trace  # type: ignore[method-assign]


class Shown(Protocol):
    """Something that shows progress from a thread."""

    def run(self) -> None:
        """Show it until `stop`."""

    def stop(self) -> None:
        """End `run`, and return when it has ended."""


@contextmanager
def _running(shown: Shown) -> Iterator[None]:
    thread = start_thread(shown.run, name="qgtune-progress")
    try:
        yield
    finally:
        shown.stop()
        thread.join()


@dataclass(slots=True)
class LogLines:
    """Logs a line now and then.

    Attributes:
        watched: the study.
        period_s: the longest silence.
    """

    watched: Watched
    period_s: float = LOG_PERIOD_S
    _stopped: threading.Event = field(default_factory=threading.Event)
    _handlers: tuple[logging.Handler, ...] = ()
    _prints: bool = False

    def __post_init__(self) -> None:
        # Those of the sweep: a job that runs in this process has others, whose file is the trial's.
        self._handlers = tuple(logging.getLogger().handlers)
        self._prints = in_notebook() and not log.isEnabledFor(logging.INFO)

    def run(self) -> None:
        """Log until `stop`."""
        now_s = time.monotonic()
        budget, schedule = Budget(now_s, *_LOG_PAUSES_S), LogSchedule(self.period_s, now_s)
        if (status := _status(self.watched)) is not None:
            schedule.best = status.best
        while not self._stopped.wait(budget.next_s(now_s, time.thread_time()) - now_s):
            status, now_s = _status(self.watched), time.monotonic()
            if status is not None and (line := schedule.line(status, now_s)):
                self._say(line)
        if self._prints and (status := _status(self.watched)) is not None:
            print(log_line(status), flush=True)  # noqa: T201 - nobody else says there how the study ended

    def stop(self) -> None:
        """Log no more."""
        self._stopped.set()

    def _say(self, line: str) -> None:
        if self._prints:
            print(line, flush=True)  # noqa: T201 - below the cell that runs the study
        if not log.isEnabledFor(logging.INFO):
            return
        record = log.makeRecord(log.name, logging.INFO, "", 0, line, (), None)
        for handler in self._handlers:
            if record.levelno >= handler.level:
                handler.handle(record)


@dataclass(slots=True)
class Bar:
    """Keeps a live view up to date, with the jobs' output above it.

    Attributes:
        watched: the study.
        view: the view.
        source: the jobs' output.
    """

    watched: Watched
    view: LiveView
    source: Source
    _is_broken: bool = False
    _stopped: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Show the view until `stop`."""
        due_s = time.monotonic()
        budget = Budget(due_s, *_BAR_PAUSES_S)
        try:
            while not self._stopped.is_set():
                self.source.read(due_s - time.monotonic())
                if time.monotonic() >= due_s and not self._stopped.is_set():
                    self.source.resize(self.view.size())
                    self._show(_status(self.watched), self.source.lines())
                    due_s = budget.next_s(time.monotonic(), time.thread_time())
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
        self._show(None, self.source.close())
        with suppress(OSError, ValueError):
            self.view.close()

    def _show(self, status: Status | None, lines: list[str]) -> None:
        """Paint; a view that cannot be painted is given up, and the jobs' output is still printed."""
        if not self._is_broken:
            try:
                self.view.paint(status, lines, self.source.current())
            except Exception as error:  # noqa: BLE001 - the jobs go on, whatever is wrong with their picture
                self._is_broken = True
                lines = [*lines, f"The live view stopped: {error}"]
        if self._is_broken:
            self.view.print_plainly(lines)


def _status(watched: Watched) -> Status | None:
    """Return how the study stands; None when it cannot be read: the workers meet the same error, and say so."""
    try:
        return watched.status()
    except Exception:
        log.debug("The progress cannot be read", exc_info=True)
        return None
