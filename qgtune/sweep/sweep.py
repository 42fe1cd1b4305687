"""How a sweep runs: check everything, open the study, launch workers, write the results."""

from __future__ import annotations

import functools
import logging
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hydra.core.utils import configure_log, setup_globals
from omegaconf import DictConfig, OmegaConf

from qgtune.errors import QGTuneError
from qgtune.space.resolvers import register_resolvers
from qgtune.study.compatibility import check_space_unchanged
from qgtune.study.factory import build_pruner, build_sampler
from qgtune.study.grid import GRID, with_grid
from qgtune.study.ledger import Limits
from qgtune.study.session import Session, StudySpec, open_session, study_exists
from qgtune.study.storages import check_journal_path, is_memory
from qgtune.sweep import raw
from qgtune.sweep.arguments import parse_arguments
from qgtune.sweep.composer import Composition, compose
from qgtune.sweep.guests import Guests
from qgtune.sweep.interrupts import Interrupts
from qgtune.sweep.launching import launch_workers, plain
from qgtune.sweep.outputs import Outputs, short_path
from qgtune.sweep.rounds import Rounds, none_completed
from qgtune.sweep.settings import Settings, read_settings
from qgtune.sweep.slots import Machine, Slots, read_slots
from qgtune.sweep.task import Task
from qgtune.sweep.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hydra.types import HydraContext, TaskFunction

    from qgtune.sweep.supervisor import Supervisor

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
        slots: what each worker process of our launcher gets.
    """

    settings: Settings
    composition: Composition
    folder: Path
    spec: StudySpec
    limits: Limits
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
    return _Sweep(hydra_context, Task(task_function), config, plan).run()


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
    if problems or composition is None or bounded is None or slots is None:
        raise QGTuneError(*problems)
    return _plan(bounded, composition, storage, config, slots)


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
        sampler, n_trials = with_grid(sampler, distributions, n_trials, settings.seed)
    if distributions or (sampler or {}).get("_target_") != GRID:
        build_sampler(sampler, settings.seed)
    return replace(settings, sampler=sampler, n_trials=n_trials)


def _plan(settings: Settings, composition: Composition, storage: str | None, config: DictConfig, slots: Slots) -> Plan:
    folder = Path(config.hydra.runtime.cwd, str(config.hydra.sweep.dir))
    spec = StudySpec(settings.study_name, storage, settings.direction, settings.sampler, settings.pruner, settings.seed)
    limits = Limits(
        settings.n_trials,
        settings.max_retries,
        settings.retry_exceptions,
        settings.max_failure_rate,
        n_first=settings.n_jobs + 2,
        deadline_s=None if settings.timeout is None else time.time() + settings.timeout,
        maximize=settings.direction[0] == "maximize",
        stop_at=settings.stop_at,
        stop_after_no_improvement=settings.stop_after_no_improvement,
    )
    return Plan(settings, composition, folder, spec, limits, slots)


def _storage(settings: Settings, config: DictConfig) -> str | None:
    if settings.storage is None or is_memory(settings.storage):
        if settings.n_jobs > 1 or config.hydra.launcher.get("_target_") != BASIC:
            raise QGTuneError(
                "Cannot share a study in memory with workers in other processes. Give hydra.sweeper.storage a file, or "
                "set hydra.sweeper.n_jobs=1 with hydra/launcher=basic."
            )
        return None
    path = settings.storage if "://" in settings.storage else str(Path(config.hydra.runtime.cwd, settings.storage))
    check_journal_path(path)
    return path


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
        for notice in check_space_unchanged(session.study, self.plan.composition.hyperparameters):
            log.warning(notice)
        for notice in self._notices():
            log.warning(notice)
        self.plan.folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, self.plan.folder / "multirun.yaml")
        _greet(session, self.plan)
        guests = Guests(session, self.hydra_context, self.config, self.interrupts)
        with self.interrupts.installed():
            launch = functools.partial(self._launch, session, guests)
            with guests.attended() if self._is_elsewhere else nullcontext():
                gave_up = Rounds(session, self.plan.settings.n_jobs, launch, self.interrupts).run()
            results = Outputs(self.plan.folder, self.plan.settings, self.plan.composition, self.plan.spec).write(
                session
            )
        if self.interrupts.received is not None:
            folder = short_path(self.plan.folder)
            log.warning("Interrupted. The same command with hydra.sweep.dir=%s goes on.", folder)
            sys.exit(self.interrupts.exit_code)
        if gave_up := gave_up or none_completed(session):
            raise QGTuneError(gave_up)
        return results

    @property
    def _is_elsewhere(self) -> bool:
        return self.config.hydra.launcher.get("_target_") not in (BASIC, PROCESSES)

    def _notices(self) -> list[str]:
        found: dict[str, None] = {}
        for combination in self.plan.composition.combinations.values():
            found.update(dict.fromkeys(combination.space.notices))
        return list(found)

    def _launch(self, session: Session, guests: Guests, n_workers: int, supervisor: Supervisor) -> None:
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
        target = str(self.config.hydra.launcher.get("_target_"))
        if target == BASIC and settings.n_jobs == 1:
            worker.storage, worker.n_most = session.storage, None
            worker()
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        elif self._is_elsewhere:
            guests.launch(worker, n_workers, supervisor)
        else:
            if target == BASIC:
                log.info("Hydra's basic launcher runs one job at a time: %d worker processes are used.", n_workers)
            launch_workers(worker, self.config, n_workers, self.plan.slots, supervisor)


def _check_folder(plan: Plan) -> None:
    """Refuse to write a new study's jobs over another's: folders are named by trial numbers, which start at 0 again."""
    if plan.spec.storage is None or not any(plan.folder.glob("*/.hydra")) or study_exists(plan.spec):
        return
    raise QGTuneError(
        f"Cannot start study {plan.spec.name!r} in {short_path(plan.folder)}: the folder holds another study's jobs. "
        "Give another hydra.sweep.dir, or the study_name and storage of that study."
    )


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
