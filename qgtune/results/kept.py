"""The setting `keep`. Hydra imports this in every app: keep it light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qgtune import checks


@dataclass(frozen=True, slots=True)
class Kept:
    """Which checkpoints of finished trials stay.

    Attributes:
        best: those of so many of the best trials.
        last: whether those of the trial that finished last stay.
    """

    best: int = 0
    last: bool = False

    @classmethod
    def read(cls, given: Any) -> Kept | None:
        """Read the setting; null keeps all.

        Raises:
            ValueError: when it is no mapping of `best` and `last`.
        """
        if given is None:
            return None
        known = checks.mapping(given)
        if unknown := set(known) - {"best", "last"}:
            raise ValueError(f"there is no {min(map(str, unknown))}: give `best` and `last`")
        return cls(checks.whole(0)(known.get("best", 0)), checks.flag(known.get("last", False)))
