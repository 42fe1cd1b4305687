"""Conditions: what exists only while other hyperparameters have certain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qgtune.space.stored import is_same
from qgtune.space.wording import choice_text

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Condition:
    """That a path has one of some values.

    Attributes:
        path: dots only.
        values: as in the config.
    """

    path: str
    values: tuple[Any, ...] = field(hash=False)  # lists and mappings among them

    def holds(self, value: Any) -> bool:
        """Say whether it holds where the path has this value; `MISSING` is none."""
        return any(is_same(value, one) for one in self.values)

    def __str__(self) -> str:
        """Return it in words: `optimizer.name is sgd`."""
        first, last = self.values[0], self.values[-1]
        if all(type(one) is int for one in self.values) and self.values == tuple(range(first, last + 1)) != (first,):
            return f"{self.path} is {first} to {last}"
        return f"{self.path} is {' or '.join(map(choice_text, self.values))}"


Conditions = tuple[Condition, ...]
"""All of them together."""


@dataclass(frozen=True, slots=True)
class Sometimes:
    """What a search space has beside hyperparameters that exists only under conditions.

    Attributes:
        constants: path, value and conditions of constants that branches hold.
        places: paths that the config has only when the conditions of one of their ways hold, also where the base
            settings hold them; the inner ones first.
        lengths: the hyperparameter that is a list's length, by the path of the list.
    """

    constants: tuple[tuple[str, Any, Conditions], ...] = ()
    places: Mapping[str, tuple[Conditions, ...]] = field(default_factory=dict)
    lengths: Mapping[str, str] = field(default_factory=dict)


def in_words(conditions: Conditions) -> str:
    """Return conditions in one line; the empty text for none."""
    return " and ".join(map(str, conditions))
