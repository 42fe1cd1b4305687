"""What samplers find on recorded trainings with simulated workers: no processes, so that hundreds of searches fit.

    python tests/benchmarks/quality/samplers.py [--tables 8] [--seeds 10] [--workers 4] [--trials 60]

A trial ends after the time that its training took. Compared with TPE as Optuna has it: its settings for several
workers, priors, and a warm start from another search. A good prior is one of the best 5 % of all configurations, a bad
one of the worst 20 %, by their true means.
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

from qgtune.study.algorithms.informed import InformedSampler, Knowledge

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    Make = Callable[[tables.Table, int, argparse.Namespace], BaseSampler]


def search(
    table: tables.Table, sampler: BaseSampler, seed: int, n_workers: int, n_trials: int
) -> tuple[list[rivals.Trial], list[FrozenTrial]]:
    """Run a search; return its trials in the order in which they ended, also as Optuna's."""
    study = optuna.create_study(sampler=sampler)
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


def values_of(table: tables.Table, index: int) -> dict[str, int | str]:
    """Return the values of a configuration."""
    found: dict[str, int | str] = {}
    for name, choices in reversed(table.space.items()):
        n_choices = choices if isinstance(choices, int) else len(choices)
        index, place = divmod(index, n_choices)
        found[name] = place if isinstance(choices, int) else choices[place]
    return found


def tpe(**settings: bool | int) -> Make:
    """Return what makes a TPE with these settings."""
    return lambda _table, seed, _arguments: TPESampler(seed=seed, **settings)  # type: ignore[arg-type]


def with_prior(low: float, high: float) -> Make:
    """Return what makes one that knows a prior: a configuration between two quantiles of the true means."""

    def make(table: tables.Table, seed: int, _arguments: argparse.Namespace) -> BaseSampler:
        ranked = np.argsort(table.means)
        chosen = int(ranked[int(random.Random(seed).uniform(low, high) * (len(ranked) - 1))])  # noqa: S311 - likewise
        return InformedSampler(TPESampler(seed=seed), Knowledge(prior=values_of(table, chosen)), seed)

    return make


def warm(table: tables.Table, seed: int, arguments: argparse.Namespace) -> BaseSampler:
    """Make one that knows another search's trials."""
    _ended, trials = search(table, TPESampler(seed=seed + 1000), seed + 1000, arguments.workers, arguments.trials)
    for trial in trials:
        trial.number -= len(trials)
    return InformedSampler(TPESampler(seed=seed), Knowledge(earlier=tuple(trials)), seed)


CONTESTANTS: dict[str, Make] = {
    "tpe": tpe(),
    "tpe, constant_liar": tpe(constant_liar=True),
    "tpe, multivariate": tpe(multivariate=True),
    "tpe, multivariate, constant_liar": tpe(multivariate=True, constant_liar=True),
    "tpe, 20 startup trials": tpe(n_startup_trials=20),
    "tpe, good prior": with_prior(0, 0.05),
    "tpe, bad prior": with_prior(0.8, 1),
    "tpe, warm start": warm,
    "random": lambda _table, seed, _arguments: RandomSampler(seed=seed),
}


def main() -> None:
    """Print a row for each sampler."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=8, help="how many of the eight")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--trials", type=int, default=60)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    finals: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    ratios: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for table_name in tables.NAMES[: arguments.tables]:
        table = tables.read(table_name)
        regrets = table.regrets()
        for seed in range(arguments.seeds):
            target, plain_s = 0.0, 0.0
            for name, make in CONTESTANTS.items():
                sampler = make(table, seed, arguments)
                ended, _trials = search(table, sampler, seed, arguments.workers, arguments.trials)
                steps = curves.incumbents(ended, regrets)
                if name == "tpe":
                    target = steps[-1][1]
                    plain_s = curves.time_to(steps, target)
                finals[name].append(steps[-1][1])
                ratios[name].append(curves.time_to(steps, target) / plain_s)
        print(f"{table_name} done", file=sys.stderr)
    n = arguments.tables * arguments.seeds
    print(f"{n} searches of {arguments.trials} trials on {arguments.workers} simulated workers\n")
    print("| sampler | final regret (mean) | time to TPE's final regret (median ratio) | reached |\n|---|---|---|---|")
    for name in CONTESTANTS:
        final = curves.interval(finals[name], lambda sample: float(sample.mean()))
        sooner = curves.interval(ratios[name])
        reached = sum(np.isfinite(ratios[name])) / n
        cells = [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in (final, sooner)]
        print(f"| {name} | {' | '.join(cells)} | {reached:.0%} |")


if __name__ == "__main__":
    main()
