"""Prints how often repeats give a configuration up, and how many runs that saves, by how much worse it is.

Run it: `python tests/benchmarks/giving_up.py`. The values of both are normal; the difference is in standard deviations
of one repeat. A best configuration is the luckiest of several that are equally good: the more, the harder to beat.
"""

from __future__ import annotations

import random
from statistics import fmean

from qgtune.study.repeats.setting import Repeats

N_GAMES = 4000
CASES = ((3, 0.25), (5, 0.25), (5, 0.1), (10, 0.05))


def given_up_after(repeats: Repeats, worse_by: float, n_equal: int, chance: random.Random) -> int:
    """Return after how many repeats a configuration is given up; of all where it is not."""
    tries = [{name: chance.gauss(0, 1) for name in repeats.names} for _ in range(n_equal)]
    best = min(tries, key=lambda values: fmean(values.values()))
    mine: dict[str, float] = {}
    for name in repeats.names[:-1]:
        mine[name] = worse_by + chance.gauss(0, 1)
        if repeats.gives_up(mine, best, maximize=False):
            return len(mine)
    return len(repeats.names)


def main() -> None:
    """Print a line a case."""
    for n, p in CASES:
        repeats = Repeats("seed", {f"seed={place}": place for place in range(n)}, p=p)
        for worse_by in (-1.0, 0.0, 1.0, 2.0):
            for n_equal in (1, 5):
                chance = random.Random(0)  # noqa: S311 - a simulation
                found = [given_up_after(repeats, worse_by, n_equal, chance) for _ in range(N_GAMES)]
                share, saved = fmean(one < n for one in found), 1 - fmean(found) / n
                print(
                    f"n {n:2} p {p:.2f} worse by {worse_by:+.0f} luckiest of {n_equal}: {share:.0%}, saves {saved:.0%}"
                )


if __name__ == "__main__":
    main()
