"""How a sweep runs: check everything, open the study, launch workers, write the results."""

from __future__ import annotations

import functools
import logging
import shlex
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hydra.core.utils import configure_log, setup_globals
from omegaconf import DictConfig, OmegaConf

from qgtune.errors import QGTuneError
from qgtune.results.files import short_path
from qgtune.results.record import Command
from qgtune.space.resolvers import register_resolvers
from qgtune.study.compatibility import check_space_unchanged
from qgtune.study.factory import build_pruner, build_sampler
from qgtune.study.grid import GRID, with_grid
from qgtune.study.ledger import Limits, Stop
from qgtune.study.session import Session, StudySpec, open_session, study_exists
from qgtune.study.storages import check_storage, is_memory, located
from qgtune.sweep import raw
from qgtune.sweep.arguments import parse_arguments
from qgtune.sweep.composer import Composition, compose
from qgtune.sweep.guests import Guests
from qgtune.sweep.interrupts import Interrupts
from qgtune.sweep.launching import launch_workers, plain
from qgtune.sweep.masking import masked
from qgtune.sweep.outputs import Outputs
from qgtune.sweep.points import Points, read_points
from qgtune.sweep.progress import Watched, progress
from qgtune.sweep.rehearsal import rehearse
from qgtune.sweep.rounds import Rounds, none_completed
from qgtune.sweep.settings import Settings, read_settings
from qgtune.sweep.slots import Machine, Slots, read_slots
from qgtune.sweep.task import Task
from qgtune.sweep.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from hydra.types import HydraContext, TaskFunction

    from qgtune.study.addresses import Storage
    from qgtune.sweep.supervisor import Supervisor
    from qgtune.sweep.terminals import Relay

