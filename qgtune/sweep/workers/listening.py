"""How a worker that another launcher runs hears that its sweep wants it to stop: it reads the study."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from qgtune.study.attempts.heartbeats import repeatedly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qgtune.processes.interrupts import Interrupts
    from qgtune.study.session import Session

STOP = "qgtune:stop:"
"""The study's attribute that tells a sweep's workers to stop is called this and the sweep's id."""
LISTEN_S = 2.0


@contextmanager
def listening(session: Session, stop_key: str, interrupts: Interrupts) -> Iterator[None]:
    """Stop this worker when its sweep says so."""

    def listen() -> None:
        with suppress(Exception):  # a storage that does not answer now is asked again
            if session.study.user_attrs.get(stop_key):
                interrupts.stop()

    listen()  # the sweep may have been stopped before the cluster started this job
    with repeatedly(LISTEN_S, listen, "qgtune-listener"):
        yield
