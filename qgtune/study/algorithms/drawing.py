"""Drawing a trial's values again until they satisfy the user's constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import optuna

from qgtune.errors import QGTuneError
from qgtune.study.optuna_private import Draft

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
OWN_DRAWS = 100
"""How many of the sampler's draws are tried; after that they are random ones, since a sampler may insist. One that
visits each point once goes on."""
DRAWS = 2000


def drawn(trial: optuna.Trial, draw: Callable[[optuna.Trial], T], broken: Callable[[T], str]) -> T:
    """Ask a trial for values until they satisfy all constraints; only those are written.

    Args:
        trial: has no values yet, but those that are given to it.
        draw: asks it for all of them.
        broken: names a constraint that they violate; the empty text for none.

    Raises:
        QGTuneError: when none of many draws satisfies them.
    """
    sampler = trial.study.sampler
    own_draws = DRAWS if isinstance(sampler, optuna.samplers.BruteForceSampler) else OWN_DRAWS
    draft = Draft(trial)
    why = ""
    try:
        for number in range(DRAWS):
            if number == own_draws:
                trial.study.sampler = optuna.samplers.RandomSampler(seed=trial.number)
            result = draw(trial)
            if not (why := broken(result)):
                return result
            draft.forget()
    finally:
        trial.study.sampler = sampler
        draft.close()
    raise QGTuneError(f"None of {DRAWS:,} draws satisfies where={why!r}.")
