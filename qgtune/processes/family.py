"""The processes that a process has started, and those that they have started."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

FAMILY = "QGTUNE_FAMILY"
"""The environment variable by which what a dead worker has left is known: the system forgets whose it was."""
MARK_LENGTH = 32
"""Its length in characters: a forked process writes its own over that of the process it was forked from."""
_STOPS_WITHIN_S = 0.5
_FORK_S = 0.01
_HELD_S = 2.0
"""How long a thread that would fork may be held: what waits for that thread must not wait for ever."""


def descendants(pid: int, since: int = 0) -> list[int]:
    """Return the living descendants of a process, parents first; none where the system has no `/proc` to say so.

    Args:
        pid: the process.
        since: clock ticks since boot; those that started before are left out.
    """
    children: dict[int, list[int]] = {}
    late: set[int] = set()
    for path in Path("/proc").glob("[0-9]*/stat"):  # `task/*/children` may skip some while others end
        with suppress(OSError):
            fields, child = path.read_bytes().rpartition(b")")[2].split(), int(path.parent.name)
            if fields[0] not in b"ZX":
                children.setdefault(int(fields[1]), []).append(child)
            if int(fields[19]) >= since:
                late.add(child)
    return [child for child in _below(pid, children) if child in late]


def _below(pid: int, children: Mapping[int, list[int]]) -> list[int]:
    own = children.get(pid, [])
    return [*own, *(below for child in own for below in _below(child, children))]


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


@contextmanager
def ending_new(is_wanted: Callable[[], bool]) -> Iterator[None]:
    """End what this process starts inside and leaves behind, if that is wanted then: now, and again when it exits.

    A signal inside of a `Pool`'s making leaves children and a thread that forks others, which nothing ends.
    """
    since = 0
    if sys.platform == "linux":
        since = int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))
    try:
        yield
    finally:
        if is_wanted():
            end_descendants(since)
            _may_fork.set()
            atexit.register(_at_exit, since)


@contextmanager
def ending_forked() -> Iterator[None]:
    """End a child that comes out of here after it was forked inside, as Python ends a process; it is no second us."""
    pid, code = os.getpid(), 0
    try:
        yield
    except BaseException as error:
        if os.getpid() == pid:
            raise
        code = _exit_code(error)
    if os.getpid() != pid:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        return (error.code or 0) & 0xFF
    with suppress(OSError, ValueError):
        lines = [f"{error.code}\n"] if isinstance(error, SystemExit) else traceback.format_exception(error)
        sys.stderr.write("".join(lines))
    return 1


def end_descendants(since: int = 0) -> None:
    """End all descendants of this process, which is about to end itself: no other thread of it forks any more.

    Args:
        since: clock ticks since boot; those that started before are left alone.
    """
    _may_fork.clear()
    for _ in range(2):  # a fork may be under way
        kill_all(descendants(os.getpid(), since))
        time.sleep(_FORK_S)


def _at_exit(since: int) -> None:
    from qgtune.processes.exiting_private import exit_multiprocessing  # slow to import

    exit_multiprocessing()
    end_descendants(since)


def _hold_fork() -> None:
    if threading.current_thread() is not threading.main_thread():
        _may_fork.wait(_HELD_S)


_may_fork = threading.Event()
_may_fork.set()
os.register_at_fork(before=_hold_fork)


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
