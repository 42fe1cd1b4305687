"""Who runs a trial: a process that can be told from every other one, living or dead."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Owner:
    """A process on a host.

    Attributes:
        host: the host's name.
        pid: the process id on that host.
        started: the process's start time in clock ticks since the host booted, which tells it from a later process
            with the same id; None where the system does not say.
    """

    host: str
    pid: int
    started: int | None

    @classmethod
    def current(cls) -> Owner:
        """Return the calling process."""
        pid = os.getpid()
        return cls(socket.gethostname(), pid, start_time(pid))

    @classmethod
    def from_attribute(cls, attribute: Any) -> Owner | None:
        """Read what `to_attribute` wrote, or return None for anything else."""
        try:
            return cls(str(attribute["host"]), int(attribute["pid"]), attribute["started"])
        except (TypeError, KeyError, ValueError):
            return None

    def to_attribute(self) -> dict[str, Any]:
        """Return the owner as a JSON mapping, for a trial's user attribute."""
        return {"host": self.host, "pid": self.pid, "started": self.started}


def start_time(pid: int) -> int | None:
    """Return when process `pid` of this host started, in clock ticks since boot.

    Returns:
        None when there is no such process or the system has no `/proc` (then an id alone names a process).
        A zombie counts as no process: it runs nothing any more.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat.rpartition(b")")[2].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def is_dead(owner: Owner, here: str | None = None) -> bool:
    """Say whether `owner` is known to have ended.

    Args:
        owner: the process in question.
        here: this host's name; None asks the system.

    Returns:
        False for a process on another host, about which nothing is known.
    """
    if owner.host != (here or socket.gethostname()):
        return False
    if owner.started is not None:
        return start_time(owner.pid) != owner.started
    return not _exists(owner.pid)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
