"""What the command costs: its help, and a study of 5,000 trials with ten reports each.

python tests/benchmarks/command_cost.py [--trials 5000]
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import optuna

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.studies import PARAMS, START, make_sweep, trial

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

CALLS: dict[str, tuple[str, ...]] = {
    "--help": ("--help",),
    "show": ("show",),
    "show --json": ("show", "--json"),
    "show --sort value --limit 10": ("show", "--sort", "value", "--limit", "10"),
    "best": ("best",),
    "list": ("list",),
}


def some_trial(number: int, draws: random.Random) -> FrozenTrial:
    """Return a trial with values of its own."""
    made = trial(values=[draws.random()], params={**PARAMS, "training.lr": draws.uniform(1e-5, 1.0)})
    made.intermediate_values = {step: draws.random() for step in range(10)}
    made.datetime_start = START + timedelta(seconds=number)
    made.datetime_complete = made.datetime_start + timedelta(seconds=50)
    return made


def cpu_s(folder: Path, *arguments: str) -> float:
    """Return the CPU time of the command in seconds, that of Python's start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "qgtune", *arguments]
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the least CPU time of three calls each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=5000)
    n_trials = parser.parse_args().trials
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draws = random.Random(0)  # noqa: S311 - values of a study
        make_sweep(folder / "sweep", [some_trial(number, draws) for number in range(n_trials)])
        print(f"{n_trials} trials")
        for label, arguments in CALLS.items():
            print(f"{label:30} {min(cpu_s(folder, *arguments) for _ in range(3)):6.2f} s of CPU time")


if __name__ == "__main__":
    main()
