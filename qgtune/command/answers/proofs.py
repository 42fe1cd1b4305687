"""What `qgtune confirm` and `ablate` answer with `--json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Worth:
    """A value and its 95 % interval.

    Attributes:
        value: the estimate.
        low: the lower end; null where there was one run only.
        high: the upper end; likewise.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ConfirmedTrial:
    """A trial that ran again.

    Attributes:
        trial: its number in the search.
        search: its value in the search.
        values: those of the fresh runs that completed.
        estimate: what it is worth; null where a run failed.
    """

    trial: int
    search: float
    values: tuple[float, ...]
    estimate: Worth | None


@dataclass(frozen=True, slots=True)
class ConfirmedTrials:
    """What `qgtune confirm` answers, and leaves in `confirm/confirm.json`.

    Attributes:
        best: the number of the best trial; null where of each a run failed.
        is_established: whether the runs tell it from all others.
        study: the name of the search's.
        direction: which way is better.
        path: of the seed.
        seeds: the fresh ones.
        trials: what each is worth, the best first, and then those of which a run failed.
        rivals: the numbers of those that the runs do not tell from the best.
        is_constant: whether each configuration gave the same value on every seed.
    """

    best: int | None
    is_established: bool
    study: str
    direction: Literal["minimize", "maximize"]
    path: str
    seeds: tuple[int, ...]
    trials: tuple[ConfirmedTrial, ...]
    rivals: tuple[int, ...]
    is_constant: bool


@dataclass(frozen=True, slots=True)
class WayEnds:
    """Where the way starts and where it leads, as config values by path.

    Attributes:
        base: the base settings' values for what is tuned.
        best: the trial's.
    """

    base: dict[str, Any]
    best: dict[str, Any]


@dataclass(frozen=True, slots=True)
class WayStep:
    """A change on the way.

    Attributes:
        changed: the paths that changed: one, or several that only run together.
        value: the mean behind the change.
        gain: by how much that is better than before; negative where it is worse.
    """

    changed: tuple[str, ...]
    value: float
    gain: Worth


@dataclass(frozen=True, slots=True)
class Ablated:
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
    direction: Literal["minimize", "maximize"]
    seeds: tuple[int, ...]
    ends: WayEnds
    start: float
    steps: tuple[WayStep, ...]
    total: Worth
