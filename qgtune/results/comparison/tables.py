"""A comparison as rows of text, which the page and the terminal share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgtune.results.table import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qgtune.results.comparison.contestants import Contestant

HEADS = ("sweep", "study", "best", "95 % interval", "trial", "trials", "time", "at equal trials", "at equal time")


def rows(found: Sequence[Contestant]) -> list[tuple[str, ...]]:
    """Return a row a sweep, the best first; those without a value are last."""
    n_trials, elapsed_s = common(found)
    return [
        (
            one.name,
            one.study,
            "" if one.best is None else f"{one.best.value:.6g}",
            "no trial completed" if one.best is None else one.best.sureness,
            "" if one.best is None else str(one.best.trial),
            str(one.n_ended),
            duration(one.elapsed_s),
            _text(one.curve.at_trials(n_trials)),
            _text(one.curve.at_time(elapsed_s)),
        )
        for one in ranked(found)
    ]


def ranked(found: Sequence[Contestant]) -> list[Contestant]:
    """Return the sweeps by their best values, those without one last."""
    there = [one for one in found if one.best is not None]
    there.sort(key=lambda one: one.best.value if one.best else 0.0, reverse=found[0].maximize)
    return [*there, *(one for one in found if one.best is None)]


def common(found: Sequence[Contestant]) -> tuple[int, float]:
    """Return how many trials, and seconds, all sweeps had."""
    return min(one.n_ended for one in found), min(one.elapsed_s for one in found)


def aim(found: Sequence[Contestant]) -> str:
    """Say which way is better."""
    return "maximize" if found[0].maximize else "minimize"


def notes(found: Sequence[Contestant]) -> list[str]:
    """Say what the reader must know of the numbers."""
    n_trials, elapsed_s = common(found)
    said = [f"Equal trials are {n_trials}, equal time is {duration(elapsed_s)}: what the shorter of the sweeps had."]
    if any(one.best is not None and one.best.low is None for one in found):
        said.append(
            "A single best value is the luckiest of many draws: run the best configurations on several seeds before "
            "you take a small difference for one."
        )
    names = {one.objective for one in found}
    if len(names) > 1:
        said.append(f"The objectives have different names: {', '.join(sorted(name or 'none' for name in names))}.")
    return said


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
