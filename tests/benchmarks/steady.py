"""P1, the steady state: the wall time of 40 trials on 4 workers over the least that their durations allow.

The durations are exponential with a mean of one second, drawn from a seed; they belong to the trials' numbers. The
bound is list scheduling: each trial starts, in order, on the worker that is free first. `--official` runs the official
sweeper beside ours, in a virtual environment of its own, which pip fills.

    python tests/benchmarks/steady.py [--trials 40] [--jobs 4] [--seed 0] [--official]
"""

from __future__ import annotations

import argparse
import heapq
import random
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path

APP = """
import os
import random
import time

import hydra
from hydra.core.hydra_config import HydraConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    start = time.time()
    chance = random.Random(cfg.seed)
    time.sleep([chance.expovariate(1.0) for _ in range(cfg.n)][HydraConfig.get().job.num])
    with open(cfg.times, "a") as file:
        file.write(f"{start!r} {time.time()!r}\\n")
    return cfg.x


if __name__ == "__main__":
    main()
"""
OFFICIAL = ("hydra-core==1.4.0rc3", "hydra-optuna-sweeper==1.4.0rc3", "hydra-joblib-launcher==1.4.0rc3")


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be run: `n_trials` trials on `n_jobs` workers, with durations drawn from `seed`."""

    n_trials: int
    n_jobs: int
    seed: int

    def bound_s(self) -> float:
        """Return the time that list scheduling needs, in seconds."""
        chance = random.Random(self.seed)  # noqa: S311 - no secret
        free_s = [0.0] * self.n_jobs
        for _ in range(self.n_trials):
            heapq.heapreplace(free_s, free_s[0] + chance.expovariate(1.0))
        return max(free_s)


def run(python: str, folder: Path, load: Load, *options: str) -> tuple[float, float]:
    """Run a sweep; return its time, and that from its first trial's start to its last one's end, in seconds."""
    (folder / "conf").mkdir(parents=True)
    (folder / "app.py").write_text(APP)
    times = folder / "times.txt"
    (folder / "conf" / "config.yaml").write_text(f"x: 0.5\nseed: {load.seed}\nn: {load.n_trials}\ntimes: {times}\n")
    command = [python, "app.py", "--multirun", "hydra.sweep.dir=sweep", f"hydra.sweeper.n_trials={load.n_trials}"]
    start_s = time.perf_counter()
    done = subprocess.run(
        [*command, *options, "x=interval(0,1)"], cwd=folder, capture_output=True, text=True, check=False, timeout=600
    )
    wall_s = time.perf_counter() - start_s
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    spans = [tuple(map(float, line.split())) for line in times.read_text().splitlines()]
    if len(spans) != load.n_trials:
        raise RuntimeError(f"{len(spans)} trials ran, not {load.n_trials}")
    return wall_s, max(end for _, end in spans) - min(start for start, _ in spans)


def ours(folder: Path, load: Load) -> tuple[float, float]:
    """Time our sweeper."""
    return run(sys.executable, folder, load, "hydra/sweeper=qgtune", f"hydra.sweeper.n_jobs={load.n_jobs}")


def official(folder: Path, load: Load) -> tuple[float, float]:
    """Time the official sweeper with the joblib launcher."""
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--pre", *OFFICIAL]
    subprocess.run(install, check=True, timeout=900)
    jobs = (f"hydra.sweeper.n_jobs={load.n_jobs}", f"hydra.launcher.n_jobs={load.n_jobs}")
    return run(python, folder / "app", load, "hydra/sweeper=optuna", "hydra/launcher=joblib", *jobs)


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--official", action="store_true", help="beside it the official sweeper; fetches it with pip")
    arguments = parser.parse_args()
    load = Load(arguments.trials, arguments.jobs, arguments.seed)
    bound_s = load.bound_s()
    print(f"bound: {bound_s:.2f} s for {load.n_trials} trials on {load.n_jobs} workers")
    sweepers = {"qgtune": ours} | ({"official": official} if arguments.official else {})
    with tempfile.TemporaryDirectory() as name:
        for label, measure in sweepers.items():
            wall_s, steady_s = measure(Path(name, label), load)
            print(f"{label}: {steady_s / bound_s:.2f} of the bound without start-up, {wall_s / bound_s:.2f} with")


if __name__ == "__main__":
    main()
