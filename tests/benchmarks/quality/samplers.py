"""What samplers find on recorded trainings with simulated workers: no processes, so that hundreds of searches fit.

    python tests/benchmarks/quality/samplers.py [--tables 8] [--seeds 15] [--workers 4] [--trials 60]

A trial ends after the time that its training took. Compared with TPE as Optuna has it: its settings for several
workers, priors, and a warm start from another search. A good prior is one of the best 5 % of all configurations, a bad
one of the worst 20 %, by their true means; it is tried first, as the base settings are.

One search says little: what counts is when the mean over all searches is where the mean of the TPE searches ends. So
that all get there, each search goes on for twice as many trials as those of TPE.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import curves
import numpy as np
import optuna
import rivals
import tables
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

sys.path.insert(0, str(Path(__file__).parents[3]))

from qgtune.study.algorithms.informed import Knowledge

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    Floats = NDArray[np.float64]
    Steps = list[tuple[float, float]]
    Point = dict[str, int | str]
    Make = Callable[[tables.Table, int, argparse.Namespace], tuple[BaseSampler, Point]]

TIMES = np.linspace(0.01, 4, 800)
"""When regrets are looked at, as parts of the time that a search by TPE takes on the table."""
END = int(np.searchsorted(TIMES, 1.0))
TPE = "tpe"
N_TPE = 3
"""How many searches by TPE there are for each other one: their mean is what all are compared with."""


def search(
    table: tables.Table, sampler: BaseSampler, first: Point, seed: int, n_workers: int, n_trials: int
) -> tuple[list[rivals.Trial], list[FrozenTrial]]:
    """Run a search from a known point, if there is one; return its trials as they ended, also as Optuna's."""
    study = optuna.create_study(sampler=sampler)
    if first:
        study.enqueue_trial(first)
    space = distributions(table)
    chance = random.Random(seed)  # noqa: S311 - which recording it is
    running: list[tuple[float, int, optuna.Trial, rivals.Trial]] = []
    ended: list[rivals.Trial] = []
    now_s = 0.0
    for number in range(n_trials + n_workers):
        if number >= n_workers:
            now_s, _number, trial, result = heapq.heappop(running)
            study.tell(trial, result.loss)
            ended.append(result)
        if number < n_trials:
            trial = study.ask(space)
            index = table.index(trial.params)
            recording = chance.randrange(table.losses.shape[1])
            took_s = float(table.times_s[index, recording])
            result = rivals.Trial(now_s, now_s + took_s, index, float(table.losses[index, recording]), took_s)
            heapq.heappush(running, (result.end_s, number, trial, result))
    return ended, study.get_trials(deepcopy=False)


def distributions(table: tables.Table) -> dict[str, BaseDistribution]:
    """Return the space as Optuna has it."""
    return {
        name: IntDistribution(0, choices - 1) if isinstance(choices, int) else CategoricalDistribution(choices)
        for name, choices in table.space.items()
    }


def values_of(table: tables.Table, index: int) -> Point:
    """Return the values of a configuration."""
    found: Point = {}
    for name, choices in reversed(table.space.items()):
        n_choices = choices if isinstance(choices, int) else len(choices)
        index, place = divmod(index, n_choices)
        found[name] = place if isinstance(choices, int) else choices[place]
    return found


def tpe(**settings: bool | int) -> Make:
    """Return what makes a TPE with these settings."""
    return lambda _table, seed, _arguments: (TPESampler(seed=seed, **settings), {})  # type: ignore[arg-type]


def with_prior(low: float, high: float, *, informs: bool = True) -> Make:
    """Return what makes one that knows a prior, or only starts there: one between two quantiles of the true means."""

    def make(table: tables.Table, seed: int, _arguments: argparse.Namespace) -> tuple[BaseSampler, Point]:
        ranked = np.argsort(table.means)
        chosen = int(ranked[int(random.Random(seed).uniform(low, high) * (len(ranked) - 1))])  # noqa: S311 - likewise
        prior = values_of(table, chosen)
        return Knowledge(prior=prior if informs else {}).given_to(TPESampler(seed=seed), seed), prior

    return make


