"""Studies of plain objectives, over threads and processes."""

from __future__ import annotations

import functools
import logging
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgtune import live
from qgtune.errors import QGTuneError
from qgtune.processes.function import UserFunction, refuse_unguarded_script
from qgtune.processes.interrupts import Interrupted, Interrupts
from qgtune.processes.pool import Crash, ProcessPool
from qgtune.processes.ranks import refuse_ranks
from qgtune.processes.slots import Machine, read_slots
from qgtune.processes.starting import start_server
from qgtune.progress.show import progress
from qgtune.progress.watched import Watched
from qgtune.study.attempts.limits import Limits, Stop
from qgtune.study.attempts.overdue import refuse_in_process
from qgtune.study.loop import run_trials
from qgtune.study.objectives import Objectives
from qgtune.study.opening import open_session
from qgtune.study.outcome import Outcome, outcome_of
from qgtune.study.spec import StudySpec
from qgtune.study.storages.opening import is_memory, open_storage
from qgtune.sweep.crew import Crew, none_completed
from qgtune.tune.best import BestFiles
from qgtune.tune.settings import check_settings, component, pruner

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

    from qgtune.progress.relay.terminals import Relay
    from qgtune.study.session import Session
    from qgtune.sweep.supervisor import Supervisor

log = logging.getLogger("qgtune")

Objective = Callable[["optuna.Trial", dict[str, Any]], Any]


def create_study(tuning_config: Mapping[str, Any]) -> optuna.Study:
    """Create the study of a tuning config, or load it if it exists.

    Args:
        tuning_config: `study_name`, `storage` (a journal file, whose folder is made, or a URL; null keeps the study in
            memory), `direction`, and, if wanted, `sampler` and `pruner`: a name such as `random`, or a mapping with
            `name` and arguments. Without a pruner the worst quarter of the trials ends at each step but the first.

    Raises:
        QGTuneError: with every wrong value, or when the storage cannot be opened.
        TypeError: when `tuning_config` is no mapping.
    """
    settings = check_settings(_mapping(tuning_config))
    return open_session(_spec(settings), Limits(1)).study


def optimize(objective: Objective, tuning_config: Mapping[str, Any]) -> optuna.Study:
    """Run a study to its end: `n_trials * n_iterations` trials in total, over `n_processes` processes.

    The total holds for the study: a run that was cut short goes on where it stopped. A trial whose process died is run
    again, up to `max_retries` times. Once `timeout` seconds are over, no trial starts any more.

    Args:
        objective: called as `objective(trial, tuning_config)`; returns the value, may report and raise
            `optuna.TrialPruned`. Several processes find it by its name in its module or script; one of a notebook's
            cell, or inside another function, travels by value.
        tuning_config: what `get_tuning_settings` returns, or a mapping with the same keys.

    Returns:
        The study. The best trial and the best config are written to `best_trial_path` and `best_param_path`.

    Raises:
        QGTuneError: for a wrong tuning config, or when the study is given up because everything fails.
        KeyboardInterrupt: after Ctrl-C, once the results are written.
        TypeError: when `objective` cannot be called or `tuning_config` is no mapping.
    """
    if not callable(objective):
        raise TypeError(f"objective must be callable, not {type(objective).__name__}")
    refuse_ranks()
    settings = check_settings(_mapping(tuning_config))
    if settings["n_jobs"] > 1:
        warnings.warn(
            f"n_jobs={settings['n_jobs']} threads share one interpreter: n_processes is usually faster.", stacklevel=2
        )
    if is_memory(settings["storage"]) and settings["n_processes"] > 1:
        raise QGTuneError(
            f"Cannot share a study in memory between {settings['n_processes']} processes. Give `storage` a file, or "
            "set n_processes to 1."
        )
    if settings["n_processes"] > 1:
        refuse_unguarded_script()
    else:
        refuse_in_process(settings["trial_timeout"], settings["stall_timeout"], "Set n_processes to 2 or more.")
    return _Run(objective, dict(tuning_config), settings).run()


