"""What `qgtune confirm` and `ablate` answer with `--json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qgtune.results.proof.ablation import Ends, Step  # noqa: TC001 - the schemas are made of them
from qgtune.results.proof.confirmation import Confirmed  # noqa: TC001 - as above
from qgtune.results.proof.estimates import Estimate  # noqa: TC001 - as above


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
    trials: tuple[Confirmed, ...]
    rivals: tuple[int, ...]
    is_constant: bool


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
    ends: Ends
    start: float
    steps: tuple[Step, ...]
    total: Estimate
