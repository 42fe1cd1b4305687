"""The processes that a process has started, and those that they have started."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """Return the living descendants of a process, parents first; none where the system has no `/proc` to say so."""
    children: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += map(int, path.read_text().split())
    return [*children, *(below for child in children for below in descendants(child))]


def kill_with_descendants(pid: int) -> None:
    """End a process at once, and what it has started: forked children would hold its pipes, and live for ever."""
    for one in (pid, *descendants(pid)):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
