"""A trial as a Hydra job: the user's function, what it got, and what came of it."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.utils import configure_log
from omegaconf.errors import OmegaConfBaseException
from optuna.trial import TrialState

from qgtune import live
from qgtune.errors import first_line
from qgtune.files import write_once
from qgtune.processes.interrupts import Interrupted, Interrupts
from qgtune.results.configs import resolve_plain
from qgtune.study.loop import interrupted, outcome_of
from qgtune.study.session import Outcome, Session, failed
from qgtune.sweep.compose.composition import replayable
from qgtune.sweep.workers.job import run_job, set_job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import optuna
    from omegaconf import DictConfig

    from qgtune.processes.function import Task, TaskByValue
    from qgtune.study.objectives import Objectives
    from qgtune.sweep.compose.trial_config import Draw
    from qgtune.sweep.workers.worker import Worker

log = logging.getLogger("qgtune")


def run_as_job(worker: Worker, session: Session, trial: optuna.Trial, drawn: Draw) -> Outcome:
    """Run the user's function as the Hydra job of a trial that has its values, and say how it ended."""
    whole = drawn.whole
    try:
        set_job(whole, trial.number, *_overrides(drawn))
    except OmegaConfBaseException as error:
        return failed(f"its config does not resolve: {first_line(error)}")
    judge = _Judge(worker.task, trial, worker.interrupts, session.judge, worker.built_path)
    try:
        with live.running(trial):
            run_job(judge, whole, drawn.task, worker.hydra_context)
    except Interrupted:
        judge.outcome = interrupted(worker.interrupts.name if worker.stop_key else "")
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
