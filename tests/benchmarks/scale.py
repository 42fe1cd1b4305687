"""How far one storage carries: 64, 256 and 1024 simulated workers on a journal and on Redis.

The storage is real, and so is every call that a worker makes of it: claiming a trial, sampling three parameters,
three reports, the end. Only the work is simulated, by sleeping. The workers are threads, spread over a few processes,
and those of a process share one storage object: with an object each, a thousand workers on a few cores would measure
how fast those cores replay the journal a thousand times over, which on a cluster a thousand cores do. So what is
fetched by each worker is understated; what is written, and who waits for whom, is not.

    python tests/benchmarks/scale.py [--work-s 10] [--window-s 20] [--workers 64 256 1024]
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import optuna

sys.path.insert(0, str(Path(__file__).parents[2]))

from qgtune.study.attempts.limits import Limits
from qgtune.study.objectives import Objectives
from qgtune.study.opening import open_session
from qgtune.study.outcome import completed
from qgtune.study.session import Session
from qgtune.study.spec import StudySpec
from qgtune.study.storages.opening import batch, open_storage
from tests.storages.servers import PASSWORD, redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing import Queue

N_PROCESSES = 4
N_REPORTS = 3
READY_S = 15.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is simulated.

    Attributes:
        storage: the storage's name.
        n_workers: how many workers there are.
        work_s: how long a trial works, on average.
        start_s: when all begin, in seconds since the epoch.
        window_s: how long is measured, after one trial of each.
    """

    storage: str
    n_workers: int
    work_s: float
    start_s: float
    window_s: float

    @property
    def spec(self) -> StudySpec:
        """The study."""
        return StudySpec("scale", self.storage, sampler={"_target_": "optuna.samplers.RandomSampler"})

    @property
    def measured_s(self) -> tuple[float, float]:
        """From when to when is measured."""
        begin = self.start_s + 1.5 * self.work_s
        return begin, begin + self.window_s


@dataclass(slots=True)
class Stopwatch:
    """Adds up the time that is spent in the storage."""

    total_s: float = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Count the time inside."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.total_s += time.perf_counter() - begin


def one_trial(session: Session, work_s: float) -> float:
    """Run a trial; return how long it spent in the storage, in seconds."""
    watch = Stopwatch()
    with watch.running():
        trial = session.next_trial()
    assert isinstance(trial, optuna.Trial)
    with watch.running(), batch(session.storage):
        x = sum(trial.suggest_float(name, 0, 1) for name in ("x", "y", "z"))
    for step in range(N_REPORTS):
        time.sleep(random.uniform(0.5, 1.5) * work_s / N_REPORTS)  # noqa: S311 - no secret
        with watch.running():
            trial.report(x, step)
    with watch.running():
        session.finish(trial, completed(x, Objectives()))
    return watch.total_s


def worker(load: Load, storage: optuna.storages.BaseStorage, results: list[tuple[float, float]]) -> None:
    """Run trials until the measured time is over, from a random moment on."""
    study = optuna.load_study(study_name="scale", storage=storage, sampler=optuna.samplers.RandomSampler())
    session = Session(study, Limits(10**9))
    time.sleep(max(0.0, load.start_s - time.time()) + random.uniform(0, load.work_s))  # noqa: S311
    while time.time() < load.measured_s[1]:
        spent_s = one_trial(session, load.work_s)
        results.append((time.time(), spent_s))


def process(load: Load, n_workers: int, results: Queue[list[tuple[float, float]]]) -> None:
    """Run a share of the workers."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = open_storage(load.storage)
    found: list[tuple[float, float]] = []
    threads = [threading.Thread(target=worker, args=(load, storage, found)) for _ in range(n_workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(found)


def measure(storage: str, n_workers: int, work_s: float, window_s: float) -> str:
    """Simulate a load; return a line of the table."""
    load = Load(storage, n_workers, work_s, time.time() + READY_S, window_s)
    open_session(load.spec, Limits(1), samples=False)
    context = multiprocessing.get_context("spawn")
    results: Queue[list[tuple[float, float]]] = context.Queue()
    share = n_workers // N_PROCESSES
    processes = [context.Process(target=process, args=(load, share, results)) for _ in range(N_PROCESSES)]
    for child in processes:
        child.start()
    ended = [item for _ in processes for item in results.get()]
    for child in processes:
        child.join()
    begin_s, end_s = load.measured_s
    spent = sorted(spent_s for at_s, spent_s in ended if begin_s <= at_s < end_s)
    median, high = statistics.median(spent), spent[int(0.99 * len(spent))]
    share_of_time = statistics.mean(spent) / (statistics.mean(spent) + work_s)
    name = storage.split(":", 1)[0] if "://" in storage else "journal"
    return (
        f"{name:8} {n_workers:7} {n_workers / work_s:9.0f} {len(spent) / window_s:9.1f} "
        f"{median * 1e3:10.1f} {high * 1e3:10.1f} {share_of_time:8.1%}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-s", type=float, default=10.0)
    parser.add_argument("--window-s", type=float, default=20.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[64, 256, 1024])
    arguments = parser.parse_args()
    print(f"trials of {arguments.work_s:g} s; times in the storage are a trial's, in ms")
    print("storage  workers  wanted/s  trials/s     median       99th    share", flush=True)
    for n_workers in arguments.workers:
        with tempfile.TemporaryDirectory() as folder, redis_server() as server:
            for storage in (f"{folder}/study.log", f"redis://:{PASSWORD}@127.0.0.1:{server.port}"):
                print(measure(storage, n_workers, arguments.work_s, arguments.window_s), flush=True)


if __name__ == "__main__":
    main()
