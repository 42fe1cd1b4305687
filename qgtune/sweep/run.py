"""How a sweep runs: check everything, open the study, launch workers, write the results."""

from __future__ import annotations

import functools
import logging
import os
import shlex
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import configure_log, setup_globals
from hydra.plugins.config_source import ConfigLoadError

from qgtune.errors import QGTuneError
from qgtune.files import check_writable, short_path
from qgtune.processes.function import UserFunction
from qgtune.processes.interrupts import Interrupts, exits_at_signals
from qgtune.processes.project.copy import CopiedCode
from qgtune.processes.ranks import refuse_ranks, trial_of_this_rank
from qgtune.progress.relay.followed import TrialOutput
from qgtune.progress.show import progress
from qgtune.progress.watched import Watched
from qgtune.results.best import summary
from qgtune.results.invocation import own_command
from qgtune.results.recorded import FOLDER as RECORDS
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.editing import plain
from qgtune.space.paths import all_paths
from qgtune.study.attempts.control import Control, steer
from qgtune.study.attempts.limits import Stop
from qgtune.study.attempts.submission import Submission, forget_submission
from qgtune.study.compatibility import check_space_unchanged
from qgtune.study.fixed_settings import Workers, registered, runs_now
from qgtune.study.lifecycle import closing
from qgtune.study.opening import open_session, study_exists
from qgtune.study.storages.exclusive import exclusively
from qgtune.study.storages.opening import is_memory
from qgtune.sweep.away import Left, Wanted, refuse_unfinished, submission_of, to_background, unfinished
from qgtune.sweep.compose.masking import masked
from qgtune.sweep.crew import Crew, none_completed, verdict
from qgtune.sweep.features.checkpoints import CheckpointFolders
from qgtune.sweep.features.first_trials import FirstTrials
from qgtune.sweep.features.greeting import Greeting
from qgtune.sweep.features.kept_command import KeptCommand
from qgtune.sweep.features.provenance import Provenance
from qgtune.sweep.features.result_files import ResultFiles
from qgtune.sweep.features.trial_facts import KeptTrialFacts
from qgtune.sweep.features.trial_lines import TrialLines
from qgtune.sweep.hydra import sweeper_node
from qgtune.sweep.plan import Plan, make_plan
from qgtune.sweep.repeating import settle_repeats
from qgtune.sweep.workers.ahead import BASIC
from qgtune.sweep.workers.deaf import ends_when_deaf
from qgtune.sweep.workers.elsewhere import OtherLauncher
from qgtune.sweep.workers.launching import launch_workers
from qgtune.sweep.workers.rank import run_rank
from qgtune.sweep.workers.unwaited_private import LAUNCHERS
from qgtune.sweep.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from qgtune.progress.relay.terminals import Relay
    from qgtune.study.session import Session
    from qgtune.sweep.compose.composition import Composition
    from qgtune.sweep.features.hooks import Hooks
    from qgtune.sweep.supervisor import Supervisor

log = logging.getLogger("qgtune")


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
    wanted = Wanted.taken()
    setup_globals()
    register_resolvers()
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    sweeper_node.put_back(config)
    if (trial := trial_of_this_rank()) is not None:
        run_rank(trial, hydra_context, task_function, config)
        return {}
    refuse_ranks()
    with exits_at_signals():
        return _run_sweep(hydra_context, task_function, config, arguments, wanted)


def _run_sweep(
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    arguments: Sequence[str],
    wanted: Wanted,
) -> dict[str, Any]:
    plan = make_plan(hydra_context, config, arguments, stays=wanted.stays)
    if plan.settings.dry_run:
        from qgtune.sweep.preview import show

        show(plan)
        return {}
    try:
        return _Sweep(hydra_context, UserFunction(task_function), masked(config), plan, wanted).run()
    except OSError as error:
        folder = short_path(plan.folder)
        raise QGTuneError(
            f"Cannot run the sweep in {folder!r}: {error}. Make room there, or give another hydra.sweep.dir; what is "
            "finished is kept."
        ) from error


