"""A function that takes the signal to stop and goes on, in the process of the sweep itself."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qgtune.processes.family import end_descendants
from qgtune.processes.output.capture import give_back_all
from qgtune.processes.pool import DEAF_S
from qgtune.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qgtune.processes.interrupts import Interrupts
    from qgtune.study.session import Session

log = logging.getLogger("qgtune")

_SAY_S = 1.0
"""No longer: a function that was interrupted while it forked may hold the lock of `logging` for ever."""


@contextmanager
def ends_when_deaf(interrupts: Interrupts, session: Session, grace_s: float = DEAF_S) -> Iterator[None]:
    """End this process, its trial given back, when what runs inside has not stopped so long after the first signal."""
    stopped = threading.Event()

    def say() -> None:
        give_back_all()
        log.warning("The function did not stop within %.0f s: it is ended. Run the same command to go on.", grace_s)

    def end() -> None:
        if stopped.wait(grace_s):
            return
        session.give_back()
        interrupts.before_exit()
        start_thread(say, name="qgtune-last-words").join(_SAY_S)
        end_descendants()
        os._exit(interrupts.exit_code)

    def at_first() -> None:
        start_thread(end, name="qgtune-deaf")

    interrupts.at_first = at_first
    try:
        yield
    finally:
        stopped.set()
