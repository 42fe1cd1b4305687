"""A study that shows some of its trials only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from optuna.trial import FrozenTrial, TrialState


class Excerpt(optuna.Study):
    """A study whose trials are the given ones, with their own numbers; Optuna takes it for the study.

    It lives in memory: nothing is read from the real study's storage any more.

    Args:
        directions: of the objectives.
        trials: what it shows.
    """

    def __init__(self, directions: Sequence[str], trials: Sequence[FrozenTrial]) -> None:
        storage = InMemoryStorage()
        storage.create_new_study([StudyDirection[direction.upper()] for direction in directions], "excerpt")
        super().__init__("excerpt", storage)
        self._excerpt = list(trials)

    def get_trials(
        self,
        deepcopy: bool = True,  # noqa: FBT001, FBT002 - as Optuna has it
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials, as Optuna's `Study.get_trials` does; they are never copied."""
        del deepcopy
        return [trial for trial in self._excerpt if states is None or trial.state in states]


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    return [items[round(index * last / (most - 1))] for index in range(most)]
