"""What a sweep is going to do: every check of what it was given, before anything is changed."""

from __future__ import annotations

import functools
import logging
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import optuna

from qgtune.errors import QGTuneError
from qgtune.processes.function import refuse_unguarded_script
from qgtune.processes.project.code import LoadedCode, project_of
from qgtune.processes.project.copy import check_copy
from qgtune.processes.slots import Machine, Slots, read_slots
from qgtune.space.paths import parse_path
from qgtune.study.algorithms.conditional import for_conditions, refuse_grid
from qgtune.study.algorithms.factory import build_pruner, build_sampler
from qgtune.study.algorithms.grid import BRUTE_FORCE, GRID, with_grid
from qgtune.study.attempts.limits import Limits
from qgtune.study.attempts.overdue import refuse_in_process
from qgtune.study.fixed_settings import FixedSettings
from qgtune.study.spec import StudySpec
from qgtune.study.storages.addresses import hidden
from qgtune.study.storages.opening import check_storage, is_memory, located
from qgtune.sweep.compose.composition import Composition, compose
from qgtune.sweep.features.first_trials import Points, read_points
from qgtune.sweep.features.hooks import Hooks, hooks_of
from qgtune.sweep.knowledge import read_knowledge
from qgtune.sweep.reading import read_settings
from qgtune.sweep.rehearsal import rehearse
from qgtune.sweep.repeating import check_repeats
from qgtune.sweep.workers.ahead import launcher_keys, site_of, start_workers_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hydra.types import HydraContext
    from omegaconf import DictConfig

    from qgtune.study.storages.addresses import Storage
    from qgtune.sweep.settings import Settings
    from qgtune.sweep.workers.ahead import Site

log = logging.getLogger("qgtune")
T = TypeVar("T")


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
        site: where the workers run.
        slots: what each worker process of our launcher gets.
        fixed: what is not sampled.
        project: the folder of the app's code.
        hooks: what is told of the sweep and its trials; None for none.
    """

    settings: Settings
    composition: Composition
    folder: Path
    spec: StudySpec
    limits: Limits
    points: Points
    site: Site
    slots: Slots
    fixed: FixedSettings
    project: Path
    hooks: Hooks | None


def make_plan(hydra_context: HydraContext, config: DictConfig, arguments: Sequence[str], *, stays: bool = True) -> Plan:
    """Check everything that a sweep was given, and change nothing.

    Args:
        hydra_context: carries the config loader.
        config: what Hydra composed for the sweep.
        arguments: the overrides of the command line that are not Hydra's own.
        stays: whether workers will write where this process writes now: what they are forked from may start then.

    Raises:
        QGTuneError: with all problems.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # its lines at INFO are about studies that only try things
    settings = read_settings(config)
    problems: list[str] = []

    def attempt(check: Callable[[], T]) -> T | None:
        try:
            return check()
        except QGTuneError as error:
            problems.extend(error.problems)
            return None

    slots = attempt(lambda: read_slots(launcher_keys(config), settings.n_jobs, Machine.here()))
    site = site_of(config, settings.n_jobs)
    if site == "processes":
        attempt(refuse_unguarded_script)
        # On a copy of the code, the server has to import the copy, which nobody has made yet.
        is_ready = stays and settings.freeze_code != "copy"
        if slots is not None and not problems and not settings.dry_run and is_ready:
            start_workers_server(slots)
    loader = hydra_context.config_loader
    composition = attempt(lambda: compose(loader, config, arguments, settings))
    storage = attempt(lambda: _storage(settings, config, site))
    attempt(lambda: _check_constraints(settings))
    attempt(lambda: _check_epochs(settings))
    bounded = attempt(lambda: _bounded(settings, composition))
    attempt(lambda: build_pruner(settings.pruner))
    attempt(lambda: _check_gpu_hours(settings, site, slots))
    if site == "here":
        way_out = "Take hydra/launcher=qgtune, or hydra.sweeper.n_jobs=2."
        attempt(lambda: refuse_in_process(settings.trial_timeout, settings.stall_timeout, way_out))
    project = _project(config)
    attempt(lambda: _check_copy(settings, project, site, config))
    for check in (_check_tuned, _check_fidelity, check_repeats):
        if composition is not None:
            attempt(functools.partial(check, settings, composition))
    points = None if composition is None else attempt(lambda: read_points(settings, composition))
    folder = Path(config.hydra.runtime.cwd, str(config.hydra.sweep.dir))
    hooks = attempt(lambda: hooks_of(settings, composition, folder.absolute(), hydra_context))
    if composition is not None and bounded is not None and not problems:
        attempt(lambda: rehearse(composition, bounded, folder))
    if problems or composition is None or bounded is None or points is None or slots is None:
        raise QGTuneError(*problems)
    final = replace(bounded, n_trials=len(points.given)) if settings.points else bounded
    values = hidden(composition.fixed_values(), storage)
    fixed = FixedSettings.of(values, LoadedCode(project).digests())
    spec, limits = _study(final, storage, folder, fixed.digest)
    spec = replace(spec, knowledge=read_knowledge(final, composition, fixed))
    return Plan(final, composition, folder, spec, limits, points, site, slots, fixed, project, hooks)


