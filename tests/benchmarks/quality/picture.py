"""Draw the curves of `run.py`: `python tests/benchmarks/quality/picture.py FOLDER` writes `FOLDER/regret.svg`."""

from __future__ import annotations

import sys
from pathlib import Path

import curves
import matplotlib as mpl
import numpy as np
import tables
from run import read

COLORS = {"qgtune": "#0b6e4f", "official": "#c8553d", "stock": "#4361ee", "random": "#888888"}
N_POINTS = 60


def main(folder: Path) -> None:
    """Draw one panel for each number of workers: the mean regret over the seconds, with its 95 % interval.

    A rival's curve begins where each of its runs has finished a trial.
    """
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "qgtune"
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    runs = read(folder / "trials.csv")
    regrets = {name: tables.read(name).regrets() for name in {key[0] for key in runs}}
    numbers = sorted({key[2] for key in runs})
    figure, axes = plt.subplots(1, len(numbers), figsize=(4.6 * len(numbers), 3.6), squeeze=False, sharey=True)
    for axis, n_workers in zip(axes[0], numbers, strict=True):
        mine = {key: trials for key, trials in runs.items() if key[2] == n_workers}
        times_s = np.geomspace(1, max(trials[-1].end_s for trials in mine.values()), N_POINTS).tolist()
        for rival in sorted({key[3] for key in mine}):
            steps = [curves.incumbents(trials, regrets[key[0]]) for key, trials in mine.items() if key[3] == rival]
            values = np.array([curves.at(one, times_s) for one in steps])
            started = [place for place in range(N_POINTS) if not np.isnan(values[:, place]).any()]
            bands = [curves.interval(values[:, place].tolist(), lambda s: float(s.mean())) for place in started]
            seconds = [times_s[place] for place in started]
            middle, low, high = zip(*bands, strict=True)
            axis.plot(seconds, middle, color=COLORS[rival], label=rival)
            axis.fill_between(seconds, low, high, color=COLORS[rival], alpha=0.15, linewidth=0)
        axis.set(
            xscale="log",
            yscale="log",
            xlabel="seconds since the command",
            title=f"{n_workers} worker{'s' * (n_workers > 1)}",
        )
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(ScalarFormatter())
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("true regret of the incumbent\n(1: the median configuration)")
    axes[0][-1].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(folder / "regret.svg", metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
