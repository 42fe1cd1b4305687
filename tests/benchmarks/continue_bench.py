"""What continuing is worth: epochs that are run under kills, and until the same accuracy is reached with promotion.

    python tests/benchmarks/continue_bench.py [--trials 200] [--seeds 5]

Epochs are counted, not seconds, so that the figures are the same on any machine, busy or not.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt

ROOT = Path(__file__).parents[2]
N_EPOCHS = 20
APP = """
import os, time
import hydra, qgtune

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    file = qgtune.checkpoint_dir() / "epoch"
    start = int(file.read_text()) + 1 if cfg.checkpoints and file.exists() else 0
    for epoch in range(start, {n_epochs}):
        with open("epochs", "a") as out:
            print(epoch, file=out)
        time.sleep(0.02)
        qgtune.report(cfg.lr / (epoch + 1), epoch)
        if cfg.checkpoints:
            file.with_name(str(os.getpid())).write_text(str(epoch))
            file.with_name(str(os.getpid())).replace(file)
    return cfg.lr

if __name__ == "__main__":
    main()
"""
CONFIG = """
defaults: [_self_, {override hydra/sweeper: qgtune}, {override hydra/sweeper/pruner: nop}]
lr: 0.1
checkpoints: true
hydra:
  sweeper: {report: false, max_retries: 100000, search_space: {lr: {type: tuple, value: [0.1, 1.0]}}}
"""


def study_of(folder: Path) -> optuna.Study:
    """Open the study of a sweep."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / "study.log")))
    return optuna.load_study(study_name=None, storage=storage)


def epochs_under_kills(n_trials: int, *, kills: bool, checkpoints: bool) -> int:
    """Return how many epochs a sweep runs, a worker of which is killed every half second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf").mkdir()
        (folder / "conf" / "config.yaml").write_text(CONFIG)
        (folder / "app.py").write_text(APP.format(n_epochs=N_EPOCHS))
        line = [sys.executable, "app.py", "--multirun", "hydra.sweep.dir=sweep", "hydra.sweeper.n_jobs=4"]
        line += [f"hydra.sweeper.n_trials={n_trials}", f"checkpoints={str(checkpoints).lower()}"]
        process = subprocess.Popen(line, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        chance = random.Random(0)  # noqa: S311 - which one is killed is no secret
        while process.poll() is None:
            time.sleep(0.5)
            if kills and (folder / "sweep" / "study.log").exists():
                running = [
                    t for t in study_of(folder / "sweep").get_trials(deepcopy=False) if t.state == TrialState.RUNNING
                ]
                owners = [owner.pid for t in running if t.intermediate_values and (owner := Attempt.of(t).owner)]
                alive = [pid for pid in owners if Path(f"/proc/{pid}").exists()]
                if alive:
                    os.kill(chance.choice(alive), signal.SIGKILL)
        return len((folder / "epochs").read_text().splitlines())


def digits(pruner: str, seed: int, n_trials: int) -> list[Any]:
    """Tune the example's network on the digits for up to 27 epochs; return the trials by their end."""
    with tempfile.TemporaryDirectory() as name:
        line = [sys.executable, str(ROOT / "examples" / "train.py"), "--multirun", f"hydra.sweep.dir={name}"]
        line += [f"hydra/sweeper/pruner={pruner}", f"hydra.sweeper.seed={seed}", f"hydra.sweeper.n_trials={n_trials}"]
        line += ["training.epochs=27", "hydra.sweeper.n_jobs=2", "hydra.sweeper.report=false"]
        line += ["hydra.sweeper.enqueue_base=false"]  # the example's own settings are good already
        if pruner == "asha_promote":
            line += ["hydra.sweeper.fidelity={path: training.epochs, min: 1, max: 27, factor: 3}"]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
        trials = study_of(Path(name)).trials
    return sorted(trials, key=lambda trial: trial.datetime_complete or trial.datetime_start)


def epochs_of(trial: Any, trials: list[Any]) -> int:
    """Return how many epochs an attempt itself has run: those that it took along are not its own."""
    first = Attempt.of(trial).repeats
    before = [t for t in trials if t.number < trial.number and first in (t.number, Attempt.of(t).repeats)]
    known = {step for t in before for step in t.intermediate_values} if first is not None else set()
    return len(set(trial.intermediate_values) - known)


def best_of(trials: list[Any]) -> float:
    """Return the best accuracy of a trial that ran to its end."""
    return float(max(trial.value for trial in trials if trial.state == TrialState.COMPLETE))


def epochs_until(trials: list[Any], goal: float) -> int:
    """Return how many epochs were run until a trial that reaches the goal had ended."""
    total = 0
    for trial in trials:
        total += epochs_of(trial, trials)
        if trial.state == TrialState.COMPLETE and trial.value >= goal:
            break
    return total


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200, help="of the sweep under kills; 0 leaves it out")
    parser.add_argument("--configurations", type=int, default=27)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    calm = epochs_under_kills(arguments.trials, kills=False, checkpoints=True) if arguments.trials else 0
    for checkpoints in (True, False) if arguments.trials else ():
        ran = epochs_under_kills(arguments.trials, kills=True, checkpoints=checkpoints)
        text = "with checkpoints" if checkpoints else "without"
        print(f"kills, {text}: {ran} epochs of {calm}: {ran / calm:.2f} (goal with: 1.10)", flush=True)
    ratios: dict[str, list[float]] = {}
    for seed in range(arguments.seeds):
        # Promotion spends a quarter of an epoch budget on as many configurations: it gets as many as cost the same.
        counts = {"asha_promote": 4, "median": 1, "nop": 1, "successive_halving": 1}
        runs = {pruner: digits(pruner, seed, count * arguments.configurations) for pruner, count in counts.items()}
        goal = min(best_of(trials) for trials in runs.values())
        until = {name: epochs_until(trials, goal) for name, trials in runs.items()}
        whole = {name: sum(epochs_of(trial, trials) for trial in trials) for name, trials in runs.items()}
        best = {name: f"{best_of(trials):.4f}" for name, trials in runs.items()}
        print(f"seed {seed}: best {best}, epochs in all {whole}, until {goal:.4f} {until}", flush=True)
        for name in ("median", "nop"):
            ratios.setdefault(f"promotion over {name}, until the same accuracy", []).append(
                until["asha_promote"] / until[name]
            )
        for name in ("median", "successive_halving"):
            ratios.setdefault(f"{name} over no pruning, in all", []).append(whole[name] / whole["nop"])
    for name, found in ratios.items():
        print(f"{name}: median {statistics.median(found):.2f} of {[round(ratio, 2) for ratio in found]}")


if __name__ == "__main__":
    main()
