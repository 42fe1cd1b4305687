"""How a worker process comes about: spawned, or forked from a server that has imported what it needs.

A spawned process imports the user's script, and with it perhaps torch, before it does anything. A server does that
once, while the sweep is planned, and each process is forked from it in a few milliseconds. CUDA, threads and open files
do not survive a fork, so a server whose script has any of them is not used.
"""

from __future__ import annotations

import atexit
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver, resource_tracker, spawn
from typing import TYPE_CHECKING, Any

from qgtune.errors import first_line
from qgtune.processes import preloaded_private as preloaded
from qgtune.processes.family import FAMILY, MARK_LENGTH, descendants
from qgtune.threads import signals_blocked, start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

log = logging.getLogger("qgtune")

_SCRIPT_KEYS = ("sys_path", "sys_argv", "orig_dir", "dir", "init_main_from_name", "init_main_from_path")
_POLL_S = 0.05


@dataclass(slots=True)
class _Server:
    variables: dict[str, str]
    pids: list[int]
    is_decided: threading.Event = field(default_factory=threading.Event)
    doubt: str = "it has not answered"

    def is_fit(self, variables: dict[str, str]) -> bool:
        """Say whether a process that is to start with these variables may be forked from here."""
        return self.is_decided.is_set() and not self.doubt and self.variables == variables and self._lives()

    def _lives(self) -> bool:
        with suppress(ChildProcessError):
            return all(os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None for pid in self.pids)
        return False


_servers: list[_Server] = []
"""At most one, for as long as the program runs."""


def start_server(method: str, variables: dict[str, str], modules: Sequence[str], calls: Sequence[str] = ()) -> None:
    """Start the server that this process's workers are forked from, and return at once; at most one is started.

    Args:
        method: `forkserver` or `spawn`; nothing is started for the latter, or where the system has no `/proc`.
        variables: the environment variables that all workers share, such as the numbers of threads.
        modules: what it imports before the script, by name.
        calls: what it calls then, as `module:function`.
    """
    if method == "spawn" or _servers or sys.platform != "linux":
        return
    script = {key: value for key, value in spawn.get_preparation_data("").items() if key in _SCRIPT_KEYS}
    task = json.dumps({"modules": list(modules), "calls": list(calls), "script": script})
    forkserver.set_forkserver_preload([preloaded.__name__])
    before = set(descendants(os.getpid()))
    resource_tracker.ensure_running()  # it unblocks SIGINT when it starts its process
    with signals_blocked(), environment({**variables, preloaded.VARIABLE: task, FAMILY: "_" * MARK_LENGTH}):
        forkserver.ensure_running()
    server = _Server(variables, sorted(set(descendants(os.getpid())) - before))
    _servers.append(server)
    atexit.register(_stop, server)
    start_thread(_ask, server, name="qgtune-forkserver")


def wait_for_server(gives_up: Callable[[], bool]) -> None:
    """Wait until the server, if one was started, has imported everything; signals are handled meanwhile."""
    while _servers and not _servers[0].is_decided.wait(_POLL_S) and not gives_up():
        pass


def start_process(
    method: str, variables: dict[str, str], own: dict[str, str], make: Callable[[Any, Any], BaseProcess]
) -> BaseProcess:
    """Start a process.

    Args:
        method: `forkserver` or `spawn`; where in doubt, and without a server that is ready, a process is spawned.
        variables: the environment variables that all workers share.
        own: those of this process alone.
        make: makes it, of a `multiprocessing` context and of the environment that a forked process is to adopt, which
            is None for a spawned one.
    """
    resource_tracker.ensure_running()  # it unblocks SIGINT when it starts its process
    with signals_blocked(), environment({**variables, **own}):
        if method != "spawn" and any(server.is_fit(variables) for server in _servers):
            process = make(multiprocessing.get_context("forkserver"), dict(os.environ))
            with suppress(EOFError, OSError):  # somebody has killed the server
                process.start()
                return process
        process = make(multiprocessing.get_context("spawn"), None)
        process.start()
        return process


def _ask(server: _Server) -> None:
    """Have the server fork a process that tells what it found: it answers once it has imported everything."""
    try:
        context = multiprocessing.get_context("forkserver")
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_tell, args=(writer,), daemon=True)
        with signals_blocked():
            process.start()
        writer.close()
        server.doubt = reader.recv()
        process.join()
    except (EOFError, OSError) as error:
        server.doubt = f"the server ended: {first_line(error)}"
    if server.doubt:
        log.debug("Worker processes are spawned, and import the script themselves: %s.", server.doubt)
    server.is_decided.set()


def _tell(connection: Connection) -> None:
    connection.send(preloaded.verdict)


def _stop(server: _Server) -> None:
    """End a server that still imports: it would hear of our end only afterwards."""
    for pid in server.pids if not server.is_decided.is_set() else ():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Let a child start with these variables.

    It cannot set them itself: before its first instruction of ours, multiprocessing imports the main script in it, and
    with that perhaps torch. Nor can `Process.start` be given an environment.
    """
    with _environment_lock, restored(variables):
        os.environ.update(variables)
        yield


@contextmanager
def restored(names: Iterable[str]) -> Iterator[None]:
    """Put environment variables back at the end, as they are now."""
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_environment_lock = threading.Lock()
