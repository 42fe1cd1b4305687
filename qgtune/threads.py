"""Threads that take no signals: a Ctrl-C that reaches one does not wake the main thread, which is waiting somewhere."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Block the signals that stop a program; threads and processes that start inside start that way."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_thread(target: Callable[..., Any], *arguments: Any, name: str) -> threading.Thread:
    """Start a thread that takes no signals and holds up no end of the program."""
    thread = threading.Thread(target=target, args=arguments, daemon=True, name=name)
    with signals_blocked():
        thread.start()
    return thread
