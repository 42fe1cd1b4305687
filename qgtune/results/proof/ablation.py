"""Which change of the base settings brought how much, on the way to a trial of a search."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from qgtune.results.proof.estimates import CONFIDENCE, Estimate, Layout, difference_error
from qgtune.results.proof.student import t_quantile
from qgtune.space.stored import is_same
from qgtune.study.objectives import Direction  # noqa: TC001 - the schema of the answer is made of it

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    Point = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the way starts and where it leads, as config values by path.

    Attributes:
        base: the base settings' values for what is tuned.
        best: a trial's.
    """

    base: dict[str, Any]
    best: dict[str, Any]

    @property
    def changes(self) -> list[str]:
        """The paths that both have, with other values: each is a change of its own."""
        return [path for path in self.best if path in self.base and not is_same(self.base[path], self.best[path])]

    @property
    def brought(self) -> list[str]:
        """The paths that only the trial has: a choice brings them along, or the base settings have no value there."""
        return [path for path in self.best if path not in self.base]

    def after(self, changed: Collection[str]) -> dict[str, Any]:
        """Return the point on the way where these changes have been made.

        It has a value for whatever may be asked for there; what is not asked for beside its choices is passed over.
        """
        taken = {path: (self.best if path in changed else self.base)[path] for path in self.changes}
        return {**self.base, **self.best, **taken}


@dataclass(frozen=True, slots=True)
class Step:
    """A change on the way.

    Attributes:
        changed: the paths that changed: one, or several that only run together.
        value: the mean at the point behind the change.
        gain: by how much that is better than before; negative where it is worse.
    """

    changed: tuple[str, ...]
    value: float
    gain: Estimate


@dataclass(frozen=True, slots=True)
class Ablation:
    """What `qgtune ablate` answers, and leaves in `ablate/ablate.json`.

    Attributes:
        trial: the number of the trial that the way leads to.
        direction: which way is better.
        seeds: on which each point ran; empty for single runs with the search's own.
        ends: where the way starts and where it leads.
        start: the mean of the base settings.
        steps: the changes; their gains add up to the total.
        total: the gain of all together.
    """

    trial: int
    direction: Direction
    seeds: tuple[int, ...]
    ends: Ends
    start: float
    steps: tuple[Step, ...]
    total: Estimate

    @classmethod
    def of(
        cls,
        trial: int,
        seeds: Sequence[int],
        ends: Ends,
        way: Sequence[tuple[tuple[str, ...], Sequence[float]]],
        others: Sequence[Sequence[float]],
        *,
        maximize: bool,
    ) -> Ablation:
        """Judge a way.

        Args:
            trial: the number of the trial that it leads to.
            seeds: on which each point ran.
            ends: where it starts and leads.
            way: the points on it, the base settings first: what changed there, and the values of its runs in the order
                of the seeds.
            others: the values of the runs of points beside the way: they tell of the noise, too.
            maximize: whether higher values are better.
        """
        sign = 1 if maximize else -1
        layout = Layout.of([*(values for _changed, values in way), *others])
        half = None
        if layout.n_seeds > 1:
            half = t_quantile((1 + CONFIDENCE) / 2, layout.df) * difference_error(layout)

        def gain(value: float) -> Estimate:
            return Estimate(value, None, None) if half is None else Estimate(value, value - half, value + half)

        means = layout.means[: len(way)]
        gains = [sign * (after - before) for before, after in itertools.pairwise(means)]
        steps = [
            Step(changed, mean, gain(value))
            for (changed, _values), mean, value in zip(way[1:], means[1:], gains, strict=True)
        ]
        direction: Direction = "maximize" if maximize else "minimize"
        return cls(trial, direction, tuple(seeds), ends, means[0], tuple(steps), gain(math.fsum(gains)))

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=2)
