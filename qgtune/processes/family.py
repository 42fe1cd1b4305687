"""The processes that a process has started, and those that they have started."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

FAMILY = "QGTUNE_FAMILY"
"""The environment variable by which what a dead worker has left is known: the system forgets whose it was."""
MARK_LENGTH = 32
"""Its length in characters: a forked process writes its own over that of the process it was forked from."""
_STOPS_WITHIN_S = 0.5


def descendants(pid: int) -> list[int]:
    """Return the living descendants of a process, parents first; none where the system has no `/proc` to say so."""
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += map(int, path.read_text().split())
    return [*children, *(below for child in children for below in descendants(child))]


def kill_with_descendants(pid: int) -> None:
    """End a process at once, and what it has started: forked children would hold its pipes, and live for ever."""
    _stop(pid)  # else it may fork while its children are counted, as the threads of a `Pool` do
    kill_all([pid, *descendants(pid)])


def kill_family(mark: str) -> None:
    """End all processes that started with this value of `QGTUNE_FAMILY` in their environment.

    A thread of a dying process may fork on until the last moment, as a `Pool`'s does.
    """
    marked = f"{FAMILY}={mark}\0".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if marked in path.read_bytes():
                kill_all([int(path.parent.name)])


def kill_all(pids: list[int]) -> None:
    """End processes at once."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _stop(pid: int) -> None:
    with suppress(OSError):
        os.kill(pid, signal.SIGSTOP)
        deadline_s = time.monotonic() + _STOPS_WITHIN_S
        while time.monotonic() < deadline_s and _state(pid) not in "TtZX":
            time.sleep(0.001)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0].decode()
