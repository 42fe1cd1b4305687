"""Better configs sooner? Searches recorded trainings with real processes, and compares what was found by when.

    python tests/benchmarks/quality/run.py [--tables N] [--seeds N] [--workers 1 4 8] [--trials N] [--out FOLDER]

Each rival searches each table with each seed on as many workers; a trial sleeps as long as its training took, divided
so that the median is 0.3 s. A run is judged by the true mean of what it takes for the best, over the seconds since its
command was started. Rows are written as they come, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import curves
import numpy as np
import rivals
import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = ("table", "seed", "workers", "rival", "start_s", "end_s", "index", "loss", "recorded_s", "regret")
Key = tuple[str, int, int, str]
Runs = dict[Key, list[rivals.Trial]]
Interval = tuple[float, float, float]
OFFICIAL = "official"
TIMES = np.linspace(0.005, 1.5, 600)
"""When the means are looked at, in the time that the official sweeper's median run takes."""


def measure(arguments: argparse.Namespace, contestants: dict[str, rivals.Rival]) -> None:
    """Run what `trials.csv` has not yet; the rivals of a case run one right after the other."""
    file = arguments.out / "trials.csv"
    known = read(file) if file.exists() else {}
    with file.open("a", newline="") as out:
        writer = csv.writer(out)
        if not known:
            writer.writerow(FIELDS)
        names = arguments.only or tables.NAMES[:: max(1, len(tables.NAMES) // arguments.tables)]
        for seed, name, n_workers in product(range(arguments.seeds), names, arguments.workers):
            table = tables.read(name)
            regrets = table.regrets()
            for label, rival in contestants.items():
                if (name, seed, n_workers, label) in known:
                    continue
                with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                    table.save(Path(folder) / "table")
                    case = rivals.Case(Path(folder), table.space, seed, n_workers, arguments.trials)
                    for trial in rivals.run(case, rival):
                        start_s, end_s = f"{trial.start_s:.6g}", f"{trial.end_s:.6g}"
                        found = [f"{value:.6g}" for value in (trial.loss, trial.recorded_s, regrets[trial.index])]
                        writer.writerow((name, seed, n_workers, label, start_s, end_s, trial.index, *found))
                out.flush()
                print(f"{name} seed {seed}, {n_workers} workers: {label}", flush=True)


def read(file: Path) -> Runs:
    """Read the runs, each with its trials in the order in which they ended."""
    runs: Runs = {}
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            key = row["table"], int(row["seed"]), int(row["workers"]), row["rival"]
            numbers = (float(row["start_s"]), float(row["end_s"]), int(row["index"]), float(row["loss"]))
            runs.setdefault(key, []).append(rivals.Trial(*numbers, float(row["recorded_s"])))
    return runs


def summary(runs: Runs) -> list[list[str]]:
    """Return a row for each number of workers and rival: regrets, time to the official sweeper's regret, overhead."""
    regrets = {name: tables.read(name).regrets() for name in {key[0] for key in runs}}
    steps = {key: curves.incumbents(trials, regrets[key[0]]) for key, trials in runs.items()}
    ends = {key: trials[-1].end_s for key, trials in runs.items() if key[3] == OFFICIAL}
    rows = []
    for n_workers, rival in sorted({(key[2], key[3]) for key in runs}):
        mine = [key for key in runs if key[2:] == (n_workers, rival)]
        final = curves.interval([steps[key][-1][1] for key in mine], lambda sample: float(sample.mean()))
        ratios = []
        for key in mine:
            theirs = steps.get((*key[:3], OFFICIAL))
            if theirs is not None:
                target = theirs[-1][1]
                ratios.append(curves.time_to(steps[key], target) / curves.time_to(theirs, target))
        over = curves.interval([curves.overhead(runs[key], n_workers) for key in mine])
        first = curves.interval([min(trial.start_s for trial in runs[key]) for key in mine])
        sooner = curves.interval(ratios) if ratios else (float("nan"),) * 3
        found = (final, means(steps, n_workers, rival, ends), sooner, over, first)
        cells = [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in found]
        rows.append([str(n_workers), rival, str(len(mine)), *cells])
    return rows


def means(steps: Mapping[Key, curves.Steps], n_workers: int, rival: str, ends: dict[Key, float]) -> Interval:
    """Return when the mean of a rival's runs is where that of the official sweeper's ends, as a part of its time.

    Each table has its own clock: 1 is the end of the official sweeper's median run.
    """
    both = [key[:2] for key in steps if key[2:] == (n_workers, rival) and (*key[:3], OFFICIAL) in steps]
    if not both:
        return (float("nan"),) * 3
    clocks: dict[str, float] = {}
    for name in {name for name, _seed in both}:
        clocks[name] = float(np.median([end for key, end in ends.items() if key[0] == name and key[2] == n_workers]))
    mine, theirs = (
        np.array([curves.sampled(steps[name, seed, n_workers, who], list(TIMES * clocks[name])) for name, seed in both])
        for who in (rival, OFFICIAL)
    )

    def ratio(sample: curves.Floats) -> float:
        chosen = sample.astype(int)
        return curves.sooner(mine[chosen].mean(axis=0), theirs[chosen].mean(axis=0), TIMES)

    return curves.interval(range(len(both)), ratio)


HEAD = (
    "workers",
    "rival",
    "runs",
    "final regret (mean)",
    "time to the official's final regret: the means",
    "the same: single runs (median ratio)",
    "overhead over the ideal schedule (median)",
    "first trial starts after, s (median)",
)


def main() -> None:
    """Run, and print the table; `picture.py` draws the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=2, help="how many of the eight")
    parser.add_argument("--only", nargs="+", choices=tables.NAMES, help="these tables instead")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, nargs="+", default=[4])
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--without-official", action="store_true", help="leave out the one that pip has to fetch")
    parser.add_argument("--out", type=Path, help="where trials.csv and summary.txt go; a run goes on from there")
    arguments = parser.parse_args()
    contestants: dict[str, rivals.Rival] = {"qgtune": rivals.qgtune, "stock": rivals.stock, "random": rivals.at_random}
    scratch = Path(tempfile.mkdtemp())
    arguments.out = arguments.out or scratch
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        if not arguments.without_official:
            python = rivals.official_environment(Path(tempfile.gettempdir(), "qgtune-official-sweeper"))
            contestants = {OFFICIAL: rivals.official(python), **contestants}
        measure(arguments, contestants)
        lines = [HEAD, ["---"] * len(HEAD), *summary(read(arguments.out / "trials.csv"))]
        text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
        (arguments.out / "summary.txt").write_text(text)
        print(text)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
