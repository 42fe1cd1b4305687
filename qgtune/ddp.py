"""A training of several processes inside one trial: `run` starts the ranks as torchrun does and relays their reports.

Optuna's own `optuna_integration.TorchDistributedTrial` broadcasts a trial that rank 0 holds, and starts no processes.
Here the trial lives in the worker, which is none of the ranks. It may be used on top, with rank 0's `current_trial()`.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

import optuna

from qgtune import checks, live
from qgtune.errors import QGTuneError
from qgtune.processes.function import UserFunction
from qgtune.processes.pool import Crash, crash_of, end_with_parent, how_it_ended
from qgtune.processes.slots import THREADS, n_cores
from qgtune.processes.starting import environment
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.threads import signals_blocked, start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import SpawnProcess

GRACE_S = 5.0
"""How long the other ranks may go on once the trial is pruned."""
GATHER_S = 0.5
"""How long after a failure others are heard: a killed rank makes the others fail, sometimes before it is noticed."""
POLL_S = 0.5


class RankError(RuntimeError):
    """A rank raised, or died."""


class _RemoteError(Exception):
    """The traceback of a rank, as the cause of a `RankError`."""


@dataclass(frozen=True, slots=True)
class _Report:
    value: float
    step: int


@dataclass(frozen=True, slots=True)
class _Attribute:
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class _Returned:
    value: Any


@dataclass(frozen=True, slots=True)
class _Pruned:
    message: str


@dataclass(frozen=True, slots=True)
class _Raised:
    crash: Crash
    when_s: float  # on the clock that all processes of a machine share


@dataclass(frozen=True, slots=True)
class _Died:
    how: str


class RankTrial(optuna.trial.FixedTrial):
    """The trial as a rank sees it: number and parameters are copies, reports go to the process that holds it."""

    def __init__(self, number: int, params: dict[str, Any], rank: int, connection: Connection) -> None:
        super().__init__(params, number=number)
        self._rank = rank
        self._connection = connection
        self._is_pruned = False

    @property
    def params(self) -> dict[str, Any]:
        """The trial's parameters."""
        return dict(self._params)

    def report(self, value: float, step: int) -> None:
        """Report from rank 0, and wait in every rank for the pruner's decision on this step."""
        self._connection.send(_Report(float(value), step))
        self._is_pruned = self._connection.recv()

    def should_prune(self) -> bool:
        """Return the decision on the last reported step, the same in every rank."""
        return self._is_pruned

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set an attribute of the trial; from rank 0 it reaches the study."""
        super().set_user_attr(key, value)
        if self._rank == 0:
            self._connection.send(_Attribute(key, value))


def run(function: Callable[..., Any], *arguments: Any, world_size: int) -> Any:
    """Run a function in `world_size` processes of this machine and return what rank 0 returned.

    Each has torchrun's variables (`RANK`, `LOCAL_RANK`, `WORLD_SIZE`, `MASTER_ADDR`, `MASTER_PORT`), so that
    `torch.distributed.init_process_group("gloo")` needs no more. Every rank calls `qgtune.report` for the same steps:
    rank 0's value counts, and the decision to prune is raised in all of them. Where only rank 0 reports, the others are
    ended a few seconds after it is pruned.

    Args:
        function: a function at the top level of a module or script.
        arguments: what it is called with; they travel to each rank.
        world_size: how many ranks, 1 or more. They divide the threads that OMP_NUM_THREADS grants, or
            else the cores.

    Raises:
        optuna.TrialPruned: when the pruner ended the trial. Let it pass.
        RankError: when a rank raised or died; the others are ended.
        QGTuneError: for an impossible `world_size`.
    """
    try:
        checks.whole(1)(world_size)
    except ValueError as error:
        raise QGTuneError(f"Cannot start world_size={world_size!r} processes: {error}.") from None
    trial = live.current_trial()
    with _started(pickle.dumps((UserFunction(function), arguments, trial.number, trial.params)), world_size) as ranks:
        return _Group(trial, dict(ranks)).watch()


@dataclass(frozen=True, slots=True)
class _Rank:
    process: SpawnProcess
    connection: Connection

    def answer(self, decision: bool) -> None:  # noqa: FBT001 - it is the message
        with suppress(OSError):  # it died meanwhile; that is noticed elsewhere
            self.connection.send(decision)


@contextmanager
def _started(payload: bytes, world_size: int) -> Iterator[dict[int, _Rank]]:
    """Start the ranks; none of them outlives the block."""
    ranks: dict[int, _Rank] = {}
    variables = _variables(world_size)
    context = multiprocessing.get_context("spawn")
    try:
        for rank in range(world_size):
            ours, theirs = context.Pipe()
            process = context.Process(target=_child, args=(payload, rank, theirs), name=f"qgtune-rank-{rank}")
            ranks[rank] = _Rank(process, ours)
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            with signals_blocked(), environment(variables | own):  # Ctrl-C is for the worker: it ends its ranks
                process.start()
            theirs.close()
        yield ranks
    finally:
        started = [rank for rank in ranks.values() if rank.process.pid is not None]
        for each in started:
            each.process.kill()
        for each in started:
            each.process.join()
            each.connection.close()


def _variables(world_size: int) -> dict[str, str]:
    granted = os.environ.get("OMP_NUM_THREADS", "")
    n_threads = max(1, (int(granted) if granted.isdecimal() else n_cores()) // world_size)
    threads, size = dict.fromkeys(THREADS, str(n_threads)), str(world_size)
    return {
        **threads,
        "WORLD_SIZE": size,
        "LOCAL_WORLD_SIZE": size,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _child(payload: bytes, rank: int, connection: Connection) -> None:
    """Run in the rank's process."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    start_thread(end_with_parent, name="qgtune-parent")
    register_resolvers()  # a config among the arguments may need them
    message: Any
    try:
        task, arguments, number, params = pickle.loads(payload)
        with live.running(RankTrial(number, params, rank, connection)):
            returned = task(*arguments)
        message = _Returned(returned if rank == 0 else None)
    except optuna.TrialPruned as error:
        message = _Pruned(str(error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the rank's result
        when_s = time.monotonic()
        message = _Raised(crash_of(error), when_s)
    connection.send(message)


@dataclass(slots=True)
class _Group:
    """The ranks of one trial, watched from the process that holds the trial."""

    trial: Any
    living: dict[int, _Rank]
    decisions: dict[int, bool] = field(default_factory=dict)
    waiting: dict[int, int] = field(default_factory=dict)
    ended: dict[int, Any] = field(default_factory=dict)
    deadline_s: float = float("inf")

    def watch(self) -> Any:
        """Hear the ranks until all have ended, or one failed, or the time after a prune is over."""
        world = dict(self.living)
        while self.living and time.monotonic() < self.deadline_s:
            for rank in self._ready():
                self._hear(rank, self.living[rank])
        pruned = [message for message in self.ended.values() if isinstance(message, _Pruned)]
        if pruned:  # ranks that fail beside it miss the one that is gone
            raise optuna.TrialPruned(pruned[0].message)
        failure = _root_cause(self.ended)
        if failure is not None:
            raise _error(*failure, world_size=len(world))
        for each in world.values():
            each.process.join(GRACE_S)
        return self.ended[0].value

    def _ready(self) -> list[int]:
        watched = {rank.connection: number for number, rank in self.living.items()}
        return [watched[connection] for connection in wait(list(watched), POLL_S) if isinstance(connection, Connection)]

    def _hear(self, number: int, rank: _Rank) -> None:
        try:
            message = rank.connection.recv()
        except (EOFError, OSError):
            rank.process.join()
            message = _Died(how_it_ended(rank.process.exitcode or 0))
        if isinstance(message, _Report):
            self._take(number, message)
        elif isinstance(message, _Attribute):
            self.trial.set_user_attr(message.key, message.value)
        else:
            self._end(number, message)
        self._answer()

    def _take(self, number: int, report: _Report) -> None:
        self.waiting[number] = report.step
        if number == 0:
            self.trial.report(report.value, report.step)
            self.decisions[report.step] = bool(self.trial.should_prune())

    def _end(self, number: int, message: Any) -> None:
        self.ended[number] = message
        del self.living[number]
        self.waiting.pop(number, None)
        patience_s = {_Returned: float("inf"), _Pruned: GRACE_S}.get(type(message), GATHER_S)
        self.deadline_s = min(self.deadline_s, time.monotonic() + patience_s)

    def _answer(self) -> None:
        """Answer the ranks whose step is decided; once rank 0 has ended, the others as well."""
        for number, step in list(self.waiting.items()):
            if step in self.decisions or 0 in self.ended:
                del self.waiting[number]
                decision = self.decisions.get(step, isinstance(self.ended.get(0), _Pruned))
                self.living[number].answer(decision)


def _root_cause(ended: dict[int, Any]) -> tuple[int, _Raised | _Died] | None:
    """Return the failure that brought about the others: a death, or else the first exception."""
    deaths = ((rank, message) for rank, message in ended.items() if isinstance(message, _Died))
    raised = [(rank, message) for rank, message in ended.items() if isinstance(message, _Raised)]
    return next(deaths, None) or min(raised, key=lambda failure: failure[1].when_s, default=None)


def _error(rank: int, failure: _Raised | _Died, *, world_size: int) -> RankError:
    name = f"rank {rank} of {world_size}"
    if isinstance(failure, _Died):
        return RankError(f"{name} {failure.how}")
    crash = failure.crash
    error = RankError(f"{name} raised {type(crash.error).__name__}: {crash.error}")
    error.__cause__ = _RemoteError(f"\n{crash.text}")
    return error
