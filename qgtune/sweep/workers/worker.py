"""A worker: the loop that asks for trials and runs each as a Hydra job."""

from __future__ import annotations

import functools
import logging
from contextlib import nullcontext
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError
from qgtune.processes.interrupts import Interrupts
from qgtune.processes.slots import Machine
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.study.lifecycle import tell
from qgtune.study.loop import run_trials
from qgtune.study.opening import open_session
from qgtune.study.outcome import Outcome, outcome_of
from qgtune.study.storages.exclusive import StorageLostError
from qgtune.study.storages.opening import batch
from qgtune.sweep.workers.listening import listening
from qgtune.sweep.workers.timed import timed
from qgtune.sweep.workers.trial import TrialRunner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import optuna
    from hydra.types import HydraContext
    from omegaconf import DictConfig
    from optuna.storages import BaseStorage

    from qgtune.processes.function import UserFunction
    from qgtune.study.attempts.control import Seat
    from qgtune.study.attempts.limits import Limits, Stop
    from qgtune.study.lifecycle import Lifecycle
    from qgtune.study.session import Session
    from qgtune.study.spec import StudySpec
    from qgtune.sweep.compose.composition import Composition

log = logging.getLogger("qgtune")


@dataclass(slots=True)
class Worker:
    """The task function that the sweeper hands to a launcher: it runs trials until the study is done.

    Attributes:
        task: the user's function.
        composition: where values and configs come from.
        spec: the study.
        limits: when it ends.
        hydra_context: carries the user's callbacks.
        folder: the sweep folder, absolute.
        checkpoints: where configurations keep what outlives an attempt, absolute.
        built_path: where the first trial's config is written; None for nowhere.
        features: what is told of its attempts.
        n_most: how many trials it runs at most; None means no limit.
        stop_key: under another launcher, the study's attribute that tells this worker to stop; else empty.
        seat: which of a sweep's workers it is; None where that makes no difference.
        storage: an open storage of this process; it does not travel.
        interrupts: the signals of this process; they do not travel.
        ends_dead: whether to end the attempts of the dead at the start. Beside our own supervisor, which learns
            what killed a worker, it would be too early. It does not travel.
    """

    task: UserFunction
    composition: Composition
    spec: StudySpec
    limits: Limits
    hydra_context: HydraContext
    folder: Path
    checkpoints: Path
    built_path: Path | None = None
    features: Sequence[Lifecycle] = ()
    n_most: int | None = None
    stop_key: str = ""
    seat: Seat | None = None
    # What follows does not travel.
    storage: BaseStorage | None = None
    interrupts: Interrupts = field(default_factory=Interrupts)
    ends_dead: bool = True

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all but what belongs to this process."""
        names = [one.name for one in fields(self)]
        return type(self), tuple(getattr(self, name) for name in names[: names.index("storage")])

    def __call__(self, _config: DictConfig | None = None) -> Stop:
        """Run trials until the study is done or a signal comes.

        Raises:
            QGTuneError: when the study cannot be opened.
        """
        register_resolvers()  # some launchers start processes that Hydra's plugin scan has not reached
        if not self.stop_key:
            return self._work()
        self.interrupts = Interrupts.of_other_launcher()
        with self.interrupts.installed():
            return self._work()

    def _work(self) -> Stop:
        session = open_session(self.spec, self.limits, self.storage)
        session.features, session.seat, session.gpus = self.features, self.seat, self._gpus()
        if self.ends_dead:
            session.end_dead()
        run_one = functools.partial(self._outcome, session)
        with session.alive(), self._listening(session), self._timed(session):
            try:
                while True:
                    stop = run_trials(session, run_one, lambda: self.interrupts.received is not None, self.n_most)
                    # Before the last worker leaves a study to others, it sees whether those live.
                    looks = self.stop_key and self.n_most is None and stop.why == "busy"
                    if not (looks and session.end_dead()):
                        return stop
            finally:
                session.give_back()
                is_stopped = self.interrupts.received is not None
                tell(session.features, lambda feature: feature.worker_ended(session, is_stopped=is_stopped))

    def _gpus(self) -> float | None:
        """Return how many GPUs this worker has: those of its place, or else those that its process can see.

        Raises:
            QGTuneError: when there are none, and a budget counts them.
        """
        if self.seat is not None:
            return self.seat.gpus
        budget = self.limits.budget
        if budget is None or budget.gpu_hours is None:
            return None
        found = len(Machine.here().gpus())
        if not found:
            raise QGTuneError("Cannot keep budget.gpu_hours: a worker sees no GPU. Give it one, or worker_hours.")
        return float(found)

    def _listening(self, session: Session) -> AbstractContextManager[None]:
        return listening(session, self.stop_key, self.interrupts) if self.stop_key else nullcontext()

    def _timed(self, session: Session) -> AbstractContextManager[None]:
        """Keep the time of this worker's attempts, unless a parent of ours does."""
        is_alone = self.stop_key or self.storage is not None
        return timed(session, self.interrupts, may_end=bool(self.stop_key)) if is_alone else nullcontext()

    def _outcome(self, session: Session, trial: optuna.Trial) -> Outcome:
        try:
            with batch(session.storage):
                placed = self.composition.sample(trial)
                target = self._target(session, trial)
                if target is not None and (path := session.limits.fidelity.path):  # type: ignore[union-attr]
                    placed.put_more({path: target})
                if (repeats := session.limits.repeats) is not None and (name := getattr(trial, "replicate", "")):
                    placed.vary(repeats.path, repeats.values[name])
                    session.may_repeat(trial)
        except StorageLostError:
            raise
        except Exception as error:  # noqa: BLE001 - the user's own function raised it, or options do not go together
            return outcome_of(error)
        runner = TrialRunner(
            self.task.function,
            session,
            self.hydra_context,
            self.interrupts,
            self.folder,
            self.checkpoints,
            self.built_path,
            oom_is_infeasible=self.composition.settings.oom == "infeasible",
            names_signal=bool(self.stop_key),
        )
        return runner.run(trial, placed, target)

    def _target(self, session: Session, trial: optuna.Trial) -> int | None:
        """Return how many steps an attempt is to run; None for all."""
        rung = getattr(trial, "rung", None)
        return None if session.limits.fidelity is None or rung is None else session.limits.fidelity.rungs[rung]
