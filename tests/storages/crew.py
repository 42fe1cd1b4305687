"""Workers of a study as processes, each as if started by hand."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from qgtune.study.attempts.limits import Limits
from qgtune.study.loop import run_trials
from qgtune.study.objectives import Objectives
from qgtune.study.opening import open_session
from qgtune.study.outcome import Outcome, completed
from qgtune.study.spec import StudySpec
from qgtune.study.storages.exclusive import exclusive
from qgtune.study.storages.opening import open_storage
from tests.storages.servers import wait_until

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from qgtune.study.session import Session
    from qgtune.study.storages.addresses import Storage

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["optuna", "qgtune.study.session", "qgtune.study.loop"])


@dataclass(frozen=True, slots=True)
class Crew:
    """What the workers work on.

    Attributes:
        storage: the study's storage.
        folder: where they leave what they have to say.
        n_trials: the total.
        seed: of the study.
        work_s: how long a trial takes.
    """

    storage: Storage
    folder: Path
    n_trials: int
    seed: int | None = None
    work_s: float = 0.01

    @property
    def spec(self) -> StudySpec:
        """The study."""
        sampler = {"_target_": "optuna.samplers.RandomSampler"}
        return StudySpec("study", self.storage, sampler=sampler, seed=self.seed)

    def session(self, *, samples: bool = False) -> Session:
        """Open the study in this process."""
        return open_session(self.spec, Limits(self.n_trials), samples=samples)

    def start(self, *, hangs: bool = False) -> ForkServerProcess:
        """Start a worker; one that hangs never gets through its first trial."""
        process = _context.Process(target=_work, args=(self, hangs), daemon=True)
        process.start()
        return process

    def run(self, n_workers: int) -> None:
        """Start workers and wait for their end."""
        for process in [self.start() for _ in range(n_workers)]:
            process.join(120)
            assert process.exitcode == 0

    def start_hanging(self) -> ForkServerProcess:
        """Start a worker and wait until it is in the midst of a trial."""
        process = self.start(hangs=True)
        wait_until(lambda: self._mark(process.pid).exists())
        return process

    def _mark(self, pid: int | None) -> Path:
        return self.folder / f"{pid}.hangs"


def _work(crew: Crew, hangs: bool) -> None:  # noqa: FBT001 - an argument for another process
    session = open_session(crew.spec, Limits(crew.n_trials))
    session.end_dead()

    def run_one(trial: optuna.Trial) -> Outcome:
        x = trial.suggest_float("x", 0, 1)
        trial.report(x, 0)
        if hangs:
            crew._mark(multiprocessing.current_process().pid).touch()
            time.sleep(600)
        time.sleep(crew.work_s)
        return completed(x, Objectives())

    with session.alive():
        run_trials(session, run_one, lambda: False)


def kill(process: ForkServerProcess) -> None:
    """Kill a worker, as the kernel does one that takes too much memory."""
    process.kill()
    process.join(30)


def complete(session: Session) -> list[FrozenTrial]:
    """Return the trials that were completed."""
    return session.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def hold_claim(storage: Storage, held: Path) -> ForkServerProcess:
    """Start a process that takes a storage's creation lock, makes the file `held`, and keeps it."""
    process = _context.Process(target=_hold, args=(storage, held), daemon=True)
    process.start()
    return process


def _hold(storage: Storage, held: Path) -> None:
    with exclusive(open_storage(storage)):
        held.touch()
        time.sleep(600)
