"""The setting `repeats`. Hydra imports this in every app: keep it light."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qgtune import checks
from qgtune.errors import QGTuneError
from qgtune.space.paths import format_path, parse_path
from qgtune.study.repeats.measured import mean
from qgtune.study.repeats.wilcoxon import p_worse

REDUCTIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": mean,
    "median": statistics.median,
    "min": min,
    "max": max,
}
P = 0.25
"""From how small a p-value on a configuration is given up: two repeats that are both worse have it."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often each configuration runs, and what counts of it.

    Attributes:
        path: of the config, whose value differs between the repeats.
        values: what it is set to, one a repeat, by the repeat's name: `seed=1`, say, which its folder has.
        reduce: what makes one value of those of all repeats.
        p: a configuration is given up once its repeats so far are worse than those of the best one with a p-value of
            this or less; 0 for never.
    """

    path: str
    values: Mapping[str, Any]
    reduce: str = "mean"
    p: float = P

    @classmethod
    def read(cls, given: Any) -> Repeats | None:
        """Read the setting; null for none.

        Raises:
            ValueError: with the first thing that is wrong with it.
        """
        if given is None:
            return None
        known = checks.mapping(given)
        if unknown := sorted(set(known) - {"path", "values", "reduce", "p"}):
            raise ValueError(f"there is no {unknown[0]}: give path, values, reduce and p")
        if not {"path", "values"} <= set(known):
            raise ValueError("give path and values: what differs between the repeats, and the values that it has")
        path = _path(known["path"])
        reduce, p = known.get("reduce", "mean"), known.get("p", P)
        if reduce not in REDUCTIONS:
            raise ValueError(f"reduce must be {', '.join(REDUCTIONS)}")
        return cls(path, _named(path, known["values"]), str(reduce), checks.number(0, 0.5)(p))

    @property
    def names(self) -> list[str]:
        """The repeats by name, in the order in which they start."""
        return list(self.values)

    @property
    def n_to_decide(self) -> int | None:
        """How many repeats it takes at least to give a configuration up; None where none ever is."""
        n = math.ceil(-math.log2(self.p)) if self.p else len(self.values)
        return n if n < len(self.values) else None

    def reduced(self, values: Sequence[float]) -> float:
        """Return what counts of the values of some repeats."""
        return REDUCTIONS[self.reduce](values)

    def gives_up(self, mine: Mapping[str, float], best: Mapping[str, float], *, maximize: bool) -> bool:
        """Say whether a configuration's repeats so far say that it is worse than the best one.

        Pairs are of the same name. As in Optuna's `WilcoxonPruner`, one whose value so far is no worse than the best
        one's goes on, whatever the pairs say.

        Args:
            mine: the values of the repeats that have ended, by name.
            best: those of the best configuration.
            maximize: whether higher values are better.
        """
        pairs = [(value, best[name]) for name, value in mine.items() if name in best]
        if not self.p or not pairs:
            return False
        sign = -1 if maximize else 1
        is_worse = sign * self.reduced(list(mine.values())) > sign * self.reduced(list(best.values()))
        return is_worse and p_worse([sign * (value - other) for value, other in pairs]) <= self.p


def _path(given: Any) -> str:
    try:
        return format_path(parse_path(checks.text(given)))
    except QGTuneError as error:
        raise ValueError(f"path: {error}".rstrip(".")) from None


def _named(path: str, given: Any) -> dict[str, Any]:
    """Return the values by the names of their repeats."""
    items = checks.items(given)
    if len(items) < 2:  # noqa: PLR2004
        raise ValueError(f"give two values or more: {path}=<value> is enough for one")
    values: dict[str, Any] = {}
    for value in items:
        if value is None or isinstance(value, (Mapping, list, tuple)):
            raise ValueError(f"each of the values must be a number, a text, true or false, not {value!r}")
        text = value if isinstance(value, str) else json.dumps(value)
        name = f"{path}={text.replace('/', '_')}"
        if name in values:
            raise ValueError(f"the value {value!r} stands there twice, so that it would make no difference")
        values[name] = value
    return values
