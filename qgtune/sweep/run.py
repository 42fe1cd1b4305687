"""How a sweep runs: check everything, open the study, launch workers, write the results."""

from __future__ import annotations

import functools
import logging
import shlex
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hydra.core.utils import configure_log, setup_globals
from omegaconf import DictConfig, OmegaConf

from qgtune.errors import QGTuneError
from qgtune.files import short_path
from qgtune.processes.function import Task
from qgtune.processes.interrupts import Interrupts
from qgtune.progress.show import Watched, progress
from qgtune.results.invocation import Invocation
from qgtune.results.recorded import FOLDER as RECORDS
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.study.attempts.ledger import Stop
from qgtune.study.compatibility import check_space_unchanged
from qgtune.study.fixed_settings import registered
from qgtune.study.opening import open_session, study_exists
from qgtune.sweep.crew import Rounds, none_completed
from qgtune.sweep.hydra import held_nodes
from qgtune.sweep.masking import masked
from qgtune.sweep.outputs import Outputs
from qgtune.sweep.plan import BASIC, PROCESSES, Plan, make_plan
from qgtune.sweep.workers.elsewhere import Guests
from qgtune.sweep.workers.launching import launch_workers
from qgtune.sweep.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from hydra.types import HydraContext, TaskFunction

    from qgtune.progress.relay.terminals import Relay
    from qgtune.study.session import Session
    from qgtune.sweep.compose.composition import Composition
    from qgtune.sweep.supervisor import Supervisor

log = logging.getLogger("qgtune")
T = TypeVar("T")


def run_sweep(
    hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig, arguments: Sequence[str]
) -> dict[str, Any]:
    """Run a study.

    Args:
        hydra_context: carries the config loader and the callbacks.
        task_function: the user's function: takes a job's config and returns the objective's value.
        config: what Hydra composed for the sweep, with its `hydra` node.
        arguments: the overrides of the command line that are not Hydra's own.

    Returns:
        What `optimization_results.yaml` holds.

    Raises:
        QGTuneError: with every mistake in the input, before any trial starts; or when the study was given up.
        SystemExit: with code 130 after Ctrl-C, 143 after SIGTERM, once the results are written.
    """
    setup_globals()
    register_resolvers()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    held_nodes.give_back(config)
    plan = make_plan(hydra_context, config, arguments)
    if plan.settings.dry_run:
        from qgtune.sweep.preview import show

        show(plan)
        return {}
    return _Sweep(hydra_context, Task(task_function), masked(config), plan).run()


