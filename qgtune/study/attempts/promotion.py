"""Promotion: a configuration runs to a rung and pauses there; the best of each rung go on when a worker is free.

Asynchronous successive halving (Li et al., 2020): no worker waits for a rung to fill.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qgtune import checks

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How far configurations run before it is decided who goes on.

    Attributes:
        min: the steps of the first rung.
        max: the steps of a configuration that completes.
        factor: one in so many goes on, with so many times the steps.
        path: of the config, whose value is set to the steps; empty where the function asks `qgtune.target_step()`.
    """

    min: int
    max: int
    factor: int = 3
    path: str = ""

    @classmethod
    def read(cls, given: Any) -> Fidelity | None:
        """Read the setting.

        Raises:
            ValueError: when it is no mapping with `min` and `max`, or these make no rungs.
        """
        if given is None:
            return None
        known = checks.mapping(given)
        if unknown := sorted(set(known) - {"min", "max", "factor", "path"}):
            raise ValueError(f"there is no {unknown[0]}: give path, min, max and factor")
        if not {"min", "max"} <= set(known):
            raise ValueError("give min and max, the steps of the first rung and of the last")
        low, high, factor = (checks.whole(1)(known.get(name, 3)) for name in ("min", "max", "factor"))
        if low >= high or factor < 2:  # noqa: PLR2004 - one in one would be everybody
            raise ValueError("min must be below max, and factor 2 or more")
        path = known.get("path")
        return cls(low, high, factor, "" if path is None else checks.text(path))

    @property
    def rungs(self) -> list[int]:
        """The steps of each rung; the last one is `max`."""
        found = [self.min]
        while found[-1] * self.factor < self.max:
            found.append(found[-1] * self.factor)
        return [*found, self.max]


@dataclass(slots=True)
class Rungs:
    """Who has reached which rung."""

    _scores: dict[int, dict[int, float]] = field(default_factory=dict)
    _paused: dict[int, tuple[int, FrozenTrial]] = field(default_factory=dict)
    _going_on: dict[int, tuple[int, FrozenTrial]] = field(default_factory=dict)

    def pause(self, first: int, rung: int, score: float, trial: FrozenTrial) -> None:
        """Take note that a configuration, named by its first attempt, has paused at a rung."""
        self._scores.setdefault(rung, {})[first] = score
        self._paused[first] = rung, trial

    def go_on(self, first: int, number: int) -> bool:
        """Take note that trial `number` goes on with a configuration; say whether that was paused until now."""
        if first not in self._paused:
            return False
        self._going_on[number] = self._paused.pop(first)
        return True

    def take_back(self, first: int, number: int) -> bool:
        """Take note that trial `number` did not go on after all; say whether its configuration is paused again."""
        if number not in self._going_on:
            return False
        self._paused[first] = self._going_on.pop(number)
        return True

    def promotable(self, factor: int, *, maximize: bool) -> FrozenTrial | None:
        """Return the attempt that is to go on next, from the highest rung that has one; None if none is good enough."""
        for rung in sorted(self._scores, reverse=True):
            ranked = self._ranked(rung, maximize=maximize)
            for first in ranked[: len(ranked) // factor]:
                if self._paused.get(first, (-1,))[0] == rung:
                    return self._paused[first][1]
        return None

    def best_paused(self, *, maximize: bool) -> FrozenTrial | None:
        """Return the best attempt that is paused at the highest rung, for when nobody would complete otherwise."""
        rungs = [rung for rung, _trial in self._paused.values()]
        if not rungs:
            return None
        ranked = self._ranked(max(rungs), maximize=maximize)
        return next(self._paused[first][1] for first in ranked if self._paused.get(first, (-1,))[0] == max(rungs))

    def _ranked(self, rung: int, *, maximize: bool) -> list[int]:
        """Return who has reached a rung, the best first; of equals the earlier one, and NaN last."""

        def key(first: int) -> tuple[bool, float, int]:
            score = self._scores[rung][first]
            return math.isnan(score), -score if maximize else score, first

        return sorted(self._scores[rung], key=key)