def _check_tuned(_settings: Settings, composition: Composition) -> None:
    if not composition.hyperparameters and composition.custom is None:
        raise QGTuneError(
            "Cannot start a sweep: there is nothing to tune. Give hydra.sweeper.search_space, or a range such as "
            "'training.lr=interval(1e-4,1e-1)'."
        )


def _check_fidelity(settings: Settings, composition: Composition) -> None:
    path = "" if settings.fidelity is None else settings.fidelity.path
    if path in composition.hyperparameters:
        raise QGTuneError(
            f"Cannot use hydra.sweeper.fidelity.path={path}: it is tuned. Take it out of the search space."
        )
    if path and not any(found.may_have(parse_path(path)) for found in composition.combinations.values()):
        raise QGTuneError(f"Cannot use hydra.sweeper.fidelity.path={path}: the config has no such path.")


def _check_constraints(settings: Settings) -> None:
    if settings.oom == "infeasible" and not hasattr(optuna.Trial, "set_constraint"):
        raise QGTuneError(
            f"Cannot use oom=infeasible: Optuna {optuna.__version__} has no constraints. Install optuna>=5."
        )


def _check_epochs(settings: Settings) -> None:
    if settings.budget is not None and settings.budget.epochs is not None and len(settings.direction) > 1:
        raise QGTuneError("Cannot keep budget.epochs: trials of several objectives report no steps. Give trials.")


def _check_gpu_hours(settings: Settings, site: Site, slots: Slots | None) -> None:
    """Refuse a budget of GPU hours where nobody knows which GPUs are whose."""
    if settings.budget is None or settings.budget.gpu_hours is None:
        return
    if site == "here" and not Machine.here().gpus():
        raise QGTuneError("Cannot keep budget.gpu_hours: no GPU is seen. Give worker_hours.")
    if site == "processes" and slots is not None and slots.gpus is None:
        raise QGTuneError(
            "Cannot keep budget.gpu_hours: no worker has a GPU of its own. Give hydra/launcher=qgtune "
            "hydra.launcher.gpus=auto, or worker_hours."
        )


def _project(config: DictConfig) -> Path:
    main = getattr(sys.modules["__main__"], "__file__", None)
    return project_of(None if main is None else Path(main), Path(config.hydra.runtime.cwd))


def _check_copy(settings: Settings, project: Path, site: Site, config: DictConfig) -> None:
    """Refuse to run on a copy of the code where workers would not import it."""
    if settings.freeze_code != "copy":
        return
    way_out = "Take hydra/launcher=qgtune, or hydra.sweeper.freeze_code=warn."
    if site == "here":
        raise QGTuneError(
            "Cannot run on a copy of the code: the one worker is the sweep's own process, which has loaded it "
            f"already. {way_out}"
        )
    if site == "elsewhere":
        target = config.hydra.launcher.get("_target_")
        raise QGTuneError(f"Cannot run on a copy of the code: {target} starts processes in its own way. {way_out}")
    check_copy(project.resolve())


def _bounded(settings: Settings, composition: Composition | None) -> Settings:
    """Give a sampler that counts its points the space, and check that it can be built."""
    found = {} if composition is None else composition.hyperparameters
    distributions = {path: hyperparameter.distribution for path, hyperparameter in found.items()}
    sampler, n_trials = settings.sampler, settings.n_trials
    n_points = None
    if settings.where:
        refuse_grid(sampler, "hydra.sweeper.where excludes some of its points")
    if composition is not None and composition.is_conditional:
        sampler, said = for_conditions(sampler)
        if said:
            log.warning("%s", said)
    if composition is not None and (composition.is_conditional or settings.where):
        n_points = composition.n_points() if (sampler or {}).get("_target_") == BRUTE_FORCE else None
    if distributions:
        n_enqueued = len(settings.enqueue)
        sampler, n_trials = with_grid(sampler, distributions, n_trials, settings.seed, n_enqueued, n_points)
    if distributions or (sampler or {}).get("_target_") != GRID:
        build_sampler(sampler, settings.seed)
    return replace(settings, sampler=sampler, n_trials=n_trials)


def _study(settings: Settings, storage: Storage, folder: Path, digest: str) -> tuple[StudySpec, Limits]:
    spec = StudySpec(
        settings.study_name,
        storage,
        settings.direction,
        settings.sampler,
        settings.pruner,
        settings.seed,
        digest,
        str(folder),
    )
    limits = Limits(
        settings.n_trials,
        settings.max_retries,
        settings.retry_exceptions,
        settings.max_failure_rate,
        n_first=settings.n_trials if settings.points else settings.n_jobs + 2,  # of given points some may never run
        deadline_s=None if settings.timeout is None else time.time() + settings.timeout,
        stop_at=settings.stop_at,
        stop_after_no_improvement=settings.stop_after_no_improvement,
        trial_timeout_s=settings.trial_timeout,
        stall_timeout_s=settings.stall_timeout,
        timeout_grace_s=settings.timeout_grace,
        fidelity=settings.fidelity,
        repeats=settings.repeats,
        budget=settings.budget,
    )
    return spec, limits


def _storage(settings: Settings, config: DictConfig, site: Site) -> Storage:
    storage = settings.storage
    if is_memory(storage) and site != "here":
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