@dataclass(slots=True)
class _Run:
    objective: Objective
    given: dict[str, Any]
    settings: dict[str, Any]
    interrupts: Interrupts = field(default_factory=Interrupts)

    def run(self) -> optuna.Study:
        files, spec = BestFiles(self.settings), _spec(self.settings)
        files.check()
        session = open_session(spec, _limits(self.settings), samples=False)
        session.forget_failures()
        limits = session.limits
        worker = _Worker(
            UserFunction(self.objective), self.given, spec, limits, self.settings["n_jobs"], _checkpoints(self.settings)
        )

        n_processes = self.settings["n_processes"]
        slots = read_slots({}, n_processes, Machine.here())
        if n_processes > 1:
            start_server(slots.start_method, slots.shared, [__name__])

        def launch(relay: Relay | None, n_workers: int, supervisor: Supervisor) -> None:
            if n_processes == 1:
                worker.run(self.interrupts, session.storage)
                return
            jobs = [worker] * n_workers
            pool = ProcessPool(jobs, n_workers, supervisor.died, self.interrupts, relay, slots, watch=supervisor)
            for result in pool.run():
                if isinstance(result, Crash):
                    raise result.error

        watched = Watched(session, n_processes * self.settings["n_jobs"], self.interrupts)
        shown = progress(watched, self.settings["progress"], self.interrupts, in_process=n_processes == 1)
        with self.interrupts.installed(), shown as relay:
            gave_up = Crew(session, n_processes, functools.partial(launch, relay), self.interrupts).run()
        files.sweep_ended(session)
        if self.interrupts.received is not None:
            raise KeyboardInterrupt
        if gave_up := gave_up or none_completed(session):
            raise QGTuneError(gave_up)
        return session.study


@dataclass(frozen=True, slots=True)
class _Worker:
    """Runs trials of a plain objective; one a process."""

    task: UserFunction
    tuning_config: dict[str, Any]
    spec: StudySpec
    limits: Limits
    n_threads: int
    checkpoints: Path

    def __call__(self, interrupts: Interrupts) -> Stop:
        """Run trials in a process of its own."""
        return self.run(interrupts, None)

    def run(self, interrupts: Interrupts, storage: BaseStorage | None) -> Stop:
        """Run trials, in further threads as well if there are to be several."""
        storage = open_storage(self.spec.storage) if storage is None else storage
        threads = [threading.Thread(target=self._loop, args=(interrupts, storage)) for _ in range(self.n_threads - 1)]
        session = open_session(self.spec, self.limits, storage, samples=False)
        with session.alive():
            for thread in threads:
                thread.start()
            try:
                return self._loop(interrupts, storage)
            finally:
                for thread in threads:
                    thread.join()
                session.give_back()

    def _loop(self, interrupts: Interrupts, storage: BaseStorage) -> Stop:
        session = open_session(self.spec, self.limits, storage)
        run_one = functools.partial(self._run_one, session, interrupts)
        return run_trials(session, run_one, lambda: interrupts.received is not None)

    def _run_one(self, session: Session, interrupts: Interrupts, trial: optuna.Trial) -> Outcome:
        in_main = threading.current_thread() is threading.main_thread()
        guard = interrupts.user_code if in_main else nullcontext
        try:
            with live.running(trial, self.checkpoints):
                try:
                    with guard():
                        returned = self.task(trial, self.tuning_config)
                except BaseException as error:
                    if in_main and interrupts.received is not None:
                        live.save_now()
                        raise Interrupted from error
                    raise
        except Interrupted:
            raise
        except BaseException as error:
            outcome = outcome_of(error)
            if outcome.reason:
                trace = None if isinstance(error, QGTuneError) else error  # a mistake of the user's needs none
                log.exception("trial %d failed: %s", trial.number, outcome.reason, exc_info=trace)
            return outcome
        outcome = session.outcome_of(returned)
        if outcome.reason:
            log.error("trial %d failed: %s", trial.number, outcome.reason)
        return outcome


def _spec(settings: Mapping[str, Any]) -> StudySpec:
    return StudySpec(
        settings["study_name"],
        settings["storage"],
        Objectives.read(settings["direction"]),
        component("sampler", settings["sampler"]),
        pruner(settings),
        settings["seed"],
    )


def _checkpoints(settings: Mapping[str, Any]) -> Path:
    """Return where configurations keep what outlives an attempt: beside a journal, unless said otherwise."""
    if (given := settings["checkpoint_path"]) is not None:
        return Path(given).absolute()
    storage = settings["storage"]
    is_file = isinstance(storage, str) and not is_memory(storage) and "://" not in storage
    return Path(f"{storage}.checkpoints" if is_file else "checkpoints").absolute()


def _limits(settings: Mapping[str, Any]) -> Limits:
    timeout = settings["timeout"]
    return Limits(
        settings["n_trials"] * settings["n_iterations"],
        settings["max_retries"],
        settings["retry_exceptions"],
        settings["max_failure_rate"],
        n_first=settings["n_processes"] * settings["n_jobs"] + 2,
        deadline_s=None if timeout is None else time.time() + timeout,
        trial_timeout_s=settings["trial_timeout"],
        stall_timeout_s=settings["stall_timeout"],
        timeout_grace_s=settings["timeout_grace"],
    )


def _mapping(tuning_config: Any) -> Mapping[str, Any]:
    if not isinstance(tuning_config, Mapping):
        raise TypeError(f"tuning_config must be a mapping, not {type(tuning_config).__name__}")
    return tuning_config