def warm(table: tables.Table, seed: int, arguments: argparse.Namespace) -> tuple[BaseSampler, Point]:
    """Make one that knows another search's trials."""
    other = seed + 1000
    _ended, trials = search(table, TPESampler(seed=other), {}, other, arguments.workers, arguments.trials)
    for trial in trials:
        trial.number -= len(trials)
    return Knowledge(earlier=tuple(trials)).given_to(TPESampler(seed=seed), seed), {}


CONTESTANTS: dict[str, Make] = {
    TPE: tpe(),
    "tpe, constant_liar off": tpe(constant_liar=False),
    "tpe, multivariate off": tpe(multivariate=False),
    "tpe, 20 startup trials": tpe(n_startup_trials=20),
    "tpe, good prior": with_prior(0, 0.05),
    "tpe, starts from that": with_prior(0, 0.05, informs=False),
    "tpe, bad prior": with_prior(0.8, 1),
    "tpe, starts from that one": with_prior(0.8, 1, informs=False),
    "tpe, warm start": warm,
    "random": lambda _table, seed, _arguments: (RandomSampler(seed=seed), {}),
}


def searched(table: tables.Table, name: str, arguments: argparse.Namespace) -> list[tuple[Steps, float]]:
    """Search a table with each seed; return what each search took for the best by when, and when it ended."""
    regrets, found = table.regrets(), []
    for seed in range(arguments.seeds * (N_TPE if name == TPE else 1)):
        sampler, first = CONTESTANTS[name](table, seed, arguments)
        n_trials = arguments.trials * (1 if name == TPE else 2)
        ended, _trials = search(table, sampler, first, seed, arguments.workers, n_trials)
        found.append((curves.incumbents(ended, regrets), ended[-1].end_s))
    return found


def sooner(searches: Floats, by_tpe: Floats) -> float:
    """Return when the mean of searches is where the mean of TPE's ends, over when that one is; infinity for never.

    Args:
        searches: regrets, tables x seeds x `TIMES`.
        by_tpe: likewise.
    """
    return curves.sooner(searches.mean(axis=(0, 1)), by_tpe.mean(axis=(0, 1)), TIMES, END)


def main() -> None:
    """Print a row for each sampler."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=8, help="how many of the eight")
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--trials", type=int, default=60)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    rows: dict[str, list[list[Floats]]] = {name: [] for name in CONTESTANTS}
    for table_name in tables.NAMES[: arguments.tables]:
        table = tables.read(table_name)
        searches = {name: searched(table, name, arguments) for name in CONTESTANTS}
        unit_s = float(np.median([end_s for _steps, end_s in searches[TPE]]))
        times_s = [float(time) * unit_s for time in TIMES]
        for name, found in searches.items():
            rows[name].append([curves.sampled(steps, times_s) for steps, _end_s in found])
        print(f"{table_name} done", file=sys.stderr)
    regrets = {name: np.array(found) for name, found in rows.items()}
    print(f"{arguments.tables} tables, {arguments.seeds} seeds, {arguments.trials} trials, {arguments.workers} workers")
    print("\n| sampler | final regret | time to the final regret of TPE |\n|---|---|---|")
    chance = np.random.default_rng(0)
    for name, curve in regrets.items():
        ratios = []
        for _ in range(curves.N_RESAMPLES // 10):
            seeds = chance.integers(arguments.seeds, size=arguments.seeds)
            same = np.concatenate([seeds + k * arguments.seeds for k in range(N_TPE)])
            ratios.append(sooner(curve[:, seeds], regrets[TPE][:, same]))
        low, high = np.quantile(ratios, [0.025, 0.975], method="closest_observation")
        final = curve[:, :, END].mean()
        print(f"| {name} | {final:.3f} | {sooner(curve, regrets[TPE]):.2f} [{low:.2f}, {high:.2f}] |")


if __name__ == "__main__":
    main()
