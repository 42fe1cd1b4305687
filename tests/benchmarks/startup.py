"""From the command to the first trial's first line, to all workers busy, and from the last trial's end to the prompt.

The times of a sweep stand over those of plain `python train.py` of the same app, by turns in one run. The app imports
nothing heavy; with `--import-s` its imports take that long, as torch does, in CPU time.

    python tests/benchmarks/startup.py [--workers 1 2 4] [--rounds 5] [--import-s 0]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

APP = """
import time
from pathlib import Path

import hydra

until = time.process_time() + IMPORT_S
while time.process_time() < until:
    pass


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    start = time.time()
    time.sleep(cfg.work_s)
    with open(cfg.times, "a") as file:
        file.write(f"{start!r} {time.time()!r}\\n")
    return cfg.x


if __name__ == "__main__":
    main()
"""


class Times(NamedTuple):
    """Seconds: to the first trial, until as many trials run as there are workers, after the last one, of CPU."""

    first_s: float
    busy_s: float
    end_s: float
    cpu_s: float


def make_app(folder: Path, import_s: float) -> None:
    """Write the app."""
    (folder / "conf").mkdir()
    (folder / "train.py").write_text(APP.replace("IMPORT_S", str(import_s)))
    (folder / "conf" / "config.yaml").write_text(f"x: 0.5\nwork_s: 1.0\ntimes: {folder}/times\n")


def run(folder: Path, n_workers: int, *arguments: str) -> Times:
    """Run the app and time it."""
    times = folder / "times"
    times.unlink(missing_ok=True)
    before, start_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    subprocess.run([sys.executable, "train.py", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    end_s, after = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    trials = sorted([float(text) for text in line.split()] for line in times.read_text().splitlines())
    starts, ends = zip(*trials, strict=True)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Times(starts[0] - start_s, starts[n_workers - 1] - start_s, end_s - max(ends), cpu_s)


def main() -> None:
    """Print a row for plain runs, and for sweeps of as many trials as there are workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--import-s", type=float, default=0.0)
    arguments = parser.parse_args()
    found: dict[int, list[Times]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_app(folder, arguments.import_s)
        for turn in range(arguments.rounds):
            found.setdefault(0, []).append(run(folder, 1, f"hydra.run.dir=plain/{turn}"))
            for n in arguments.workers:
                options: tuple[str, ...] = (
                    f"hydra.sweeper.n_trials={n}",
                    f"hydra.sweeper.n_jobs={n}",
                    f"hydra.sweep.dir={n}/{turn}",
                )
                options = (*options, "x=interval(0,1)", "hydra.sweeper.direction=minimize")
                found.setdefault(n, []).append(run(folder, n, "-m", "hydra/sweeper=qgtune", *options))
    plain_s = statistics.median(times.first_s for times in found[0])
    print("workers  first trial  all busy  over plain  exit    CPU")
    for n, all_times in found.items():
        first_s, busy_s, end_s, cpu_s = (statistics.median(column) for column in zip(*all_times, strict=True))
        name = str(n or "plain")
        print(f"{name:7}  {first_s:9.2f} s {busy_s:7.2f} s {busy_s / plain_s:10.2f}  {end_s:.2f} s  {cpu_s:.2f} s")


if __name__ == "__main__":
    main()
