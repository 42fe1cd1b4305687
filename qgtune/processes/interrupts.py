"""Ctrl-C, SIGTERM and a terminal that closes: the first signal stops in good order, the second one at once."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from qgtune.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INSISTENT = (signal.SIGINT, signal.SIGTERM)
SIGNALS = (*INSISTENT, signal.SIGHUP)  # shell and kernel may both send a hangup: the second one says nothing
CLUSTER_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)  # what Slurm and submitit announce a job's end with


@contextmanager
def exits_at_signals() -> Iterator[None]:
    """Let a signal end the process in good order, with the exit code that a shell expects, while no trial runs yet.

    Raises:
        SystemExit: inside, when a signal comes: 128 plus its number.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled_by(_exit, set(SIGNALS)):
        yield


class Interrupted(KeyboardInterrupt):
    """The user's function was stopped by a signal."""


class Interrupts:
    """What signals have asked for so far.

    Attributes:
        received: the first signal's number; None while there was none.
        call: the how many-th call of the user's function runs; 0 while none does.
        at_first: called by the first signal.
        at_second: called by the second signal, before the process ends at once.
        before_exit: called after that, the last of all: gives the terminal back as it was.

    Args:
        heeds: the signals that ask to stop.
        insists: those that end the process at once when they are not the first.
    """

    def __init__(
        self, *, heeds: tuple[signal.Signals, ...] = SIGNALS, insists: tuple[signal.Signals, ...] = INSISTENT
    ) -> None:
        self.received: int | None = None
        self.call = 0
        self._n_calls = 0
        self._heeds = heeds
        self._insists = insists
        self._is_installed = False
        self._is_breaking = False
        self._is_interrupting = False
        self._in_user_code = False
        self.at_first: Callable[[], None] = _nothing
        self.at_second: Callable[[], None] = _nothing
        self.before_exit: Callable[[], None] = _nothing

    @classmethod
    def of_other_launcher(cls) -> Interrupts:
        """Return those of a worker under another launcher: a cluster may end it by several signals in turn."""
        on_cluster = {"SLURM_JOB_ID", "SUBMITIT_EXECUTOR"} & set(os.environ)
        heeds = SIGNALS + CLUSTER_SIGNALS if on_cluster else SIGNALS
        return cls(heeds=heeds, insists=(signal.SIGINT,))

    @property
    def name(self) -> str:
        """The first signal's name; the empty text if there was none."""
        return "" if self.received is None else signal.Signals(self.received).name

    @property
    def exit_code(self) -> int:
        """The exit code that a shell expects: 128 plus the signal's number; 0 if there was none."""
        return 0 if self.received is None else 128 + self.received

    @contextmanager
    def installed(self) -> Iterator[Interrupts]:
        """Handle the signals inside; outside the main thread, where Python allows no handlers, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        with _handled_by(self._handle, {*SIGNALS, *self._heeds}), self._overhearing():
            self._is_installed = True
            try:
                yield self
            finally:
                self._is_installed = False

    @contextmanager
    def user_code(self) -> Iterator[None]:
        """Let the first signal raise `Interrupted` inside; elsewhere it waits, so that no write is torn."""
        self._in_user_code, self._is_interrupting = True, False
        self._n_calls += 1
        self.call = self._n_calls
        try:
            if self.received is not None:
                raise Interrupted
            yield
        finally:
            self._in_user_code, self.call = False, 0

    def stop(self) -> None:
        """Do what SIGTERM does; for another thread to call."""
        if self._is_installed:
            signal.pthread_kill(_main_thread_id(), signal.SIGTERM)
        elif self.received is None:
            self.received = signal.SIGTERM

    def break_out(self) -> None:
        """Raise `Interrupted` in the main thread, wherever it is; for another thread to call."""
        self._is_breaking = True
        signal.pthread_kill(_main_thread_id(), _NUDGE)

    def interrupt_function(self) -> None:
        """Raise `Interrupted` in the user's function, if it runs, and nowhere else; for another thread to call."""
        self._is_interrupting = True
        signal.pthread_kill(_main_thread_id(), _NUDGE)

    def take(self, number: int) -> None:
        """Do what is due when signal `number` has come.

        Raises:
            Interrupted: in the user's function.
        """
        if self._notes(number) and self._in_user_code:
            self._in_user_code = False
            raise Interrupted

    def _handle(self, number: int, _frame: Any) -> None:
        self.take(number)

    def _notes(self, number: int) -> bool:
        if number not in self._heeds:
            return False
        if self.received is not None:
            if number not in self._insists:
                return False
            self.at_second()
            self.before_exit()
            os._exit(128 + number)
        self.received = number
        self.at_first()
        return True

    @contextmanager
    def _overhearing(self) -> Iterator[None]:
        """Learn of each signal, also of one that the main thread does not.

        Python handles signals in the main thread. That one may be asleep in the system when a thread of the user's
        function gets the signal: it is nudged. And the function may have handlers of its own: the signal counts.
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        at_nudge = signal.signal(_NUDGE, self._handle_nudge)
        wakeup_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

        def overhear() -> None:
            with os.fdopen(reader, "rb", buffering=0) as numbers:
                while number := numbers.read(1):
                    if number[0] == _NUDGE:
                        continue
                    if signal.getsignal(number[0]) != self._handle:
                        self._notes(number[0])
                    signal.pthread_kill(_main_thread_id(), _NUDGE)

        thread = start_thread(overhear, name="qgtune-overhearing")
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup_before)
            os.close(writer)
            thread.join(1)
            signal.signal(_NUDGE, at_nudge)

    def _handle_nudge(self, _number: int, _frame: Any) -> None:
        if self._is_breaking or (self._is_interrupting and self._in_user_code):
            self._is_breaking = self._in_user_code = False
            raise Interrupted


def _exit(number: int, _frame: Any) -> None:
    raise SystemExit(128 + number)


@contextmanager
def _handled_by(handler: Callable[[int, Any], None], numbers: set[signal.Signals]) -> Iterator[None]:
    """Handle signals inside, in the main thread, and put back what handled them before."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # `nohup` wants it so
        numbers = numbers - {signal.SIGHUP}
    before = {number: signal.signal(number, handler) for number in numbers}
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, before)  # a sweeper's children may start with SIGINT blocked
    _before.append(before)
    try:
        yield
    finally:
        if _before:  # a forked child has none
            _before.pop()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handled_before in before.items():
            signal.signal(number, handled_before)


_NUDGE = signal.SIGURG  # nothing else sends it but urgent data of sockets
_before: list[dict[signal.Signals, Any]] = []


def _give_back() -> None:
    """Give a forked child, such as one of a `Pool` of the user's function, the handlers from before ours."""
    for handlers in reversed(_before):
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if _before:
        signal.set_wakeup_fd(-1)
    _before.clear()


os.register_at_fork(after_in_child=_give_back)


def _main_thread_id() -> int:
    return threading.main_thread().ident or 0


def _nothing() -> None:
    """Do nothing."""
