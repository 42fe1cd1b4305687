"""What a sweep is going to do: every check of what it was given, before anything is changed."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import optuna

from qgtune.errors import QGTuneError
from qgtune.processes.function import refuse_unguarded_script
from qgtune.processes.slots import Machine, Slots, read_slots
from qgtune.space.paths import parse_path
from qgtune.study.algorithms.conditional import for_conditions, refuse_grid
from qgtune.study.algorithms.factory import build_pruner, build_sampler
from qgtune.study.algorithms.grid import BRUTE_FORCE, GRID, with_grid
from qgtune.study.attempts.ledger import Limits
from qgtune.study.attempts.overdue import refuse_in_process
from qgtune.study.fixed_settings import FixedSettings
from qgtune.study.spec import StudySpec
from qgtune.study.storages.addresses import hidden
from qgtune.study.storages.opening import check_storage, is_memory, located
from qgtune.sweep.compose.composition import Composition, compose
from qgtune.sweep.features.first_trials import Points, read_points
from qgtune.sweep.knowledge import read_knowledge
from qgtune.sweep.rehearsal import rehearse
from qgtune.sweep.settings import Settings, read_settings
from qgtune.sweep.workers.launching import plain, start_workers_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hydra.types import HydraContext
    from omegaconf import DictConfig

    from qgtune.study.attempts.promotion import Fidelity
    from qgtune.study.storages.addresses import Storage

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
        fixed: what is not sampled.
    """

    settings: Settings
    composition: Composition
    folder: Path
    spec: StudySpec
    limits: Limits
    points: Points
    slots: Slots
    fixed: FixedSettings


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

    slots = attempt(lambda: read_slots(_own_keys(config), settings.n_jobs, Machine.here()))
    target = config.hydra.launcher.get("_target_")
    if target == PROCESSES or (target == BASIC and settings.n_jobs > 1):
        attempt(refuse_unguarded_script)
        if slots is not None and not problems and not settings.dry_run:
            start_workers_server(slots)
    loader = hydra_context.config_loader
    composition = attempt(lambda: compose(loader, config, arguments, settings))
    storage = attempt(lambda: _storage(settings, config))
    attempt(lambda: _check_constraints(settings))
    bounded = attempt(lambda: _bounded(settings, composition))
    attempt(lambda: build_pruner(settings.pruner))
    if target == BASIC and settings.n_jobs == 1:
        way_out = "Take hydra/launcher=qgtune, or hydra.sweeper.n_jobs=2."
        attempt(lambda: refuse_in_process(settings.trial_timeout, settings.stall_timeout, way_out))
    if composition is not None and not composition.hyperparameters and composition.custom is None:
        problems.append(
            "Cannot start a sweep: there is nothing to tune. Give hydra.sweeper.search_space, or a range such as "
            "'training.lr=interval(1e-4,1e-1)'."
        )
    if composition is not None and settings.fidelity is not None:
        attempt(lambda: _check_fidelity(settings.fidelity, composition))
    points = None if composition is None else attempt(lambda: read_points(settings, composition))
    folder = Path(config.hydra.runtime.cwd, str(config.hydra.sweep.dir))
    if composition is not None and bounded is not None and not problems:
        attempt(lambda: rehearse(composition, bounded, folder))
    if problems or composition is None or bounded is None or points is None or slots is None:
        raise QGTuneError(*problems)
    values = hidden(composition.fixed_values(), storage)
    fixed = FixedSettings.of(values, _project(config))
    spec, limits = _study(bounded, storage, folder, fixed.digest)
    spec = replace(spec, knowledge=read_knowledge(bounded, composition, fixed))
    return Plan(bounded, composition, folder, spec, limits, points, slots, fixed)


def _check_fidelity(fidelity: Fidelity | None, composition: Composition) -> None:
    path = "" if fidelity is None else fidelity.path
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


def _project(config: DictConfig) -> Path:
    """Return the folder of the app: that of its script, or else the one that the command was run in."""
    main = getattr(sys.modules["__main__"], "__file__", None)
    return Path(config.hydra.runtime.cwd) if main is None else Path(main).absolute().parent


def _own_keys(config: DictConfig) -> dict[str, Any]:
    """Return the keys of our launcher; empty under another one."""
    launcher = config.hydra.launcher
    return plain(launcher) if launcher.get("_target_") == PROCESSES else {}


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
        n_first=settings.n_jobs + 2,
        deadline_s=None if settings.timeout is None else time.time() + settings.timeout,
        stop_at=settings.stop_at,
        stop_after_no_improvement=settings.stop_after_no_improvement,
        trial_timeout_s=settings.trial_timeout,
        stall_timeout_s=settings.stall_timeout,
        timeout_grace_s=settings.timeout_grace,
        fidelity=settings.fidelity,
    )
    return spec, limits


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
