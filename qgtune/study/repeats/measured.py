"""What the repeats of a configuration gave, as the study keeps it."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from optuna.trial import FrozenTrial

ATTRIBUTE = "qgtune:repeats"
"""The user attribute that has it, of the trial that has the configuration's end."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The values of a configuration's repeats.

    Attributes:
        values: by the repeat's name.
        value: what counts of them.
    """

    values: Mapping[str, float]
    value: float

    @classmethod
    def of(cls, trial: FrozenTrial) -> Measured | None:
        """Read it; None for a trial that has none."""
        stored = trial.user_attrs.get(ATTRIBUTE)
        known = stored if isinstance(stored, dict) else {}
        values, value = known.get("values"), known.get("value")
        return cls(values, value) if isinstance(values, dict) and values and isinstance(value, float) else None

    def to_attribute(self) -> dict[str, Any]:
        """Return it as a JSON mapping, which says everything to who looks at the study with other tools."""
        return {"value": self.value, "n": self.n, "mean": self.mean, "spread": self.spread, "values": dict(self.values)}

    @property
    def n(self) -> int:
        """How many repeats there are."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Their mean."""
        return mean(list(self.values.values()))

    @property
    def spread(self) -> float | None:
        """Their standard deviation, by n - 1; None for one alone, or where one is infinite."""
        found = list(self.values.values())
        return statistics.stdev(found) if len(found) > 1 and all(map(math.isfinite, found)) else None

    def __str__(self) -> str:
        """Say it in a few words, beside the value: `mean 0.5, spread 0.1, n 3`, the mean where it is another value."""
        return ", ".join(f"{column} {self.cell(column)}" for column in columns([self]) if self.cell(column))

    def cell(self, column: str) -> str:
        """Return what stands in a column of a table; empty for what there is none of."""
        value = getattr(self, column)
        if value is None or isinstance(value, int):
            return "" if value is None else str(value)
        return f"{value:.{3 if column == 'spread' else 6}g}"


def mean(values: Sequence[float]) -> float:
    """Return the mean; NaN of infinities of both signs."""
    return statistics.fmean(values) if all(map(math.isfinite, values)) else sum(values) / len(values)


def columns(found: Iterable[Measured | None]) -> list[str]:
    """Return the columns that a table of trials has for repeats beside their value; none where there are no repeats."""
    known = [measured for measured in found if measured is not None]
    more = ["spread", "n"] if known else []
    return ["mean", *more] if any(measured.mean != measured.value for measured in known) else more
