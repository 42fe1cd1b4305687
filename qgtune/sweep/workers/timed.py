"""A worker's own watch over its attempts, where no process of ours is above it."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from qgtune.processes.family import end_descendants
from qgtune.processes.pool import GRACE_S, WATCH_S
from qgtune.study.attempts.heartbeats import repeatedly
from qgtune.study.attempts.overdue import Timekeeper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qgtune.processes.interrupts import Interrupts
    from qgtune.study.session import Session


@contextmanager
def timed(session: Session, interrupts: Interrupts, *, may_end: bool) -> Iterator[None]:
    """Interrupt the function when its attempt is overdue or told to end, or the study's deadline and grace are over.

    Args:
        session: the study.
        interrupts: the signals of this process.
        may_end: whether this process may be ended when the function does not stop.
    """
    keeper = Timekeeper(session, os.getpid())
    told: list[tuple[int, float]] = []  # the call of the function that was told to stop, and when

    def watch() -> None:
        with suppress(Exception):  # a storage that does not answer now is asked again
            if keeper.end_overdue() or (keeper.is_past_grace and interrupts.call not in [call for call, _ in told]):
                told.append((interrupts.call, time.monotonic()))
                interrupts.interrupt_function()
        is_deaf = told and told[-1][0] == interrupts.call and time.monotonic() > told[-1][1] + GRACE_S
        if may_end and is_deaf:
            end_descendants()
            os._exit(1)

    with repeatedly(WATCH_S, watch, "qgtune-timekeeper"):
        yield
