"""Workers under another launcher: hand them over, tell them to stop, take note of those that it loses."""

from __future__ import annotations

import logging
import signal
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from hydra._internal.callbacks import Callbacks
from hydra.core.plugins import Plugins
from hydra.core.utils import JobRuntime
from hydra.types import HydraContext
from omegaconf import open_dict, read_write

from qgtune.errors import QGTuneError, first_line
from qgtune.processes.interrupts import Interrupted, Interrupts
from qgtune.sweep.workers.listening import STOP
from qgtune.sweep.workers.unwaited_private import unwaited
from qgtune.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hydra.core.utils import JobReturn
    from omegaconf import DictConfig

    from qgtune.study.session import Session
    from qgtune.sweep.supervisor import Supervisor
    from qgtune.sweep.workers.worker import Worker

log = logging.getLogger("qgtune")

PATIENCE_S = 15.0
SETTLE_S = 1.0
POLL_S = 0.2
# A worker is no job: it leaves no folder, no log and no `.hydra` behind under launchers that run it as one.
WORKER_OVERRIDES = (
    "hydra.output_subdir=null",
    "hydra.sweep.subdir=.",
    "hydra.job.chdir=false",
    "hydra/job_logging=none",
)


@dataclass(slots=True)
class OtherLauncher:
    """Runs workers under whatever launcher the user chose, on this host or others.

    Attributes:
        session: the study.
        hydra_context: carries the config loader.
        config: the config of the sweep.
        interrupts: the signals of this process.
        stop_key: the study's attribute that tells these workers to stop.
    """

    session: Session
    hydra_context: HydraContext
    config: DictConfig
    interrupts: Interrupts
    stop_key: str = field(default_factory=lambda: STOP + uuid.uuid4().hex[:12])
    _supervisor: Supervisor | None = None
    _is_launching: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def launch(self, worker: Worker, n_workers: int, supervisor: Supervisor) -> None:
        """Run workers to their end, or until a signal to this process has reached them.

        Raises:
            QGTuneError: when a worker found the user's mistake.
        """
        self._supervisor = supervisor
        launcher = self._launcher(worker)
        n_before = len(self.session.study.get_trials(deepcopy=False))
        try:
            jobs = self._run(lambda: launcher.launch([list(WORKER_OVERRIDES)] * n_workers, initial_job_idx=0))
        except Interrupted:
            log.warning("The launcher still waits for jobs: they will end as soon as they start.")
        except QGTuneError:
            raise
        except Exception as error:  # noqa: BLE001 - launchers raise anything when a job of theirs dies
            self._failed(error, n_before, supervisor)
        else:
            n_stopped = sum(job.return_value.why == "interrupted" for job in jobs)
            if n_stopped and self.interrupts.received is None:
                supervisor.stopped(n_stopped)

    def submit(self, worker: Worker, n_workers: int) -> None:
        """Hand workers over to a launcher of submitit, and wait for none of them.

        Raises:
            QGTuneError: when it cannot submit.
        """
        launcher = self._launcher(worker)
        try:
            with unwaited():
                launcher.launch([list(WORKER_OVERRIDES)] * n_workers, initial_job_idx=0)
        except Exception as error:  # noqa: BLE001 - submitit raises anything when the cluster's commands fail
            reason = f"{type(error).__name__}: {first_line(error)}".rstrip(".")
            raise QGTuneError(
                f"Cannot submit workers: {reason}. Mend it and submit again: the study goes on."
            ) from None

    def _launcher(self, worker: Worker) -> Any:
        """Return the user's launcher of a worker, without callbacks: those are for the trials."""
        worker.task = replace(worker.task, as_it_is=True)
        worker.stop_key = self.stop_key
        quiet = HydraContext(config_loader=self.hydra_context.config_loader, callbacks=Callbacks())
        config = self.config.copy()
        with read_write(config.hydra), open_dict(config.hydra):  # Hydra 1.4 locks it
            config.hydra.job.name = JobRuntime.instance().get("name")
        return Plugins.instance().instantiate_launcher(hydra_context=quiet, task_function=worker, config=config)

    def _run(self, launch: Callable[[], list[JobReturn]]) -> list[JobReturn]:
        self._is_launching = True
        try:
            return launch()
        finally:
            with self._lock:  # here, too, `_attend` may still break out
                self._is_launching = False

    def _failed(self, error: Exception, n_before: int, supervisor: Supervisor) -> None:
        time.sleep(SETTLE_S)  # joblib kills the other workers now: none of them may take over a lost trial before
        lost = self.session.end_dead()
        is_hopeless = len(self.session.study.get_trials(deepcopy=False)) == n_before
        supervisor.launcher_failed(f"{type(error).__name__}: {first_line(error)}", lost, is_hopeless=is_hopeless)

    @contextmanager
    def attended(self) -> Iterator[None]:
        """Pass a signal to this process on to the workers, wherever they are: they read the study.

        Ctrl-C reaches every process that a launcher starts here, and some of those end their jobs at once then. So
        SIGINT is blocked in them, and in the main thread: the attendant takes it. The workers let it through again.
        """
        ended = threading.Event()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        thread = start_thread(self._attend, ended, name="qgtune-attendant")
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            if self.interrupts.received is not None and self._supervisor and self._supervisor.has_abandoned:
                _wait(lambda: self.session.refresh().running == 0)
            ended.set()
            thread.join()

    def _attend(self, ended: threading.Event) -> None:
        told_s: float | None = None
        while not ended.is_set():
            if _interrupted(POLL_S):
                self.interrupts.take(signal.SIGINT)
            if self.interrupts.received is not None and told_s is None:
                told_s = time.monotonic()
                self.session.study.set_user_attr(self.stop_key, value=True)
            if told_s is not None and time.monotonic() > told_s + PATIENCE_S:
                return self._break_out()
        return None

    def _break_out(self) -> None:
        with self._lock:
            if self._is_launching:
                self.interrupts.break_out()


def _interrupted(timeout_s: float) -> bool:
    """Wait for a blocked SIGINT, and take it."""
    if hasattr(signal, "sigtimedwait"):  # macOS has none
        return signal.sigtimedwait({signal.SIGINT}, timeout_s) is not None
    time.sleep(timeout_s)
    return signal.SIGINT in signal.sigpending() and bool(signal.sigwait({signal.SIGINT}))


def _wait(is_over: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_over() and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
