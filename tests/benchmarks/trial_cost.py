"""What one trial costs beside the user's function: ours against Hydra's basic launcher, in one run.

The app has about 90 keys and 15 swept parameters; its function returns a number. Ours runs in process and writes all of
Hydra's files and the journal. The other composes and runs each job as Hydra's basic sweeper and launcher do.

    python tests/benchmarks/trial_cost.py [--trials 60] [--rounds 3]
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

APP = """
import time
import hydra

TIMES = []

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    TIMES.append(time.perf_counter())
    return cfg.g0.k0

if __name__ == "__main__":
    main()
    gaps = sorted(b - a for a, b in zip(TIMES, TIMES[1:]))
    print("gaps_ms", *(f"{gap * 1e3:.3f}" for gap in gaps))
"""
N_GROUPS, N_KEYS, N_PARAMETERS = 9, 10, 15
NAMES = [f"g{index % N_GROUPS}.k{index // N_GROUPS}" for index in range(N_PARAMETERS)]


def make_app(folder: Path) -> None:
    """Write an app with 90 keys whose space, for our sweeper, holds 15 of them."""
    (folder / "conf").mkdir()
    (folder / "app.py").write_text(APP)
    keys = "".join(
        f"g{group}:\n" + "".join(f"  k{key}: {key}.5\n" for key in range(N_KEYS)) for group in range(N_GROUPS)
    )
    (folder / "conf" / "config.yaml").write_text(keys)


def gaps_ms(folder: Path, arguments: list[str]) -> list[float]:
    """Run a sweep; return the times between the starts of successive jobs, in milliseconds."""
    command = [sys.executable, "app.py", "--multirun", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=600)
    found = re.search(r"^gaps_ms (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(done.stdout + done.stderr)
    return [float(gap) for gap in found[1].split()]


def ours(folder: Path, n_trials: int, name: str, *more: str) -> list[float]:
    """Time our sweeper with a random sampler."""
    ranges = [f"{path}=interval(0,1)" for path in NAMES]
    options = ["hydra/sweeper=qgtune", "hydra/sweeper/sampler=random", f"hydra.sweeper.n_trials={n_trials}"]
    return gaps_ms(folder, [*options, f"hydra.sweep.dir={name}", *ranges, *more])


def basic(folder: Path, n_trials: int, name: str) -> list[float]:
    """Time Hydra's own sweeper and launcher on as many jobs, with as many overrides."""
    values = ",".join(f"0.{number}" for number in range(n_trials))
    return gaps_ms(folder, [f"hydra.sweep.dir={name}", f"{NAMES[0]}={values}", *(f"{path}=0.5" for path in NAMES[1:])])


def main() -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_app(folder)
        times: dict[str, list[float]] = {"qgtune": [], "qgtune without .hydra": [], "basic launcher": []}
        for round_number in range(arguments.rounds):
            times["qgtune"] += ours(folder, arguments.trials, f"ours{round_number}")
            without = ours(folder, arguments.trials, f"without{round_number}", "hydra.output_subdir=null")
            times["qgtune without .hydra"] += without
            times["basic launcher"] += basic(folder, arguments.trials, f"basic{round_number}")
    medians = {label: statistics.median(gaps) for label, gaps in times.items()}
    for label, median in medians.items():
        print(f"{label}: {median:.1f} ms a trial (median of {len(times[label])})")
    print(f"ratio: {medians['basic launcher'] / medians['qgtune']:.1f}")


if __name__ == "__main__":
    main()
