"""A trial as a Hydra job: what its function gets, and what came of it."""

from __future__ import annotations

import copy
import logging
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf.errors import OmegaConfBaseException

from qgtune import live
from qgtune.errors import OUT_OF_MEMORY
from qgtune.files import write_once
from qgtune.processes.family import ending_new
from qgtune.processes.function import called
from qgtune.processes.interrupts import Interrupted
from qgtune.processes.memory import peak, start_peak
from qgtune.processes.output.capture import captured
from qgtune.processes.ranks import OwnTrial
from qgtune.results.recorded import Record, pin_random_values, recorded
from qgtune.space.editing import place
from qgtune.space.reading.yaml_files import dump_yaml
from qgtune.study.lifecycle import tell
from qgtune.study.outcome import PRUNED, failed, outcome_of, returned
from qgtune.sweep.hydra.versions import configure_logging
from qgtune.sweep.workers.job import override_dirname, run_job, set_folder, set_job

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna
    from hydra.types import HydraContext
    from omegaconf import DictConfig

    from qgtune.processes.interrupts import Interrupts
    from qgtune.processes.output.capture import Capture
    from qgtune.study.outcome import Outcome
    from qgtune.study.session import Session
    from qgtune.sweep.compose.trial_config import TrialConfig

log = logging.getLogger("qgtune")


@dataclass(frozen=True, slots=True)
class TrialRunner:
    """Runs the user's function as the Hydra job of a trial.

    Attributes:
        function: the user's.
        session: the study.
        hydra_context: carries the user's callbacks.
        interrupts: the signals of this process.
        folder: the sweep folder, absolute.
        checkpoints: where configurations keep what outlives an attempt, absolute.
        built_path: where the first trial's config is written; None for nowhere.
        oom_is_infeasible: whether values for which the memory does not suffice violate a constraint, rather than fail.
        names_signal: whether an attempt that is given back says which signal came.
    """

    function: Callable[..., Any]
    session: Session
    hydra_context: HydraContext
    interrupts: Interrupts
    folder: Path
    checkpoints: Path
    built_path: Path | None = None
    oom_is_infeasible: bool = False
    names_signal: bool = False

    def run(self, trial: optuna.Trial, placed: TrialConfig, target: int | None = None) -> Outcome:
        """Run a trial that has its values, and say how it ended.

        Args:
            trial: it.
            placed: its config.
            target: how many steps it is to run; None for all.
        """
        whole = placed.whole
        texts, differs = placed.overrides()
        try:
            dirname = override_dirname([*placed.base, *placed.sampled()], whole)
            set_job(whole, self.folder, _job_number(trial), texts, dirname)
        except OmegaConfBaseException as error:
            return failed(f"its config does not resolve: {outcome_of(error).reason}")
        set_folder(whole, _own_folder(_folder_of(whole, trial), self.folder, trial.number))
        ended: list[Outcome] = []

        def call(config: DictConfig) -> Any:
            seen = recorded(config, whole.hydra, pin_random_values(config))
            shared = _shared(config, placed)
            Record(seen, tuple(texts), differs, shared, placed.own_overrides).write(self.folder, trial.number)
            if self.built_path is not None and not self.built_path.exists():
                write_once(self.built_path, dump_yaml(seen if shared is None else shared))
            folder = Path(whole.hydra.runtime.output_dir)
            tell(self.session.features, lambda feature: feature.attempt_runs(self.session, trial, folder))
            start_peak()
            return self._call(config, trial, ended, capture)

        try:
            with (
                captured(self.folder, trial.number, Path(whole.hydra.runtime.output_dir)) as capture,
                live.running(trial, self.checkpoints) as running,
                self._own(running, whole).told(),
            ):
                running.target = target
                job = run_job(call, whole, placed.task, self.hydra_context, self.function, differs, placed.hydra_texts)
        except Interrupted:
            return returned(self.interrupts.name if self.names_signal else "")
        finally:
            configure_logging(whole.hydra.hydra_logging, whole.hydra.verbose, self.hydra_context)
        return replace(ended[0] if ended else outcome_of(job.return_value), memory=peak())

    def _own(self, running: live.Running, whole: DictConfig) -> OwnTrial:
        folder, number = str(whole.hydra.runtime.output_dir), running.trial.number
        return OwnTrial(str(self.folder), number, folder, str(running.checkpoints), running.last_step)

    def _call(self, config: DictConfig, trial: optuna.Trial, ended: list[Outcome], capture: Capture | None) -> Any:
        """Call the function; a signal that came meanwhile decides, whatever the function made of it."""
        try:
            with ending_new(lambda: self.interrupts.received is not None), self.interrupts.user_code():
                value = called(self.function, config)
        except Interrupted:
            live.save_now()
            raise
        except BaseException as error:
            if self.interrupts.received is not None:
                live.save_now()
                raise Interrupted from error
            ended.append(outcome_of(error))
            if self.oom_is_infeasible and ended[0].reason.startswith(OUT_OF_MEMORY):
                log.warning("trial %d: %s", trial.number, ended[0].reason)
                live.set_constraint("memory", 1.0)
                ended[0] = PRUNED
            if ended[0].end == "pruned":
                return None
            ended[0] = replace(ended[0], log=_log_traceback(trial.number, error, capture))
            if isinstance(error, Exception):
                raise
            raise RuntimeError(ended[0].reason) from error  # `SystemExit`, say: it would end the worker
        if self.interrupts.received is not None:
            live.save_now()
            raise Interrupted
        ended.append(self.session.outcome_of(value))
        return value


