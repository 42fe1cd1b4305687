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
    """

    own: str
    drawn: FrozenTrial | None = None
    values: dict[str, float] = field(default_factory=dict)
    end: str = ""


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

    def ends_one(self, trial: FrozenTrial, attempt: Attempt) -> bool:
        """Take in an attempt that is not run again; say whether that ends what counts as one of the total.

        It does where there are no repeats. Of several repeats the first that is pruned or fails does, or the last.
        """
        if not attempt.replicate:
            return True
        first = attempt.first(trial.number)
        one = self._known[first]
        if attempt.score is not None:
            one.values[attempt.replicate] = attempt.score
            self.n_values += 1
        if attempt.end == "measured" or one.end:
            return False
        one.end = attempt.end or ""
        del self._open[first]
        return True

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
