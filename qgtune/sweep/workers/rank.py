"""A rank of a trial that runs the whole script again, as Lightning's `ddp` starts it: no sweep, but one config."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from qgtune import live
from qgtune.results.recorded import Record
from qgtune.study.attempts.heartbeats import repeatedly
from qgtune.sweep.workers.job import run_job, set_folder, set_job

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction

    from qgtune.processes.ranks import OwnTrial

PERIOD_S = 1.0


def run_rank(trial: OwnTrial, hydra_context: HydraContext, function: TaskFunction, master: DictConfig) -> Any:
    """Call the user's function with the config of the trial that this process is a rank of.

    Args:
        trial: it.
        hydra_context: carries the config loader and the callbacks.
        function: the user's.
        master: what Hydra composed for the sweep that this process would otherwise run.

    Returns:
        What the function returned; None when it was pruned, which the first rank tells the study.

    Raises:
        QGTuneError: when the trial left no record.
        Exception: whatever else the function raises.
    """
    from optuna import TrialPruned

    def call(config: DictConfig) -> Any:
        with contextlib.suppress(TrialPruned):
            return function(config)

    record = Record.of_number(Path(trial.sweep), trial.number)
    overrides = () if record.differs else record.overrides
    whole = hydra_context.config_loader.load_sweep_config(master, list(overrides))
    set_job(whole, Path(trial.sweep), trial.number, record.overrides, "")
    set_folder(whole, Path(trial.folder))
    with read_write(whole.hydra), open_dict(whole.hydra):
        whole.hydra.output_subdir = None  # the first rank has written it
        whole.hydra.job.name = master.hydra.job.name  # which names this rank's log
    task = whole.copy()
    with read_write(task), open_dict(task):
        del task["hydra"]
        task.merge_with(OmegaConf.create(record.config))
    ends_behind = repeatedly(PERIOD_S, functools.partial(_end_behind, os.getppid()), "qgtune-rank")
    with ends_behind, live.running(live.StandInTrial(trial.number)):
        return run_job(call, whole, task, hydra_context, function).return_value


def _end_behind(parent: int) -> None:
    """End this process once that which started it is gone: nobody else would."""
    if os.getppid() != parent:
        os._exit(1)
