"""How long a report takes, and how large it is: `python tests/benchmarks/report_bench.py [n_trials ...]`."""

from __future__ import annotations

import datetime as dt
import random
import sys
import tempfile
import time
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from qgtune.results.report import report
from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.attempts.owner import Owner

START = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - as Optuna stores times
SPACE: dict[str, BaseDistribution] = {
    **{f"model.layers.{index}.width": CategoricalDistribution([16, 32, 64, 128]) for index in range(6)},
    **{f"training.x{index}": FloatDistribution(0, 1) for index in range(4)},
    "training.lr": FloatDistribution(1e-5, 1e-1, log=True),
    "training.optimizer": CategoricalDistribution(["adam", "sgd"]),
}
N_STEPS = 50
N_WORKERS = 16


def make_trial(number: int, rng: random.Random) -> FrozenTrial:
    """Return a trial of a random end; every second one reported values."""
    params = {
        name: rng.choice(one.choices) if isinstance(one, CategoricalDistribution) else rng.uniform(1e-5, 1e-1)
        for name, one in SPACE.items()
    }
    value = rng.random()
    state = rng.choices([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL], [0.6, 0.35, 0.05])[0]
    start = START + dt.timedelta(seconds=30 * (number // N_WORKERS))
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=state,
        value=value if state == TrialState.COMPLETE else None,
        datetime_start=start,
        datetime_complete=start + dt.timedelta(seconds=rng.uniform(10, 29)),
        params=params,
        distributions=SPACE,
        user_attrs={ATTRIBUTE: Attempt(Owner("node", number % N_WORKERS + 1, 1, "node")).to_attribute()},
        system_attrs={},
        intermediate_values={step: value + 1 / (step + 1) for step in range(N_STEPS)} if number % 2 else {},
    )


def main() -> None:
    """Print seconds and megabytes by the number of trials; the first line holds the imports, too."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print(f"{'trials':>8} {'journal MB':>11} {'page s':>8} {'page MB':>8}")
    for n_trials in [int(text) for text in sys.argv[1:]] or [10, 1_000, 10_000]:
        with tempfile.TemporaryDirectory() as folder:
            journal, page = Path(folder, "study.log"), Path(folder, "report.html")
            rng = random.Random(0)  # noqa: S311 - the same figures each time
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
            made = optuna.create_study(storage=storage)
            made.add_trials([make_trial(number, rng) for number in range(n_trials)])
            before = time.perf_counter()
            report(str(journal), output=page)
            seconds = time.perf_counter() - before
            sizes = [path.stat().st_size / 1e6 for path in (journal, page)]
            print(f"{n_trials:>8} {sizes[0]:>11.1f} {seconds:>8.2f} {sizes[1]:>8.2f}")


if __name__ == "__main__":
    main()
