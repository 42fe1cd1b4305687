"""The trials of a study, listed so that a long study costs no more than a short one."""

from __future__ import annotations

from bisect import bisect_left, insort
from operator import attrgetter
from typing import TYPE_CHECKING

from optuna.trial import TrialState

if TYPE_CHECKING:
    from collections.abc import Container

    from optuna.trial import FrozenTrial

_number = attrgetter("number")


class TrialList:
    """A study's trials by number, and by state."""

    def __init__(self) -> None:
        self._all: list[FrozenTrial] = []
        self._by_state: dict[TrialState, list[FrozenTrial]] = {state: [] for state in TrialState}

    def put(self, trial: FrozenTrial) -> None:
        """Add the trial, or let it take the place of the one of its number."""
        number = trial.number
        if number == len(self._all):
            self._all.append(trial)
        else:
            previous, self._all[number] = self._all[number], trial
            group = self._by_state[previous.state]
            index = bisect_left(group, number, key=_number)
            if previous.state == trial.state:
                group[index] = trial
                return
            del group[index]
        insort(self._by_state[trial.state], trial, key=_number)

    def select(self, states: Container[TrialState] | None) -> list[FrozenTrial]:
        """Return the trials in these states, in a list of the caller's own; None means all."""
        if states is None:
            return self._all.copy()
        groups = [group for state, group in self._by_state.items() if state in states and group]
        if len(groups) == 1:
            return groups[0].copy()
        return sorted((trial for group in groups for trial in group), key=_number)