@dataclass(slots=True)
class _Sweep:
    hydra_context: HydraContext
    task: Task
    config: DictConfig
    plan: Plan
    interrupts: Interrupts = field(default_factory=Interrupts)

    def run(self) -> dict[str, Any]:
        _check_folder(self.plan)
        spec = self.plan.spec
        session = open_session(spec, self.plan.limits, samples=False)
        limits = replace(self.plan.limits, n_before=len(session.study.get_trials(deepcopy=False)))
        self.plan, session.limits = replace(self.plan, limits=limits), limits
        notices = [*_changes(session, self.plan.composition), *self.plan.composition.warnings]
        with session.alive(), registered(session, self.plan.fixed) as changes:
            for notice in notices:
                log.warning(notice)
            for change in changes:
                log.warning("Not sampled, and changed since this study's last sweep: %s.", change)
            gave_up, results = self._run(session)
        if self.interrupts.received is not None:
            folder = shlex.quote(short_path(self.plan.folder))
            log.warning("Interrupted.%s", f" To go on:  qgtune resume {folder}" if spec.storage else "")
            sys.exit(self.interrupts.exit_code)
        if gave_up := gave_up or none_completed(session):
            raise QGTuneError(gave_up)
        return results

    def _run(self, session: Session) -> tuple[str, dict[str, Any]]:
        """Run the workers to the end and write the results; return why the study was given up, and the results."""
        self.plan.folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, self.plan.folder / "multirun.yaml")
        Invocation.current().write(self.plan.folder, self.plan.settings.storage)
        _greet(session, self.plan)
        _enqueue(session, self.plan)
        guests = Guests(session, self.hydra_context, self.config, self.interrupts)
        with self.interrupts.installed():
            attended = guests.attended() if self._is_elsewhere else nullcontext()
            with self._progress(session) as relay, attended:
                launch = functools.partial(self._launch, session, guests, relay)
                gave_up = Rounds(session, self.plan.settings.n_jobs, launch, self.interrupts).run()
            outputs = Outputs(self.plan.folder, self.plan.settings, self.plan.composition, self.plan.spec)
            return gave_up, outputs.write(session)

    def _progress(self, session: Session) -> AbstractContextManager[Relay | None]:
        """Show the progress, unless there is nothing to wait for."""
        if isinstance(session.refresh().next(session.limits, session.clock()), Stop):
            return nullcontext()
        settings = self.plan.settings
        watched = Watched(session, settings.n_jobs)
        return progress(watched, settings.progress, self.interrupts, in_process=self._is_in_process)

    @property
    def _target(self) -> str:
        return str(self.config.hydra.launcher.get("_target_"))

    @property
    def _is_in_process(self) -> bool:
        return self._target == BASIC and self.plan.settings.n_jobs == 1

    @property
    def _is_elsewhere(self) -> bool:
        return self._target not in (BASIC, PROCESSES)

    def _launch(
        self, session: Session, guests: Guests, relay: Relay | None, n_workers: int, supervisor: Supervisor
    ) -> None:
        settings = self.plan.settings
        worker = Worker(
            self.task,
            self.plan.composition,
            self.plan.spec,
            self.plan.limits,
            self.hydra_context,
            self.plan.folder.absolute(),
            None if settings.built_search_space_path is None else Path(settings.built_search_space_path).absolute(),
            settings.trials_per_worker,
            interrupts=self.interrupts,
        )
        if self._is_in_process:
            worker.storage, worker.n_most = session.storage, None
            worker()
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        elif self._is_elsewhere:
            guests.launch(worker, n_workers, supervisor)
        else:
            if self._target == BASIC:
                log.info("Hydra's basic launcher runs one job at a time: %d worker processes are used.", n_workers)
            launch_workers(worker, self.config, n_workers, self.plan.slots, supervisor, relay)


def _check_folder(plan: Plan) -> None:
    """Refuse to write a new study's jobs over another's: folders are named by trial numbers, which start at 0 again."""
    jobs = (path for pattern in ("*/.hydra", f"{RECORDS}/*") for path in plan.folder.glob(pattern))
    if not any(jobs) or (plan.spec.storage is not None and study_exists(plan.spec)):
        return
    raise QGTuneError(
        f"Cannot start study {plan.spec.name!r} in {short_path(plan.folder)}: the folder holds another study's jobs. "
        "Give another hydra.sweep.dir, or the study_name and storage of that study."
    )


def _changes(session: Session, composition: Composition) -> list[str]:
    return check_space_unchanged(session.study, composition.hyperparameters, is_open=composition.custom is not None)


def _enqueue(session: Session, plan: Plan) -> None:
    is_new = not session.study.get_trials(deepcopy=False)
    if session.enqueue(plan.points.given, plan.points.base):
        log.info("Trial 0 runs the base settings.")
    elif is_new and plan.points.outside:
        log.warning("The base settings are not run first: %s.", "; ".join(plan.points.outside))


def _greet(session: Session, plan: Plan) -> None:
    there = session.refresh()
    n = len(plan.composition.hyperparameters)
    if there.finished >= plan.limits.n_trials:
        log.info(
            "Study %r is finished: %d of %d trials. Raise hydra.sweeper.n_trials to go on.",
            plan.spec.name,
            there.finished,
            plan.limits.n_trials,
        )
    elif there.finished:
        log.info(
            "Study %r goes on: %d of %d trials are there.",
            plan.spec.name,
            there.finished,
            plan.limits.n_trials,
        )
    else:
        log.info("Study %r: %d trials over %d hyperparameters.", plan.spec.name, plan.limits.n_trials, n)
