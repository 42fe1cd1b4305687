"""Worker processes: start them, hear from them, replace the dead, leave none behind."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Protocol

from qgtune.errors import OUT_OF_MEMORY, first_line
from qgtune.processes.family import FAMILY, MARK_LENGTH, end_descendants, kill_family, kill_with_descendants
from qgtune.processes.interrupts import Interrupts
from qgtune.processes.memory import oom_kills
from qgtune.processes.preloaded_private import adopt
from qgtune.processes.slots import Slots
from qgtune.processes.starting import start_process, wait_for_server
from qgtune.processes.travel import dumps, loads
from qgtune.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from multiprocessing.process import BaseProcess


log = logging.getLogger("qgtune")

GRACE_S = 3.0
WATCH_S = 1.0
DEAF_S = 8.0
POLL_S = 0.5


class ChildJob(Protocol):
    """A job that can travel to another process."""

    def __call__(self, interrupts: Interrupts) -> Any:
        """Do the job; `interrupts` are the child's signals."""


@dataclass(frozen=True, slots=True)
class Death:
    """A process that ended without a result.

    Attributes:
        index: the job's place in the list of jobs.
        pid: the process id it had.
        reason: one line: the signal's name or the exit code.
        was_told: whether it had been told to stop, and was ended because it did not.
    """

    index: int
    pid: int
    reason: str
    was_told: bool = False


@dataclass(frozen=True, slots=True)
class Crash:
    """An exception that a job did not catch.

    Attributes:
        error: the exception; a `RuntimeError` in its place when it cannot travel.
        text: its traceback.
    """

    error: BaseException
    text: str


def _never(_result: Any) -> bool:
    return False


class Watch(Protocol):
    """Says which processes have used up their time."""

    def overdue(self) -> Collection[int]:
        """Return the ids of processes that are to be ended now; asked about once a second."""

    def replaces_overdue(self) -> bool:
        """Say whether a fresh process takes the place of one that was ended for that."""

    def gives_back(self) -> bool:
        """Say whether all processes are to stop now, in good order."""

    def n_wanted(self) -> int | None:
        """Return how many processes are to run; None for as many as before. Those beyond end by themselves."""


@dataclass(slots=True)
class _Child:
    index: int
    slot: int
    process: BaseProcess
    connection: Connection
    mark: str
    told_s: float | None = None
    is_overdue: bool = False


class Terminal(Protocol):
    """What a process writes to; it travels to the process."""

    def take(self) -> None:
        """Make it this process's."""


class Terminals(Protocol):
    """Where processes get terminals to write to, and who reads those."""

    def open(self) -> Any:
        """Make a `Terminal` for a process that is to be started; None when there is none left."""

    def read_from(self, terminal: Any, pid: int) -> None:
        """Read what process `pid` writes from now on."""


