"""What `hydra/launcher=qgtune` does: run Hydra jobs, or our workers, in processes of their own."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, run_job, setup_globals
from omegaconf import DictConfig, open_dict

from qgtune.errors import QGTuneError
from qgtune.processes.function import UserFunction, refuse_unguarded_script
from qgtune.processes.pool import Crash, Death, ProcessPool
from qgtune.processes.slots import Machine, Slots, read_slots
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.study.attempts.control import Seat
from qgtune.sweep.hydra.versions import configure_logging, set_version_base, version_base
from qgtune.sweep.workers.ahead import plain, start_workers_server

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hydra.types import HydraContext, TaskFunction

    from qgtune.processes.interrupts import Interrupts
    from qgtune.processes.project.copy import CopiedCode
    from qgtune.progress.relay.terminals import Relay
    from qgtune.sweep.supervisor import Supervisor
    from qgtune.sweep.workers.worker import Worker

log = logging.getLogger("qgtune")


@dataclass(frozen=True, slots=True)
class HydraProcess:
    """The state of Hydra that a spawned process has to be given.

    Attributes:
        job_name: the app's name.
        version_base: what the app asked for with `version_base`.
    """

    job_name: str
    version_base: Any

    @classmethod
    def current(cls) -> HydraProcess:
        """Return this process's state."""
        return cls(str(JobRuntime.instance().get("name")), version_base())

    def restore(self) -> None:
        """Make it this process's state."""
        set_version_base(self.version_base)
        JobRuntime.instance().set("name", self.job_name)
        setup_globals()
        register_resolvers()


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """One of our workers as a job for a process."""

    state: HydraProcess
    worker: Worker
    master: DictConfig

    def __call__(self, interrupts: Interrupts) -> Any:
        """Run the worker."""
        self.state.restore()
        configure_logging(self.master.hydra.hydra_logging, self.master.hydra.verbose, self.worker.hydra_context)
        self.worker.interrupts = interrupts
        self.worker.ends_dead = False
        return self.worker()


@dataclass(frozen=True, slots=True)
class PlainJob:
    """Any other sweeper's job: what Hydra's basic launcher does, in a process."""

    state: HydraProcess
    task: UserFunction
    hydra_context: HydraContext
    master: DictConfig
    overrides: tuple[str, ...]
    number: int

    def __call__(self, interrupts: Interrupts) -> JobReturn:
        """Compose the config and run the job."""
        self.state.restore()
        Plugins.instance()  # whose scan fills the store that Hydra's own groups come from
        config = self.hydra_context.config_loader.load_sweep_config(self.master, list(self.overrides))
        with open_dict(config):
            config.hydra.job.id = str(self.number)
            config.hydra.job.num = self.number
        with interrupts.user_code():
            job = run_job(
                hydra_context=self.hydra_context,
                task_function=self.task,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )
        if job.status == JobStatus.FAILED:  # on its way home an exception loses its traceback
            try:
                _ = job.return_value
            except Exception:
                log.exception("Job %d failed", self.number)
        return job


def launch_jobs(
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    initial_job_idx: int,
    keys: Mapping[str, Any],
) -> list[JobReturn]:
    """Run jobs in processes, as a launcher does.

    Args:
        hydra_context: carries the config loader and the callbacks.
        task_function: the user's function, or our `Worker`.
        config: the config of the sweep.
        job_overrides: one list of overrides a job.
        initial_job_idx: the first job's number.
        keys: those of `hydra/launcher=qgtune`.

    Returns:
        Hydra's record of each job, in the order of the overrides.

    Raises:
        QGTuneError: when a key has a wrong value, or there are more processes than places for them.
    """
    refuse_unguarded_script()
    state = HydraProcess.current()
    machine = Machine.here()
    slots = read_slots(plain(keys), keys.get("n_processes"), machine)
    count = keys.get("n_processes") or slots.n_places or machine.n_cores
    start_workers_server(slots)
    task = UserFunction(task_function)
    jobs = [
        PlainJob(state, task, hydra_context, config, tuple(overrides), initial_job_idx + index)
        for index, overrides in enumerate(job_overrides)
    ]
    pool = ProcessPool(jobs, count, on_death=lambda _death: False, slots=slots)
    with pool.interrupts.installed():
        results = pool.run()
    if pool.interrupts.received is not None:
        raise SystemExit(pool.interrupts.exit_code)
    return [_job_return(result, job.overrides) for result, job in zip(results, jobs, strict=True)]


def launch_workers(
    worker: Worker,
    master: DictConfig,
    n_workers: int,
    slots: Slots,
    supervisor: Supervisor,
    relay: Relay | None = None,
    copied: CopiedCode | None = None,
) -> list[Any]:
    """Run `n_workers` copies of a worker in processes, all at a time, each in a slot of its own.

    Args:
        worker: what each of them does.
        master: the config of the sweep.
        n_workers: how many.
        slots: what each process is given.
        supervisor: decides whether one that ended is replaced.
        relay: gives each a terminal to write to; None lets them write to ours.
        copied: the copy of the project's code that they import; None for none.

    Returns:
        The last `Stop` of each, or the `Death` of one that was not replaced.

    Raises:
        QGTuneError: when a worker found the user's mistake, or broke.
    """
    state, sweep = HydraProcess.current(), supervisor.session.owner.name

    def job_at(place: int) -> WorkerJob:
        return WorkerJob(state, replace(worker, seat=Seat(sweep, place, slots.n_gpus(place))), master)

    for slot in range(n_workers if slots.gpus else 0):
        log.info("Worker %d uses GPU %s.", slot, slots.gpu(slot))
    jobs = list(map(job_at, range(n_workers)))
    pool = ProcessPool(
        jobs, n_workers, supervisor.died, worker.interrupts, relay, slots, supervisor.goes_on, supervisor, job_at
    )
    with nullcontext() if copied is None else copied.imported():
        start_workers_server(slots)  # unless one was started ahead
        results = pool.run()
    for result in results:
        if isinstance(result, Crash):
            raise _error(result)
    return results


def _error(crash: Crash) -> BaseException:
    if isinstance(crash.error, QGTuneError):
        return crash.error
    return RuntimeError(f"A worker process broke:\n{crash.text}")


def _job_return(result: Any, overrides: Sequence[str]) -> JobReturn:
    if isinstance(result, JobReturn):
        return result
    error = RuntimeError(result.reason) if isinstance(result, Death) else result.error
    job = JobReturn(overrides=list(overrides), status=JobStatus.FAILED)
    job.return_value = error
    return job
