"""Measure the journal against Optuna's own file backend, as ratios from one run.

P4: trials per second, and the 99th percentile of a trial's time in storage, of 1, 2, 4 and 8 processes on one file.
P5: the cost of a trial after 10,000 trials over that after 100, and how long it takes to open the long journal.
P6: the longest stall of three writers when a fourth is killed with the lock.

Run `python tests/benchmarks/journal_bench.py [--quick] [--only P4]`. `--quick` takes a quarter of the trials.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from qgtune.study.journal.storage import Journal

if TYPE_CHECKING:
    from multiprocessing.managers import ListProxy
    from multiprocessing.synchronize import Barrier

N_PARAMS, N_REPORTS = 14, 10
SPAWN = multiprocessing.get_context("spawn")
Opener = Callable[[str], JournalStorage]


def ours(path: str) -> JournalStorage:
    """Open our journal."""
    return Journal(path)


def stock(path: str) -> JournalStorage:
    """Open Optuna's."""
    return JournalStorage(JournalFileBackend(path))


def run_trial(study: optuna.Study, storage: JournalStorage) -> float:
    """Run one trial of no work; return how long it took in seconds, all of it storage and Optuna."""
    start = time.perf_counter()
    if isinstance(storage, Journal):
        with storage.exclusive():
            study.get_trials(deepcopy=False)  # as a worker that counts trials does
            template = create_trial(state=TrialState.RUNNING, user_attrs={"owner": {"pid": os.getpid()}})
            trial_id = storage.create_new_trial(study._study_id, template)
        study._thread_local.cached_all_trials = None
        with storage.batch():
            trial = optuna.trial.Trial(study, trial_id)
            suggest(trial)
    else:
        trial = study.ask()
        suggest(trial)
    for step in range(N_REPORTS):
        trial.report(0.5, step)
    study.tell(trial, 0.5)
    return time.perf_counter() - start


def suggest(trial: optuna.trial.Trial) -> None:
    """Draw the parameters."""
    for i in range(N_PARAMS):
        trial.suggest_float(f"parameter_{i}", 0, 1)


def open_study(opener: Opener, path: str) -> tuple[optuna.Study, JournalStorage]:
    """Open the study for a random sampler."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = opener(path)
    sampler = optuna.samplers.RandomSampler()
    return optuna.create_study(study_name="s", storage=storage, sampler=sampler, load_if_exists=True), storage


def work(opener: Opener, path: str, n_trials: int, start: Barrier, times: ListProxy[float]) -> None:
    """Run trials as soon as all processes are up."""
    study, storage = open_study(opener, path)
    start.wait()
    begun = time.perf_counter()
    mine = [run_trial(study, storage) for _ in range(n_trials)]
    times.append(time.perf_counter() - begun)
    times.extend(mine)


def throughput(opener: Opener, n_processes: int, n_trials: int) -> tuple[float, float]:
    """Return the trials per second of all processes, and the 99th percentile of a trial's time in seconds."""
    with folder() as path, SPAWN.Manager() as manager:
        open_study(opener, path)
        start = SPAWN.Barrier(n_processes)
        lists = [manager.list() for _ in range(n_processes)]
        processes = [
            SPAWN.Process(target=work, args=(opener, path, n_trials // n_processes, start, times)) for times in lists
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        longest = max(times[0] for times in lists)
        each = sorted(seconds for times in lists for seconds in list(times)[1:])
        return len(each) / longest, each[min(len(each) - 1, int(len(each) * 0.99))]


def p4(scale: int) -> None:
    """Print throughput and storage time, ours against stock."""
    print("P4  processes  ours trials/s  p99 s   stock trials/s  p99 s   throughput ours/stock")
    for n in (1, 2, 4, 8):
        rate, tail = throughput(ours, n, 1600 // scale)
        rate_stock, tail_stock = throughput(stock, n, 320 // scale)
        ratio = rate / rate_stock
        print(f"P4  {n:9d}  {rate:13.0f}  {tail:.3f}  {rate_stock:14.0f}  {tail_stock:.3f}  {ratio:.1f}x", flush=True)


def p5(scale: int) -> None:
    """Print what a trial costs late and early, and how long it takes to open the journal."""
    with folder() as path:
        study, storage = open_study(ours, path)
        costs: dict[int, list[float]] = {}
        n_late = 10_000 // scale
        for n in range(n_late + 200):
            cost = run_trial(study, storage)
            for mark in (100, n_late):
                if mark <= n < mark + 200:
                    costs.setdefault(mark, []).append(cost)
        early, late = (sorted(costs[mark])[100] for mark in (100, n_late))
        ratio = f"{late / early:.2f}x"
        print(f"P5  median trial after 100: {early * 1e3:.2f} ms, after {n_late}: {late * 1e3:.2f} ms: {ratio}")
        for kind, opener in (("ours, first time", ours), ("ours, snapshot", ours), ("stock", stock)):
            start = time.perf_counter()
            n_trials = len(opener(path).get_all_trials(0, deepcopy=False))
            print(f"P5  opening {n_trials} trials, {kind}: {time.perf_counter() - start:.2f} s", flush=True)


def write_until(opener: Opener, path: str, until: float, gaps: ListProxy[float]) -> None:
    """Write until the time `until`, and keep the longest time between two writes."""
    study, storage = open_study(opener, path)
    last, longest, n = time.perf_counter(), 0.0, 0
    while time.time() < until:
        storage.set_study_user_attr(study._study_id, "n", n)
        now = time.perf_counter()
        last, longest, n = now, max(longest, now - last), n + 1
    gaps.append(longest)


def hold(opener: Opener, path: str, held: Any) -> None:
    """Take the lock and never release it."""
    _, storage = open_study(opener, path)
    lock: Any = storage._backend._lock  # type: ignore[attr-defined]
    lock.acquire() if hasattr(lock, "acquire") else lock.__enter__()
    held.set()
    signal.pause()


def stall(opener: Opener, run_s: float) -> float:
    """Return the longest stall in seconds after the holder of the lock was killed."""
    with folder() as path, SPAWN.Manager() as manager:
        open_study(opener, path)
        gaps, held = manager.list(), SPAWN.Event()
        until = time.time() + run_s
        writers = [SPAWN.Process(target=write_until, args=(opener, path, until, gaps)) for _ in range(3)]
        for writer in writers:
            writer.start()
        time.sleep(3)
        holder = SPAWN.Process(target=hold, args=(opener, path, held))
        holder.start()
        held.wait()
        holder.kill()
        for process in [holder, *writers]:
            process.join()
        return float(max(gaps))


def p6(scale: int) -> None:
    """Print the longest stall, ours against stock (left out of `--quick`: it takes 45 s)."""
    print(f"P6  longest stall, ours: {stall(ours, 8):.3f} s", flush=True)
    if scale == 1:
        print(f"P6  longest stall, stock: {stall(stock, 45):.3f} s", flush=True)


@contextlib.contextmanager
def folder() -> Iterator[str]:
    """Give the path of a journal in a folder of its own, on the disk."""
    where = tempfile.mkdtemp()
    try:
        yield str(Path(where) / "study.log")
    finally:
        shutil.rmtree(where)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("P4", "P5", "P6"))
    options = parser.parse_args()
    for name, measure in (("P4", p4), ("P5", p5), ("P6", p6)):
        if options.only in (None, name):
            measure(4 if options.quick else 1)


if __name__ == "__main__":
    main()