@dataclass(slots=True)
class ProcessPool:
    """Runs jobs in processes of their own, at most `n_processes` at a time.

    Attributes:
        jobs: what to run; each is pickled once.
        n_processes: how many run at a time.
        on_death: asked when a process ends without a result; true starts the job again.
        relay: gives each process a terminal to write to; None lets them write to ours.
        slots: what each of the `n_processes` places gives the process in it.
        goes_on: asked when a job returned; true starts it again, in a fresh process.
        watch: says which processes have used up their time, and how many are to run; None lets them run.
        job_at: makes the job of a further place, where the watch wants more processes; None keeps their number.
    """

    jobs: Sequence[ChildJob]
    n_processes: int
    on_death: Callable[[Death], bool]
    interrupts: Interrupts = field(default_factory=Interrupts)
    relay: Terminals | None = None
    slots: Slots = field(default_factory=Slots)
    goes_on: Callable[[Any], bool] = _never
    watch: Watch | None = None
    job_at: Callable[[int], ChildJob] | None = None
    _todo: list[int] = field(default_factory=list)
    _watched_s: float = 0.0
    _oom_kills: int | None = field(default_factory=oom_kills)
    _children: dict[int, _Child] = field(default_factory=dict)

    def run(self) -> list[Any]:
        """Run all jobs.

        Returns:
            For each job what it returned, a `Crash`, or a `Death`; None for one that a signal kept from starting.
        """
        payloads = dict(enumerate(map(dumps, self.jobs)))
        results: dict[int, Any] = dict.fromkeys(payloads)
        wait_for_server(lambda: self.interrupts.received is not None)
        todo = self._todo = list(payloads)
        self.interrupts.at_first = self._terminate
        self.interrupts.at_second = self._kill
        try:
            while (todo and self.interrupts.received is None) or self._children:
                while todo and len(self._children) < self.n_processes and self.interrupts.received is None:
                    index = todo.pop(0)
                    if index not in payloads and self.job_at is not None:
                        payloads[index] = dumps(self.job_at(index))
                    self._start(index, payloads[index])
                for child in self._ended():
                    results[child.index] = result = self._collect(child)
                    starts_again = self._starts_again(child, result) and self.interrupts.received is None
                    if starts_again and (self.job_at is None or child.index < self.n_processes):
                        todo.append(child.index)
                self._look()
                self._kill_the_deaf()
        finally:
            self._kill()
        return list(results.values())

    def _starts_again(self, child: _Child, result: Any) -> bool:
        if child.is_overdue and self.watch is not None:
            return self.watch.replaces_overdue()
        if isinstance(result, Death):
            return self.on_death(result)
        return self.interrupts.received is None and not isinstance(result, Crash) and self.goes_on(result)

    def _start(self, index: int, payload: bytes) -> None:
        ours, theirs = multiprocessing.Pipe()
        terminal = self.relay.open() if self.relay else None
        slot = self._free_slot(index)
        mark = f"{os.getpid()}.{next(_marks)}".ljust(MARK_LENGTH, "_")

        def make(context: Any, adopted: Any) -> Any:
            return context.Process(target=_child, args=(theirs, terminal, adopted), name=f"qgtune-worker-{index}")

        own = {**self.slots.own(slot), FAMILY: mark}
        process = start_process(self.slots.start_method, self.slots.shared, own, make)
        theirs.close()
        # Not with the start, whose pipe the parent reads, too: a child that dies first would leave it writing for ever.
        start_thread(_send, ours, payload, name="qgtune-payload")
        if self.relay and terminal:
            self.relay.read_from(terminal, process.pid or 0)
        self._children[index] = _Child(index, slot, process, ours, mark)
        if self.interrupts.received is not None:  # it came between the start and here
            self._terminate()

    def _free_slot(self, index: int) -> int:
        """Return the job's own slot, which a job that is started again left, or else the first free one."""
        taken = {child.slot for child in self._children.values()}
        if index < self.n_processes and index not in taken:
            return index
        return next(slot for slot in range(self.n_processes) if slot not in taken)

    def _ended(self) -> list[_Child]:
        watched: dict[Any, int] = {child.process.sentinel: child.index for child in self._children.values()}
        watched.update((child.connection, child.index) for child in self._children.values())
        ready = {watched[item] for item in wait(list(watched), timeout=POLL_S)}
        # What a dead child has forked holds its end of the pipes open.
        ready |= {child.index for child in self._children.values() if not child.process.is_alive()}
        return [self._children.pop(index) for index in ready]

    def _collect(self, child: _Child) -> Any:
        try:
            data = child.connection.recv_bytes() if child.connection.poll() else None
        except (EOFError, OSError):
            data = None
        child.connection.close()
        child.process.join(GRACE_S)
        if child.process.exitcode is None:
            if data is not None:
                log.warning("Worker %d is through, but threads of its function go on: they are ended.", child.index)
            kill_with_descendants(child.process.pid or 0)
            child.process.join()
        if data is None or child.told_s is not None:
            kill_family(child.mark)
        if data is not None:
            return _loaded(data)
        reason = f"its worker {how_it_ended(child.process.exitcode or 0)}"
        if child.process.exitcode in (-signal.SIGKILL, 128 + signal.SIGKILL) and self._memory_ran_out():
            reason = f"{OUT_OF_MEMORY}: {reason}, by the system"
        return Death(child.index, child.process.pid or 0, reason, was_told=child.told_s is not None)

    def _memory_ran_out(self) -> bool:
        """Say whether the system has ended a process for want of memory since this was last asked."""
        before, self._oom_kills = self._oom_kills, oom_kills()
        return before is not None and self._oom_kills is not None and self._oom_kills > before

    def _terminate(self) -> None:
        for child in list(self._children.values()):
            if child.told_s is None:
                child.told_s = time.monotonic()
                child.process.terminate()

    def _look(self) -> None:
        """Do what the watch wants, about once a second."""
        if self.watch is None or time.monotonic() < self._watched_s + WATCH_S:
            return
        self._watched_s = time.monotonic()
        self._end_the_overdue(self.watch.overdue())
        if self.job_at is not None:
            self._resize(self.watch.n_wanted() or self.n_processes)
        if self.watch.gives_back():
            self._terminate()

    def _resize(self, wanted: int) -> None:
        """Fill further places, or start nothing any more in those beyond."""
        if wanted == self.n_processes:
            return
        log.info("From here on there are %d workers.", wanted)
        more = [index for index in range(self.n_processes, wanted) if index not in self._children]
        self._todo[:] = [index for index in self._todo if index < wanted] + more
        self.n_processes = wanted

    def _end_the_overdue(self, pids: Collection[int]) -> None:
        """Tell the children that have used up their time to stop."""
        for child in self._children.values():
            if child.process.pid in pids and child.told_s is None:
                child.is_overdue, child.told_s = True, time.monotonic()
                child.process.terminate()

    def _kill_the_deaf(self) -> None:
        """End the children whose function took the signal to stop and went on."""
        for child in list(self._children.values()):
            grace_s = GRACE_S if child.is_overdue else DEAF_S
            if child.told_s is not None and time.monotonic() > child.told_s + grace_s and child.process.is_alive():
                log.warning("Worker %d did not stop within %.0f s: it is ended.", child.index, grace_s)
                child.told_s = float("inf")
                kill_with_descendants(child.process.pid or 0)

    def _kill(self) -> None:
        for child in list(self._children.values()):
            if child.process.pid is not None:
                kill_with_descendants(child.process.pid)


