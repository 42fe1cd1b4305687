"""The errors that a user can mend."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from hydra.errors import CompactHydraException

if TYPE_CHECKING:
    from collections.abc import Iterable


class QGTuneError(CompactHydraException):
    """One or more mistakes in what the user gave, found before anything ran.

    Hydra prints the text of a `CompactHydraException` without a traceback and exits with code 1.

    Attributes:
        problems: one line each, in the order in which they were found.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type[QGTuneError], tuple[str, ...]]:
        """Pickle by the problems, so that a worker can send the error home."""
        return type(self), self.problems


def did_you_mean(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """Say which of the `known` names are nearest to `name`.

    Returns:
        `" Did you mean 'a' or 'b'?"` with a leading space, or the empty text if nothing is near.
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=most, cutoff=0.6)
    near = near or [longer for longer in names if name and name.lower() in longer.lower()][:most]
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
