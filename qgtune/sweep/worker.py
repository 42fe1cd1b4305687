"""A worker: the loop that claims trials and runs each as a Hydra job."""

from __future__ import annotations

import functools
import logging
import traceback
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.utils import configure_log
from omegaconf.errors import OmegaConfBaseException
from optuna.trial import TrialState

from qgtune import live
from qgtune.errors import first_line
from qgtune.results.configs import resolve_plain
from qgtune.results.files import write_once
from qgtune.space.resolvers import register_resolvers
from qgtune.study.loop import WorkerReport, interrupted, outcome_of, run_trials
from qgtune.study.session import Outcome, Session, StudySpec, failed, open_session
from qgtune.study.storages import batch
from qgtune.sweep.composer import Composition, replayable
from qgtune.sweep.guests import listening
from qgtune.sweep.interrupts import Interrupted, Interrupts
from qgtune.sweep.job import run_job, set_job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import optuna
    from hydra.types import HydraContext
    from omegaconf import DictConfig
    from optuna.storages import BaseStorage

    from qgtune.study.ledger import Limits
    from qgtune.study.objectives import Objectives
    from qgtune.sweep.draw import Draw
    from qgtune.sweep.task import Task, TaskByValue

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
        built_path: where the first trial's config is written; None for nowhere.
        n_most: how many trials it runs at most; None means no limit.
        stop_key: under another launcher, the study's attribute that tells this worker to stop; else empty.
        storage: an open storage of this process; it does not travel.
        interrupts: the signals of this process; they do not travel.
        reaps: whether to mark the trials of the dead failed at the start. Beside our own supervisor, which learns
            what killed a worker, it would be too early. It does not travel.
    """

    task: Task | TaskByValue
    composition: Composition
    spec: StudySpec
    limits: Limits
    hydra_context: HydraContext
    built_path: Path | None = None
    n_most: int | None = None
    stop_key: str = ""
    storage: BaseStorage | None = None
    interrupts: Interrupts = field(default_factory=Interrupts)
    reaps: bool = True

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all but what belongs to this process."""
        return type(self), (
            self.task,
            self.composition,
            self.spec,
            self.limits,
            self.hydra_context,
            self.built_path,
            self.n_most,
            self.stop_key,
        )

    def __call__(self, _config: DictConfig | None = None) -> WorkerReport:
        """Run trials until the study is done or a signal comes.

        Raises:
            QGTuneError: when the study cannot be opened.
        """
        register_resolvers()  # some launchers start processes that Hydra's plugin scan has not reached
        if not self.stop_key:
            return self._work()
        self.interrupts = Interrupts.of_guest()
        with self.interrupts.installed():
            return self._work()

    def _work(self) -> WorkerReport:
        session = open_session(self.spec, self.limits, self.storage)
        if self.reaps:
            session.reap()
        run_one = functools.partial(self._run, session)
        with session.alive(), self._listening(session):
            try:
                return run_trials(session, run_one, lambda: self.interrupts.received is not None, self.n_most)
            finally:
                session.abandon("interrupted")

    def _listening(self, session: Session) -> AbstractContextManager[None]:
        return listening(session, self.stop_key, self.interrupts) if self.stop_key else nullcontext()

    def _run(self, session: Session, trial: optuna.Trial) -> Outcome:
        try:
            with batch(session.storage):
                draw = self.composition.draw(trial)
        except Exception as error:
            if self.composition.custom is None:
                raise
            outcome = outcome_of(error)  # the user's own function raised it
        else:
            outcome = self._run_drawn(session, trial, draw)
        say(trial.number, outcome, session.objectives)
        return outcome

    def _run_drawn(self, session: Session, trial: optuna.Trial, draw: Draw) -> Outcome:
        whole = draw.whole
        try:
            set_job(whole, trial.number, *_overrides(draw))
        except OmegaConfBaseException as error:
            return failed(f"its config does not resolve: {first_line(error)}")
        judge = _Judge(self.task, trial, self.interrupts, session.judge, self.built_path)
        try:
            with live.running(trial):
                run_job(judge, whole, draw.task, self.hydra_context)
        except Interrupted:
            judge.outcome = interrupted(self.interrupts.name if self.stop_key else "")
        configure_log(whole.hydra.hydra_logging, whole.hydra.verbose)
        return judge.outcome


@dataclass(slots=True)
class _Judge:
    """Calls the user's function and turns what comes of it into an outcome."""

    task: Task | TaskByValue
    trial: optuna.Trial
    interrupts: Interrupts
    judge: Callable[[Any], Outcome]
    built_path: Path | None
    outcome: Outcome = field(default_factory=interrupted)

    def __call__(self, config: DictConfig) -> Any:
        if self.built_path is not None and not self.built_path.exists():
            write_once(self.built_path, resolve_plain(config))
        try:
            with self.interrupts.user_code():
                returned = self.task(config)
        except (Exception, SystemExit) as error:
            self.outcome = outcome_of(error)
            if self.outcome.state == TrialState.PRUNED:
                return None
            _log_traceback(self.trial.number, error)
            if isinstance(error, SystemExit):  # it would end the worker
                raise RuntimeError(self.outcome.reason) from error
            raise
        self.outcome = self.judge(returned)
        return returned


def _log_traceback(number: int, error: BaseException) -> None:
    """Write the traceback to the job's log file, and only there; to the terminal if there is no file."""
    text = "".join(traceback.format_exception(error))
    files = [handler for handler in logging.getLogger().handlers if isinstance(handler, logging.FileHandler)]
    record = log.makeRecord(log.name, logging.ERROR, "", 0, f"trial {number} raised\n{text}", (), None)
    for handler in files:
        handler.handle(record)
    if not files:
        log.error("trial %d raised\n%s", number, text)


def say(number: int, outcome: Outcome, objectives: Objectives) -> None:
    """Log how a trial ended, in one line."""
    if outcome.values:
        log.info("trial %d: %s", number, objectives.text(outcome.values))
    elif outcome.reason:
        log.error("trial %d failed: %s", number, outcome.reason)
    else:
        log.info("trial %d: pruned", number)


def _overrides(draw: Draw) -> tuple[list[str], str]:
    """Return the overrides that replay the trial without any sweeper, and the folder name made of the short ones."""
    sampled = draw.sampled()
    everything = [*draw.base, *draw.constants, *sampled, *draw.derived()]
    return replayable(everything), _dirname([*draw.base, *sampled], draw.whole)


def _dirname(overrides: Sequence[str], whole: DictConfig) -> str:
    """Return what Hydra calls `override_dirname`."""
    config = whole.hydra.job.config.override_dirname
    keys = {text: text.lstrip("+~").split("=", 1)[0] for text in overrides}
    kept = sorted(text for text, key in keys.items() if key not in config.exclude_keys)
    return str(config.item_sep).join(kept).replace("=", str(config.kv_sep))