_marks = itertools.count()


def how_it_ended(exit_code: int) -> str:
    """Say how a process ended: by which signal, or with which exit code."""
    if exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        return f"was killed by {name}"
    return f"ended with exit code {exit_code}"


def _send(connection: Connection, payload: bytes) -> None:
    with suppress(OSError):  # the child died: its sentinel says so
        connection.send_bytes(payload)


def _loaded(data: bytes) -> Any:
    try:
        return loads(data)
    except Exception as error:
        return Crash(RuntimeError(f"its result cannot be read: {first_line(error)}"), traceback.format_exc())


def _child(connection: Connection, terminal: Terminal | None, adopted: dict[str, str] | None) -> None:
    """Run in the new process: take the job, do it and send what comes of it home."""
    if adopted is not None:
        adopt(adopted)
    if terminal is not None:
        terminal.take()
    # Ctrl-C reaches the whole group, and so may SIGTERM: the parent passes them on, and ends what does not stop.
    interrupts = Interrupts(heeds=(signal.SIGTERM,), insists=())
    start_thread(end_with_parent, name="qgtune-parent")
    with interrupts.installed():
        try:
            result = loads(connection.recv_bytes())(interrupts)
        except BaseException as error:
            result = crash_of(error)
    if interrupts.received is not None:
        end_descendants()  # what the function was about to end itself, at leisure
    sys.stdout.flush()
    sys.stderr.flush()
    with suppress(BrokenPipeError):  # the parent died: nobody waits for the result
        connection.send_bytes(_travelling(result))
        connection.close()


def _travelling(result: Any) -> bytes:
    try:
        data = dumps(result)
        loads(data)
    except Exception as error:
        return dumps(crash_of(error))
    return data


def crash_of(error: BaseException) -> Crash:
    """Return an exception as one that can travel."""
    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {first_line(error)}")
    return Crash(error, text)


def end_with_parent() -> None:
    """Stop in good order when the parent dies, and after a grace period anyway."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_S)
    os._exit(1)
