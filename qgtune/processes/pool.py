"""Worker processes: start them, hear from them, replace the dead, leave none behind."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Protocol

from qgtune.processes.interrupts import Interrupts
from qgtune.processes.slots import Slots
from qgtune.processes.travel import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.context import SpawnProcess

    from qgtune.progress.relay.terminals import ChildTerminal, Relay

log = logging.getLogger("qgtune")

GRACE_S = 3.0
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
    """

    index: int
    pid: int
    reason: str


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


@dataclass(slots=True)
class _Child:
    index: int
    slot: int
    process: SpawnProcess
    receiver: Connection
    is_told: bool = False


@dataclass(slots=True)
class ProcessPool:
    """Runs jobs in spawned processes, at most `n_processes` at a time.

    Spawned, not forked: CUDA and the threads of numerical libraries do not survive a fork.

    Attributes:
        jobs: what to run; each is pickled once.
        n_processes: how many run at a time.
        on_death: asked when a process ends without a result; true starts the job again.
        relay: gives each process a terminal to write to; None lets them write to ours.
        slots: what each of the `n_processes` places gives the process in it.
        goes_on: asked when a job returned; true starts it again, in a fresh process.
    """

    jobs: Sequence[ChildJob]
    n_processes: int
    on_death: Callable[[Death], bool]
    interrupts: Interrupts = field(default_factory=Interrupts)
    relay: Relay | None = None
    slots: Slots = field(default_factory=Slots)
    goes_on: Callable[[Any], bool] = _never
    _children: dict[int, _Child] = field(default_factory=dict)

    def run(self) -> list[Any]:
        """Run all jobs.

        Returns:
            For each job what it returned, a `Crash`, or a `Death`; None for one that a signal kept from starting.
        """
        payloads = [dumps(job) for job in self.jobs]
        results: list[Any] = [None] * len(payloads)
        todo = list(range(len(payloads)))
        self.interrupts.at_first = self._terminate
        self.interrupts.at_second = self._kill
        try:
            while (todo and self.interrupts.received is None) or self._children:
                while todo and len(self._children) < self.n_processes and self.interrupts.received is None:
                    self._start(todo[0], payloads[todo.pop(0)])
                for child in self._ended():
                    results[child.index] = result = self._collect(child)
                    if self.interrupts.received is None and self._starts_again(result):
                        todo.append(child.index)
        finally:
            self._kill()
        return results

    def _starts_again(self, result: Any) -> bool:
        if isinstance(result, Death):
            return self.on_death(result)
        return not isinstance(result, Crash) and self.goes_on(result)

    def _start(self, index: int, payload: bytes) -> None:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        terminal = self.relay.open() if self.relay else None
        process = context.Process(target=_child, args=(payload, sender, terminal), name=f"qgtune-worker-{index}")
        slot = self._free_slot(index)
        with signals_held_back(), environment(self.slots.environment(slot)):
            process.start()
        sender.close()
        if self.relay and terminal:
            self.relay.read_from(terminal, process.pid or 0)
        self._children[index] = _Child(index, slot, process, receiver)
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
        watched.update((child.receiver, child.index) for child in self._children.values())
        ready = {watched[item] for item in wait(list(watched), timeout=POLL_S)}
        return [self._children.pop(index) for index in ready]

    def _collect(self, child: _Child) -> Any:
        try:
            result = child.receiver.recv()
        except (EOFError, OSError):
            result = None
        child.receiver.close()
        child.process.join()
        if result is None:
            return Death(child.index, child.process.pid or 0, f"its worker {how_it_ended(child.process.exitcode or 0)}")
        return result[0]

    def _terminate(self) -> None:
        for child in list(self._children.values()):
            if not child.is_told:  # a second signal would end it before its trial is marked
                child.is_told = True
                child.process.terminate()

    def _kill(self) -> None:
        for child in list(self._children.values()):
            child.process.kill()


@contextmanager
def signals_held_back() -> Iterator[None]:
    """Let a child start with SIGINT and SIGTERM blocked, until its handlers stand.

    Ctrl-C would end it with a traceback; and a child that ends before it has read its job leaves the parent waiting for
    ever in `Process.start` when the job is larger than a pipe's buffer.
    """
    resource_tracker.ensure_running()  # when the first child's start starts it, it unblocks SIGINT again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Let a child start with these variables.

    It cannot set them itself: before its first instruction of ours, multiprocessing imports the main script in it, and
    with that perhaps torch. Nor can `Process.start` be given an environment.
    """
    with _environment_lock:
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


_environment_lock = threading.Lock()


def how_it_ended(exit_code: int) -> str:
    """Say how a process ended: by which signal, or with which exit code."""
    if exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        return f"was killed by {name}"
    return f"ended with exit code {exit_code}"


def _child(payload: bytes, sender: Connection, terminal: ChildTerminal | None) -> None:
    """Run in the spawned process: do the job and send what comes of it home."""
    if terminal is not None:
        terminal.take()
    interrupts = Interrupts(heeds=(signal.SIGTERM,))  # Ctrl-C reaches the whole group: the parent passes it on
    threading.Thread(target=end_with_parent, daemon=True).start()
    with interrupts.installed():
        try:
            result = loads(payload)(interrupts)
        except BaseException as error:
            result = crash_of(error)
    _flush()
    with suppress(BrokenPipeError):  # the parent died: nobody waits for the result
        sender.send((result,))
        sender.close()


def crash_of(error: BaseException) -> Crash:
    """Return an exception as one that can travel."""
    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
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


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
