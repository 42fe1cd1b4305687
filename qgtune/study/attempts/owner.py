"""Who runs a trial: a process that can be told from every other one, living or dead."""

from __future__ import annotations

import functools
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process on a host.

    Attributes:
        place: where its process id means something: a boot of a kernel and a PID namespace in it, so that containers
            and cloned machines that share a host name are told apart. The host's name where the system has neither.
        pid: the process id there.
        started: the process's start time in clock ticks since the kernel booted, which tells it from a later process
            with the same id; None where the system does not say.
        host: the host's name, for people.
    """

    place: str
    pid: int
    started: int | None
    host: str

    @classmethod
    def current(cls) -> Owner:
        """Return the calling process."""
        pid = os.getpid()
        return cls(this_place(), pid, start_time(pid), socket.gethostname())

    @classmethod
    def from_attribute(cls, attribute: Any) -> Owner | None:
        """Read what `to_attribute` wrote, or return None for anything else."""
        try:
            started = attribute["started"]
            known = None if started is None else int(started)
            return cls(str(attribute["place"]), int(attribute["pid"]), known, str(attribute["host"]))
        except (TypeError, KeyError, ValueError, OverflowError):
            return None

    def to_attribute(self) -> dict[str, Any]:
        """Return the owner as a JSON mapping."""
        return asdict(self)

    @property
    def name(self) -> str:
        """A text without spaces or slashes that no other process has."""
        return f"{self.place}-{self.pid}-{self.started}"

    @property
    def is_near(self) -> bool:
        """Whether its process id means something here, so that it can be looked up."""
        return self.place == this_place()


@functools.cache
def this_place() -> str:
    """Return where process ids of this process mean something; a forked child's stay in the same place."""
    try:
        boot, namespace = _BOOT_ID.read_text().strip(), Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return socket.gethostname()
    return f"{boot}-{namespace}"


def start_time(pid: int) -> int | None:
    """Return when process `pid` of this place started, in clock ticks since boot.

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


def is_dead(owner: Owner) -> bool:
    """Say whether `owner` is known to have ended.

    Returns:
        False for a process of another place, about which nothing is known.
    """
    if not owner.is_near:
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
