"""Ctrl-C and SIGTERM: the first one stops in good order, the second one at once."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """The user's function was stopped by a signal."""


class Interrupts:
    """What signals have asked for so far.

    Attributes:
        received: the first signal's number; None while there was none.
        at_first: called by the first signal.
        at_second: called by the second signal, before the process ends at once.
        before_exit: called after that, the last of all: gives the terminal back as it was.
    """

    def __init__(self, *, heeds: tuple[signal.Signals, ...] = SIGNALS) -> None:
        self.received: int | None = None
        self._heeds = heeds
        self._in_user_code = False
        self.at_first: Callable[[], None] = _nothing
        self.at_second: Callable[[], None] = _nothing
        self.before_exit: Callable[[], None] = _nothing

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
        before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def user_code(self) -> Iterator[None]:
        """Let the first signal raise `Interrupted` inside; elsewhere it waits, so that no write is torn."""
        self._in_user_code = True
        try:
            if self.received is not None:
                raise Interrupted
            yield
        finally:
            self._in_user_code = False

    def _handle(self, number: int, _frame: Any) -> None:
        if number not in self._heeds:
            return
        if self.received is not None:
            self.at_second()
            self.before_exit()
            os._exit(128 + number)
        self.received = number
        self.at_first()
        if self._in_user_code:
            self._in_user_code = False
            raise Interrupted


def _nothing() -> None:
    """Do nothing."""
