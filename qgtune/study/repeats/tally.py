"""Which configurations have which repeats, and which of them have their end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optuna.trial import TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.trial import FrozenTrial

    from qgtune.study.attempts.attempt import Attempt


@dataclass(slots=True)
class Configuration:
    """One configuration.

    Attributes:
        own: the repeat that its first attempt is.
        drawn: an attempt that has all of its values; None while nobody has drawn them.
        values: those of the repeats that have ended, by name.
        end: how it ended: `complete`, `pruned`, `failed` or `lost`; empty while it goes on.
        ended_by: the attempt that has this end; None while it goes on.
    """

    own: str
    drawn: FrozenTrial | None = None
    values: dict[str, float] = field(default_factory=dict)
    end: str = ""
    ended_by: FrozenTrial | None = None


@dataclass(slots=True)
class Configurations:
    """Those of a study whose configurations have repeats; each is named by the number of its first attempt.

    Attributes:
        n_values: how many repeats have ended with a value, whatever became of their configurations.
    """

    n_values: int = 0
    _known: dict[int, Configuration] = field(default_factory=dict)
    _open: dict[int, Configuration] = field(default_factory=dict)
    _running: set[int] = field(default_factory=set)

    def __getitem__(self, first: int) -> Configuration:
        """Return a configuration."""
        return self._known[first]

    def forget_running(self) -> None:
        """Forget who runs: `take` says it again."""
        self._running.clear()

    def take(self, trial: FrozenTrial, attempt: Attempt) -> None:
        """Take in an attempt, which may run or have ended."""
        if not attempt.replicate or not attempt.counts:
            return
        first = attempt.first(trial.number)
        if first not in self._known:
            self._known[first] = self._open[first] = Configuration(attempt.replicate)
        if attempt.is_drawn and self._known[first].drawn is None:
            self._known[first].drawn = trial
        if trial.state == TrialState.RUNNING:
            self._running.add(first)

    def ends(self, trial: FrozenTrial, attempt: Attempt) -> list[tuple[FrozenTrial, int]]:
        """Take in an attempt that is not run again; say which attempts count as ends, and which no longer do.

        Each counts where there are no repeats. Of several repeats one does, though several may have an end: what runs
        when its configuration is given up may yet fail. `_RANKS` says which, since some processes read attempts as they
        end and others by their numbers; so one that was counted may be taken back.

        Returns:
            Attempts, each with 1 if it counts, -1 if it is taken back.
        """
        if not attempt.replicate:
            return [(trial, 1)]
        first = attempt.first(trial.number)
        one = self._known[first]
        if attempt.score is not None:
            one.values[attempt.replicate] = attempt.score
            self.n_values += 1
        end, before = attempt.end or "", one.ended_by
        if _RANKS.get(end, 0) <= _RANKS.get(one.end, 0):
            return []
        one.end, one.ended_by = end, trial
        self._open.pop(first, None)
        return [(trial, 1)] if before is None else [(before, -1), (trial, 1)]

    @property
    def n_running(self) -> int:
        """How many configurations run: an attempt at them does, and they have no end."""
        return len(self._running & self._open.keys())

    @property
    def is_drawing(self) -> bool:
        """Whether one runs whose values are not all drawn yet."""
        return any(self._open[first].drawn is None for first in self._running & self._open.keys())

    @property
    def n_measured(self) -> int:
        """How many repeats have ended of configurations that go on."""
        return sum(len(one.values) for one in self._open.values())

    def goes_on(self, first: int) -> bool:
        """Say whether a configuration is known, and has no end."""
        return first in self._open

    def missing(self, names: Sequence[str], is_started: Callable[[int, str], bool]) -> tuple[FrozenTrial, str] | None:
        """Return a repeat that nobody has started, of the oldest configuration that lacks one.

        Args:
            names: of all repeats.
            is_started: says whether an attempt at a configuration's repeat was created.

        Returns:
            An attempt at the configuration, which has its values, and the repeat's name; None if there is none.
        """
        for first, one in self._open.items():
            for name in names:
                if one.drawn is not None and name != one.own and not is_started(first, name):
                    return one.drawn, name
        return None


_RANKS = {"lost": 1, "failed": 2, "pruned": 3, "complete": 4}
"""Which of several ends counts as the configuration's, whoever was first: the one of the highest rank, as in tables."""