log = logging.getLogger("qgtune")
T = TypeVar("T")

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
PROCESSES = "hydra_plugins.qgtune_launcher.launcher.QGTuneLauncher"


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep that passed every check.

    Attributes:
        settings: the keys of `hydra.sweeper`.
        composition: where the trials' values and configs come from.
        folder: the sweep folder.
        spec: the study.
        limits: when it ends.
        points: what is to run before anything is sampled.
        slots: what each worker process of our launcher gets.
    """

    settings: Settings
    composition: Composition
    folder: Path
    spec: StudySpec
    limits: Limits
    points: Points
    slots: Slots


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
    raw.give_back(config)
    plan = make_plan(hydra_context, config, arguments)
    if plan.settings.dry_run:
        from qgtune.sweep.preview import show

        show(plan)
        return {}
    return _Sweep(hydra_context, Task(task_function), masked(config), plan).run()


def make_plan(hydra_context: HydraContext, config: DictConfig, arguments: Sequence[str]) -> Plan:
    """Check everything that a sweep was given, and change nothing.

    Raises:
        QGTuneError: with all problems.
    """
    settings = read_settings(config)
    problems: list[str] = []

    def attempt(check: Callable[[], T]) -> T | None:
        try:
            return check()
        except QGTuneError as error:
            problems.extend(error.problems)
            return None

    loader = hydra_context.config_loader
    composition = attempt(
        lambda: compose(loader, config, parse_arguments(arguments, settings.params, loader), settings)
    )
    storage = attempt(lambda: _storage(settings, config))
    bounded = attempt(lambda: _bounded(settings, composition))
    slots = attempt(lambda: read_slots(_own_keys(config), settings.n_jobs, Machine.here()))
    attempt(lambda: build_pruner(settings.pruner))
    if composition is not None and not composition.hyperparameters:
        problems.append(
            "Cannot start a sweep: there is nothing to tune. Give hydra.sweeper.search_space, or a range such as "
            "'training.lr=interval(1e-4,1e-1)'."
        )
    points = None if composition is None else attempt(lambda: read_points(settings, composition))
    attempt(lambda: None if composition is None else rehearse(composition))
    if problems or composition is None or bounded is None or points is None or slots is None:
        raise QGTuneError(*problems)
    return Plan(bounded, composition, *_study(bounded, storage, config), points, slots)


def _own_keys(config: DictConfig) -> dict[str, Any]:
    """Return the keys of our launcher; empty under another one."""
    launcher = config.hydra.launcher
    return plain(launcher) if launcher.get("_target_") == PROCESSES else {}


def _bounded(settings: Settings, composition: Composition | None) -> Settings:
    """Give a sampler that counts its points the space, and check that it can be built."""
    found = {} if composition is None else composition.hyperparameters
    distributions = {path: hyperparameter.distribution for path, hyperparameter in found.items()}
    sampler, n_trials = settings.sampler, settings.n_trials
    if distributions:
        sampler, n_trials = with_grid(sampler, distributions, n_trials, settings.seed, len(settings.enqueue))
    if distributions or (sampler or {}).get("_target_") != GRID:
        build_sampler(sampler, settings.seed)
    return replace(settings, sampler=sampler, n_trials=n_trials)


def _study(settings: Settings, storage: Storage, config: DictConfig) -> tuple[Path, StudySpec, Limits]:
    folder = Path(config.hydra.runtime.cwd, str(config.hydra.sweep.dir))
    spec = StudySpec(settings.study_name, storage, settings.direction, settings.sampler, settings.pruner, settings.seed)
    limits = Limits(
        settings.n_trials,
        settings.max_retries,
        settings.retry_exceptions,
        settings.max_failure_rate,
        n_first=settings.n_jobs + 2,
        deadline_s=None if settings.timeout is None else time.time() + settings.timeout,
        maximize=settings.direction.directions[0] == "maximize",
        stop_at=settings.stop_at,
        stop_after_no_improvement=settings.stop_after_no_improvement,
    )
    return folder, spec, limits


def _storage(settings: Settings, config: DictConfig) -> Storage:
    storage = settings.storage
    if is_memory(storage) and (settings.n_jobs > 1 or config.hydra.launcher.get("_target_") != BASIC):
        if storage is not None:
            raise QGTuneError(
                "Cannot share a study in memory with workers in other processes. Give hydra.sweeper.storage a file, or "
                "set hydra.sweeper.n_jobs=1 with hydra/launcher=basic."
            )
        storage = str(Path(str(config.hydra.sweep.dir), "study.log"))
        log.info("Workers in other processes cannot share memory: the study is kept in %s.", storage)
    if storage is None or is_memory(storage):
        return None
    storage = located(storage, config.hydra.runtime.cwd)
    check_storage(storage)
    return storage


@dataclass(slots=True)
class _Sweep:
    hydra_context: HydraContext
    task: Task
    config: DictConfig
    plan: Plan
    interrupts: Interrupts = field(default_factory=Interrupts)

    def run(self) -> dict[str, Any]:
        _check_folder(self.plan)
        session = open_session(self.plan.spec, self.plan.limits, samples=False)
        limits = replace(self.plan.limits, n_before=len(session.study.get_trials(deepcopy=False)))
        self.plan, session.limits = replace(self.plan, limits=limits), limits
        for notice in (*_changes(session, self.plan.composition), *self.plan.composition.warnings):
            log.warning(notice)
        self.plan.folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, self.plan.folder / "multirun.yaml")
        Command.current().write(self.plan.folder)
        _greet(session, self.plan)
        _enqueue(session, self.plan)
        guests = Guests(session, self.hydra_context, self.config, self.interrupts)
        with self.interrupts.installed():
            attended = guests.attended() if self._is_elsewhere else nullcontext()
            with self._progress(session) as relay, attended:
                launch = functools.partial(self._launch, session, guests, relay)
                gave_up = Rounds(session, self.plan.settings.n_jobs, launch, self.interrupts).run()
            results = Outputs(self.plan.folder, self.plan.settings, self.plan.composition, self.plan.spec).write(
                session
            )
        if self.interrupts.received is not None:
            folder = shlex.quote(short_path(self.plan.folder))
            log.warning("Interrupted.%s", f" To go on:  qgtune resume {folder}" if self.plan.spec.storage else "")
            sys.exit(self.interrupts.exit_code)
        if gave_up := gave_up or none_completed(session):
            raise QGTuneError(gave_up)
        return results

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
    if plan.spec.storage is None or not any(plan.folder.glob("*/.hydra")) or study_exists(plan.spec):
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
