"""Calling a hook in a thread of its own, so that no trial waits for it or fails with it."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from qgtune.errors import first_line
from qgtune.hooks.hook import Hook
from qgtune.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable

Trouble = Literal["unbuilt", "failed", "slow"]
POLL_S = 0.05
GOES_ON = "The sweep goes on without it"


@dataclass(slots=True)
class Caller:
    """Calls one hook with the events of this process, in their order.

    Attributes:
        make: builds the hook; called in the thread, before the first event.
        warn: is told what went wrong, in words that go on from the hook's name.
        clock: returns the time in seconds, from whenever.
    """

    make: Callable[[], Hook]
    warn: Callable[[Trouble, str], None]
    clock: Callable[[], float] = time.monotonic
    _events: queue.SimpleQueue[Callable[[Hook], object]] = field(default_factory=queue.SimpleQueue)
    _hook: Hook | None = None
    _thread: threading.Thread | None = None
    _since_s: float | None = None
    _is_left_out: bool = False

    def call(self, method: str, *arguments: Any) -> None:
        """Let a method be called, soon."""
        if self._is_stuck():
            self._leave_out(self._timeout_s)
        if self._is_left_out:
            return
        self._events.put(lambda hook: getattr(hook, method)(*arguments))
        if self._thread is None:
            self._thread = start_thread(self._run, name="qgtune-hook")

    def settle(self, limit_s: float | None = None, *, leaves_out: bool = True) -> None:
        """Wait until the hook has been called with all events so far.

        Args:
            limit_s: for how long at most; None for as long as a call may take.
            leaves_out: whether the hook is left out if it takes longer.
        """
        if self._thread is None or self._is_left_out:
            return
        is_through = threading.Event()
        self._events.put(lambda _hook: is_through.set())
        limit_s = self._timeout_s if limit_s is None else limit_s
        ends_s = self.clock() + limit_s
        while not (is_through.wait(POLL_S) or self._is_left_out):
            if self._is_stuck():
                self._leave_out(self._timeout_s)
            elif self.clock() > ends_s and leaves_out:
                self._leave_out(limit_s)
            elif self.clock() > ends_s:
                return

    @property
    def _timeout_s(self) -> float:
        return Hook.timeout_s if self._hook is None else self._hook.timeout_s

    def _is_stuck(self) -> bool:
        since_s = self._since_s
        return since_s is not None and self.clock() - since_s > self._timeout_s

    def _leave_out(self, limit_s: float) -> None:
        if not self._is_left_out:
            self._is_left_out = True
            self.warn("slow", f"takes longer than {limit_s:g} s. {GOES_ON}")

    def _run(self) -> None:
        while True:
            event = self._events.get()
            self._since_s = self.clock()
            try:
                event(self._current())
            except BaseException as error:  # noqa: BLE001 - whatever the user's class, or another's library, raises
                self.warn("failed", f"failed: {_said(error)}. The sweep goes on; no other failure of it is told")
            self._since_s = None

    def _current(self) -> Hook:
        if self._is_left_out:
            return Hook()
        if self._hook is None:
            try:
                self._hook = self.make()
            except BaseException as error:  # noqa: BLE001 - as above
                self._is_left_out = True
                self.warn("unbuilt", f"cannot be built: {_said(error)}. {GOES_ON}")
        return self._hook or Hook()


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_line(error).rstrip('.')}"
