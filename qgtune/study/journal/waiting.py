"""A word when a lock is waited for so long that its holder must be stopped, frozen or out of reach."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qgtune.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger("qgtune")

LONG_S = 15.0
POLL_S = 5.0
_waiting: dict[int, tuple[Path, float]] = {}
_watches_in: list[int] = [0]


@contextmanager
def watched(path: Path) -> Iterator[None]:
    """Say who holds the lock of `path` when what runs inside, which waits for it, takes long; once a wait."""
    me = threading.get_ident()
    _waiting[me] = path, time.monotonic()
    if _watches_in[0] != os.getpid():
        _watches_in[0] = os.getpid()
        start_thread(_watch, name="qgtune-lock-watch")
    try:
        yield
    finally:
        _waiting.pop(me, None)


def _watch() -> None:
    while True:
        time.sleep(POLL_S)
        for who, (path, since_s) in list(_waiting.items()):
            if time.monotonic() - since_s > LONG_S and who in _waiting:
                _waiting[who] = path, math.inf
                log.warning(
                    "%s has held the lock %s for more than %.0f s, and everybody waits for it. Is it stopped?",
                    _holder(path),
                    path,
                    LONG_S,
                )


def _holder(path: Path) -> str:
    """Name the process that holds a lock, where the system says so."""
    try:
        inode = f":{path.stat().st_ino}"
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        return "Another process"
    holders = [fields[4] for fields in locks if fields[1] == "FLOCK" and fields[5].endswith(inode)]
    return f"Process {holders[0]}" if holders else "Another process"