@dataclass
class _Sweep:
    hydra_context: HydraContext
    task: UserFunction
    config: DictConfig
    plan: Plan
    wanted: Wanted
    interrupts: Interrupts = field(default_factory=Interrupts)
    started_s: float = field(default_factory=time.time)
    _is_left: bool = False

    def run(self) -> dict[str, Any]:
        _check_folder(self.plan)
        check_writable({"hydra.sweep.dir": self.plan.folder / "multirun.yaml"})
        self.results.check()
        if self.wanted.collect:
            return self._collect()
        spec = self.plan.spec
        if self.wanted.note is not None and is_memory(spec.storage):
            raise QGTuneError("Cannot leave a study in memory: nobody would see it. Give hydra.sweeper.storage a file.")
        session = open_session(spec, self.plan.limits, samples=False)
        exclusively(session.storage, lambda: settle_repeats(session))
        with closing(session):
            return self._run_to_end(session)

    def _run_to_end(self, session: Session) -> dict[str, Any]:
        """Run the study to its end.

        Raises:
            QGTuneError: when it was given up.
            SystemExit: when it was interrupted.
        """
        spec = self.plan.spec
        session.forget_failures()
        if self.wanted.note is None:
            forget_submission(session.study)
        if not runs_now(session):
            steer(session.study, lambda _before: Control())  # what was wanted of the sweep before
        self.plan = replace(self.plan, limits=session.limits)
        notices = [*_changes(session, self.plan.composition), *self.plan.composition.warnings]
        with session.alive(), registered(session, self.plan.fixed, self._workers) as changes:
            for notice in notices:
                log.warning(notice)
            for change in changes:
                log.warning("Not sampled, and changed since this study's last sweep: %s.", change)
            gave_up, results = self._run(session)
        if self._is_left:
            return {}
        if self.interrupts.received is not None:
            folder = shlex.quote(short_path(self.plan.folder))
            log.warning(
                "Interrupted.%s", f" To go on:  {own_command(short_path)} resume {folder}" if spec.storage else ""
            )
            sys.exit(self.interrupts.exit_code)
        if gave_up := gave_up or none_completed(session):
            raise QGTuneError(gave_up)
        return results

    def _collect(self) -> dict[str, Any]:
        """Write the results of a study, and run nothing."""
        if not study_exists(self.plan.spec):
            raise QGTuneError(f"Cannot collect {short_path(self.plan.folder)}: there is no study yet.")
        session = submission_of(open_session(self.plan.spec, self.plan.limits, samples=False))
        session.end_dead()
        if self.wanted.collect == "partial" and (missing := unfinished(session)):
            log.warning("Not all is there: %s.", missing)
            gave_up = ""
        else:
            refuse_unfinished(session, self.plan.folder)
            gave_up = verdict(session, session.decide())
        session.features = [self.results, *self._cleaners]
        for feature in session.features:
            feature.sweep_ended(session)
        if gave_up := gave_up or none_completed(session):
            raise QGTuneError(gave_up)
        return summary(session.study)

    def _leave(self, session: Session, other: OtherLauncher) -> None:
        """Submit the workers, or go on in the background."""
        settings, folder = self.plan.settings, str(self.plan.folder)
        launcher = str(self.config.hydra.runtime.choices.get("hydra/launcher"))
        if not self._target.startswith(LAUNCHERS):
            to_background(self.plan.folder)
            self.wanted.leave(Left(folder, "", os.getpid(), settings.n_jobs))
            return
        n_left = session.refresh().n_to_run(self.plan.limits)
        n_workers = min(settings.n_jobs, n_left)
        n_most = n_workers * (settings.trials_per_worker or n_left)
        caution = f"They run {n_most} of {n_left} trials: trials_per_worker ends them." if n_most < n_left else ""
        Submission(self.plan.limits, launcher).write(session.study)
        other.submit(self._worker(session), n_workers)
        self.wanted.leave(Left(folder, launcher, os.getpid(), n_workers, caution))
        self._is_left = True

    def _run(self, session: Session) -> tuple[str, dict[str, Any]]:
        """Run the workers to the end and write the results; return why the study was given up, and the results."""
        session.features = [
            KeptCommand(self.plan.folder, self.config, self.plan.settings.storage, self.plan.points.start),
            Greeting(len(self.plan.composition.hyperparameters)),
            FirstTrials(self.plan.points),
            self._provenance(session.owner.name),
            self.results,
            *self._cleaners,
            *self._hooks,
        ]
        for feature in session.features:
            feature.sweep_started(session)
        other = OtherLauncher(session, self.hydra_context, self.config, self.interrupts)
        if self.wanted.note is not None and session.wants_more():
            self._leave(session, other)
            if self._is_left:
                return "", {}
        with self.interrupts.installed():
            attended = other.attended() if self.plan.site == "elsewhere" else nullcontext()
            with self._progress(session) as relay, attended:
                launch = functools.partial(self._launch, session, other, relay)
                gave_up = Crew(session, self.plan.settings.n_jobs, launch, self.interrupts).run()
            if self.interrupts.received is not None:
                log.info("All workers have stopped. Writing the results.")
            for feature in session.features:
                feature.sweep_ended(session)
            return gave_up, summary(session.study)

    @functools.cached_property
    def results(self) -> ResultFiles:
        """What writes the results."""
        settings = self.plan.settings
        paths = (settings.built_search_space_path, settings.best_trial_path, settings.best_config_path)
        built, trial, config = (None if path is None else Path(path).absolute() for path in paths)
        is_kept = not is_memory(self.plan.spec.storage)
        files = ResultFiles(self.plan.folder, built, trial, config, report=settings.report, is_kept=is_kept)
        return replace(files, **_schema(self.config))

    @property
    def _checkpoints(self) -> Path:
        return Path(self.config.hydra.runtime.cwd, self.plan.settings.checkpoint_path)

    @property
    def _cleaners(self) -> list[CheckpointFolders]:
        keep = self.plan.settings.keep
        return [] if keep is None else [CheckpointFolders(self._checkpoints, keep)]

    @functools.cached_property
    def _copied(self) -> CopiedCode | None:
        """The copy of the code that the workers import."""
        wanted = self.plan.settings.freeze_code == "copy"
        return CopiedCode.make(self.plan.project, self.plan.folder) if wanted else None

    def _provenance(self, sweep: str) -> Provenance:
        settings = self.plan.settings
        launcher = {"target": self._target, "n_jobs": settings.n_jobs}
        copy = None if self._copied is None else self._copied.copy
        folder, project, code = self.plan.folder, self.plan.project, self.plan.fixed.code
        return Provenance(folder, sweep, project, code, launcher, settings.storage, settings.freeze_code, copy)

    def _trial_facts(self, sweep: str) -> KeptTrialFacts:
        project = self.plan.project if self._copied is None else self._copied.copy
        looked_at = None if self.plan.settings.freeze_code == "off" else project
        return KeptTrialFacts(self.plan.folder.absolute(), sweep, looked_at, self.plan.fixed.code, self.started_s)

    @property
    def _hooks(self) -> list[Hooks]:
        return [] if self.plan.hooks is None else [self.plan.hooks]

    def _progress(self, session: Session) -> AbstractContextManager[Relay | None]:
        """Show the progress, unless there is nothing to wait for."""
        if isinstance(session.decide(), Stop):
            return nullcontext()
        settings = self.plan.settings
        watched = Watched(session, settings.n_jobs, self.interrupts)
        output = TrialOutput(self.plan.folder.absolute(), settings.output)
        return progress(watched, settings.progress, self.interrupts, in_process=self.plan.site == "here", output=output)

    @property
    def _workers(self) -> Workers:
        """What others may know of the workers."""
        fixed = ""
        if self.plan.site == "here":
            fixed = "its one worker is the sweep's own process. Start it with hydra/launcher=qgtune"
        elif self.plan.site == "elsewhere":
            fixed = "its launcher has started them all. Start the same command beside it, or take hydra/launcher=qgtune"
        return Workers(self.plan.settings.n_jobs, self.plan.slots.n_places, fixed)

    @property
    def _target(self) -> str:
        return str(self.config.hydra.launcher.get("_target_"))

    def _launch(
        self, session: Session, other: OtherLauncher, relay: Relay | None, n_workers: int, supervisor: Supervisor
    ) -> None:
        worker = self._worker(session)
        if self.plan.site == "here":
            worker.storage, worker.n_most = session.storage, None
            with ends_when_deaf(self.interrupts, session):
                worker()
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        elif self.plan.site == "elsewhere":
            other.launch(worker, n_workers, supervisor)
        else:
            if self._target == BASIC:
                log.info("Hydra's basic launcher runs one job at a time: %d worker processes are used.", n_workers)
            launch_workers(worker, self.config, n_workers, self.plan.slots, supervisor, relay, self._copied)

    def _worker(self, session: Session) -> Worker:
        return Worker(
            self.task,
            self.plan.composition,
            self.plan.spec,
            self.plan.limits,
            self.hydra_context,
            self.plan.folder.absolute(),
            self._checkpoints,
            self.results.built,
            (TrialLines(), self.results, *self._cleaners, self._trial_facts(session.owner.name), *self._hooks),
            self.plan.settings.trials_per_worker,
            interrupts=self.interrupts,
        )


def _schema(config: DictConfig) -> dict[str, Any]:
    """Return what a best config needs to know of the app's primary config, if Hydra's store has it."""
    name = str(config.hydra.job.config_name).removesuffix(".yaml")
    try:
        ConfigStore.instance().load(f"{name}.yaml")
    except ConfigLoadError:
        return {}
    base = plain(config)
    return {"schema": name, "schema_paths": frozenset(all_paths({key: base[key] for key in base if key != "hydra"}))}


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