def _job_number(trial: optuna.Trial) -> int:
    """Return the number that Hydra is told: all repeats of a configuration have their folders in the one of its own."""
    number: int = trial.first if getattr(trial, "replicate", "") else trial.number  # type: ignore[attr-defined]
    return number


def _folder_of(whole: DictConfig, trial: optuna.Trial) -> Path:
    """Return the folder of a trial's job; an attempt at a repeat that an earlier one has tried has its number in it."""
    folder = Path(whole.hydra.runtime.output_dir)
    if not (name := getattr(trial, "replicate", "")):
        return folder
    return folder / (f"{name}_{trial.number}" if (folder / name).exists() else name)


def _shared(config: DictConfig, placed: TrialConfig) -> Any:
    """Return what all repeats of a configuration have, with the base value of what differs; None without repeats."""
    if not placed.varied:
        return None
    shared = copy.deepcopy(config)
    place(shared, placed.varied)
    return recorded(shared, placed.whole.hydra)


def _own_folder(folder: Path, sweep: Path, number: int) -> Path:
    """Make a trial's folder; where another trial has it already, one with the trial's number behind its name."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        numbered = folder / str(number) if folder == sweep else folder.with_name(f"{folder.name}_{number}")
        log.warning("Trial %d runs in %s: hydra.sweep.subdir gives the folder of another trial.", number, numbered.name)
        numbered.mkdir(exist_ok=True)
        return numbered
    return folder


def _log_traceback(number: int, error: BaseException, capture: Capture | None) -> str:
    """Write the traceback to the job's log file and behind its output, and only there; else to the terminal.

    Returns:
        The file.
    """
    text = "".join(traceback.format_exception(error)).encode(errors="backslashreplace").decode()
    files = [handler for handler in logging.getLogger().handlers if isinstance(handler, logging.FileHandler)]
    record = log.makeRecord(log.name, logging.ERROR, "", 0, f"trial {number} raised\n{text}", (), None)
    for handler in files:
        handler.handle(record)
    if capture is not None:
        capture.add_unshown(text)
    elif not files:
        log.error("trial %d raised\n%s", number, text)
    kept = "" if capture is None else str(capture.path)
    return files[0].baseFilename if files else kept
