"""What a study optimises, and what a trial's function may return for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import optuna

Direction = Literal["minimize", "maximize"]
DIRECTIONS = ("minimize", "maximize")
_DIRECTION = {"enum": list(DIRECTIONS)}
SCHEMA = {
    "anyOf": [
        _DIRECTION,
        {"type": "array", "minItems": 1, "items": _DIRECTION},
        {"type": "object", "minProperties": 1, "additionalProperties": _DIRECTION},
    ]
}
"""What `Objectives.read` takes, as a JSON schema."""
NOP = "optuna.pruners.NopPruner"


@dataclass(frozen=True, slots=True)
class Objectives:
    """The objectives of a study, in the order of their values.

    Attributes:
        directions: `minimize` or `maximize`, one an objective.
        names: what they are called, one an objective; empty while they have no names.
    """

    directions: tuple[Direction, ...] = ("minimize",)
    names: tuple[str, ...] = ()

    @property
    def maximize(self) -> tuple[bool, ...]:
        """For each objective whether higher values are better."""
        return tuple(direction == "maximize" for direction in self.directions)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.directions)

    @classmethod
    def of(cls, study: optuna.Study) -> Objectives:
        """Return those of a study."""
        directions = (direction.name == "MAXIMIZE" for direction in study.directions)
        return cls(tuple("maximize" if up else "minimize" for up in directions), tuple(study.metric_names or ()))

    @classmethod
    def read(cls, value: Any) -> Objectives:
        """Read `minimize` or `maximize`, a list of them, or a mapping of names to them.

        Raises:
            ValueError: when it is none of these.
        """
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, (Sequence, Mapping)) or not items:
            raise ValueError("give `minimize` or `maximize`")
        directions = tuple(items.values() if isinstance(items, Mapping) else items)
        if any(direction not in DIRECTIONS for direction in directions):
            raise ValueError("give `minimize` or `maximize`")
        return cls(directions, tuple(map(str, items)) if isinstance(items, Mapping) else ())

    def values_of(self, returned: Any) -> tuple[float, ...]:
        """Read what a trial's function returned.

        Args:
            returned: a number for one objective; for several, a sequence of as many, or a mapping of their names. A
                mapping counts in its own order while the objectives have no names.

        Raises:
            ValueError: with what is wrong with it, in words that go on from `it`.
        """
        if isinstance(returned, Mapping):
            self._check_names(returned)
            values = [returned[name] for name in self.names or returned]
        else:
            values = list(returned) if _is_sequence(returned) else [returned]
        if len(values) != len(self):
            raise ValueError(f"returned {_counted(values)}, but the study has {_counted(self.directions, 'objective')}")
        return tuple(_number(value) for value in values)

    def text(self, values: Sequence[float]) -> str:
        """Return values as a user reads them, with the objectives' names if they have any."""
        names = self.names or [""] * len(values)
        return ", ".join(f"{name} {value:.6g}".lstrip() for name, value in zip(names, values, strict=True))

    def _check_names(self, returned: Mapping[Any, Any]) -> None:
        if self.names and set(returned) != set(self.names):
            given, wanted = ", ".join(map(str, returned)), ", ".join(self.names)
            raise ValueError(f"returned the values {given}, but the objectives are {wanted}")


def is_better(values: Sequence[float], than: Sequence[float], maximize: Sequence[bool]) -> bool:
    """Say whether values beat others: one objective is better and none is worse.

    Args:
        values: one an objective.
        than: the others.
        maximize: for each objective whether higher values are better.
    """
    pairs = zip(values, than, maximize, strict=True)
    return tuple(values) != tuple(than) and all(one >= other if up else one <= other for one, other, up in pairs)


def _counted(items: Sequence[Any], noun: str = "value") -> str:
    return f"{len(items)} {noun}" if len(items) == 1 else f"{len(items)} {noun}s"


def _number(value: Any) -> float:
    if value is None:
        raise ValueError("returned None. Return the objective's value")
    if isinstance(value, (str, bytes, bytearray)):
        raise ValueError(f"returned the text {value!r}. Return a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("returned a number too large for a float") from None
    except BaseException:  # noqa: BLE001 - whatever the value's own `__float__` raises
        raise ValueError(f"returned a value of type {type(value).__name__}. Return a number") from None
    if math.isnan(number):
        raise ValueError("returned NaN")
    return number


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def pruner_for(objectives: Objectives, pruner: Mapping[str, Any] | None, *, chosen: bool) -> Mapping[str, Any] | None:
    """Return the pruner to use: none for several objectives, which a pruner cannot compare.

    Args:
        objectives: of the study.
        pruner: its `_target_` mapping.
        chosen: whether the user asked for it.

    Raises:
        ValueError: when the user chose a pruner for several objectives.
    """
    if len(objectives) == 1 or (pruner or {}).get("_target_") == NOP:
        return pruner
    if chosen:
        raise ValueError(
            f"a trial of {len(objectives)} objectives cannot be pruned. Take the pruner `nop`, or tune one objective"
        )
    return {"_target_": NOP}
