"""What pruners save and what they lose: recorded curves of real trainings, pruned again by each of them.

    python tests/benchmarks/pruners.py [--configs 100] [--orders 100]

Random configurations of three tasks are trained to their ends once. A search then takes them in a random order and runs
each as long as the pruner lets it, until as many steps are spent as 10, 30 or 60 whole trainings take. Steps are
counted, not seconds: the figures are the same on any machine.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from hydra import compose, initialize_config_dir
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)

from qgtune.study.algorithms.pruning import WorstQuarterPruner

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))

if TYPE_CHECKING:
    from collections.abc import Callable

    Curves = list[list[float]]

BUDGETS = (10, 30, 60)
"""How many whole trainings a search may take the steps of."""
PRUNERS: dict[str, Callable[[int], BasePruner]] = {
    "none": lambda _n: NopPruner(),
    "worst quarter, not at the first step (the default)": lambda _n: WorstQuarterPruner(),
    "worst quarter": lambda _n: PercentilePruner(75.0),
    "worst quarter, 10 startup trials": lambda _n: WorstQuarterPruner(n_startup_trials=10),
    "median, as Optuna's default": lambda _n: MedianPruner(),
    "median, 10 startup trials": lambda _n: MedianPruner(n_startup_trials=10),
    "median, a third to warm up": lambda n: MedianPruner(n_warmup_steps=n // 3),
    "successive halving": lambda _n: SuccessiveHalvingPruner(),
    "hyperband": lambda n: HyperbandPruner(max_resource=n),
}


def of_digits(n_configs: int, *overrides: str) -> Curves:
    """Train the example's classifier; return the validation accuracy after each epoch, of each configuration."""
    from fit import fit

    chance, curves = random.Random(0), []  # noqa: S311 - for sampling
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for _number in range(n_configs):
            sampled = [f"training.lr={10 ** chance.uniform(-4, -1)}"]
            sampled += [f"training.batch_size={chance.choice([16, 32, 64])}"]
            sampled += [f"training.optimizer={chance.choice(['adam', 'adamw', 'sgd'])}"]
            for layer, widths in enumerate(([32, 64, 128], [32, 64, 128], [32, 64])):
                width = chance.choice(widths)
                follows = f"model.nn.{layer + 1}" if layer < 2 else "model.head"
                sampled += [f"model.nn.{layer}.out_dim={width}", f"{follows}.in_dim={width}"]
                sampled += [f"model.nn.{layer}.dropout={chance.choice([0.0, 0.1, 0.2, 0.3, 0.4])}"]
            config = compose("config", [*sampled, *overrides])
            curve: list[float] = []
            fit(config, lambda value, _epoch, curve=curve: curve.append(value))  # type: ignore[misc]
            curves.append(curve)
    return curves


def of_trees(n_configs: int) -> Curves:
    """Boost trees on the breast cancer data; return the negated validation loss after each round."""
    import xgboost
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    features, labels = load_breast_cancer(return_X_y=True)
    parts = train_test_split(features, labels, test_size=0.3, random_state=0, stratify=labels)
    train, validation = (xgboost.DMatrix(parts[i], parts[i + 2]) for i in (0, 1))
    chance, curves = random.Random(0), []  # noqa: S311 - for sampling
    for _number in range(n_configs):
        settings: dict[str, Any] = {"objective": "binary:logistic", "nthread": 1, "max_depth": chance.randint(2, 8)}
        settings |= {"eta": 0.01 * 50 ** chance.random(), "subsample": chance.uniform(0.5, 1)}
        settings["lambda"] = 10 ** chance.uniform(-3, 1)
        seen: dict[str, Any] = {}
        xgboost.train(settings, train, 60, evals=[(validation, "validation")], evals_result=seen, verbose_eval=False)
        curves.append([-loss for loss in seen["validation"]["logloss"]])
    return curves


TASKS: dict[str, Callable[[int], Curves]] = {
    "digits, 15 epochs": of_digits,
    "a fifth of the digits, 15 epochs": lambda n: of_digits(n, "data.validation_fraction=0.8"),
    "boosted trees, 60 rounds": of_trees,
}


class Search:
    """What a search comes to.

    Attributes:
        best: the best value of a configuration that was trained to its end.
        n_trials: how many configurations were begun.
        n_at_once: how many ended with their first step.
    """

    def __init__(self, curves: Curves, pruner: BasePruner, n_steps: int) -> None:
        """Take configurations in their order until so many steps are spent."""
        study = optuna.create_study(direction="maximize", pruner=pruner, study_name="replayed")
        self.best, self.n_trials, self.n_at_once = -float("inf"), 0, 0
        for curve in curves:
            if n_steps < len(curve):
                break
            trial = study.ask()
            self.n_trials += 1
            n_steps -= self._run(study, trial, curve)

    def _run(self, study: optuna.Study, trial: optuna.Trial, curve: list[float]) -> int:
        for step, value in enumerate(curve):
            trial.report(value, step)
            if step < len(curve) - 1 and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                self.n_at_once += step == 0
                return step + 1
        study.tell(trial, curve[-1])
        self.best = max(self.best, curve[-1])
        return len(curve)


def main() -> None:
    """Print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", type=int, default=100, help="how many are trained")
    parser.add_argument("--orders", type=int, default=100, help="how many searches of each pruner")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for name, record in TASKS.items():
        curves = record(arguments.configs)
        finals = np.array([curve[-1] for curve in curves])
        spread = finals.max() - np.median(finals)
        heads = (f"regret after {n} | begun" for n in BUDGETS)
        print(f"\n{name}\n\n| pruner | {' | '.join(heads)} | ended at once |\n|---|{'---|' * (2 * len(BUDGETS) + 1)}")
        for pruner, make in PRUNERS.items():
            row, at_once = [], 0.0
            for budget in BUDGETS:
                found = []
                for seed in range(arguments.orders):
                    order = random.Random(seed).choices(curves, k=20 * budget)  # noqa: S311 - for sampling
                    found.append(Search(order, make(len(curves[0])), budget * len(curves[0])))
                regret = statistics.fmean((finals.max() - one.best) / spread for one in found)
                row += [f"{regret:.3f}", f"{statistics.fmean(one.n_trials for one in found):.0f}"]
                at_once = statistics.fmean(one.n_at_once / one.n_trials for one in found)
            print(f"| {pruner} | {' | '.join(row)} | {at_once:.0%} |", flush=True)


if __name__ == "__main__":
    main()
