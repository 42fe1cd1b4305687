"""The errors that a user can mend."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hydra.errors import CompactHydraException

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from typing_extensions import Self


LONGEST_LINE = 500
OUT_OF_MEMORY = "out of memory"
"""How the reason of an attempt starts that the memory did not suffice for: the same values would not fit again."""


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Located(str):
    """A line for the user that knows what it is about, so that a tool can show the place.

    Args:
        text: the line.
        path: the path of the node, dots only; empty for the whole file.
        source: where the node was written: a file, or a path of the config.
        place: line and column in the source, from 1 on, where they are known; else None.
    """

    __slots__ = ("path", "place", "source")

    path: str
    source: str
    place: tuple[int, int] | None

    def __new__(cls, text: str, path: str = "", source: str = "", place: tuple[int, int] | None = None) -> Self:
        """Make a line."""
        made = super().__new__(cls, text)
        made.path, made.source, made.place = path, source, place
        return made


class QGTuneError(CompactHydraException):
    """One or more mistakes in what the user gave, found before anything ran.

    Hydra prints the text of a `CompactHydraException` without a traceback and exits with code 1.

    Attributes:
        problems: one line each, in the order in which they were found; `Located` where it is about a node of a file.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type[QGTuneError], tuple[str, ...]]:
        """Pickle by the problems, so that a worker can send the error home."""
        return type(self), self.problems


def printable(text: str) -> str:
    """Return a text whose control characters, of which escape sequences are made, are spelled out."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def first_line(error: BaseException, otherwise: str = "") -> str:
    """Return the first line of an error's text that says something, or `otherwise`; never more than a few lines long.

    Whatever the error is: one whose text cannot be made is named as such.
    """
    try:
        text = str(error).encode(errors="backslashreplace").decode()
    except BaseException:  # noqa: BLE001 - the user's own `__str__`
        return "its text cannot be made"
    line = next((line.strip() for line in text.splitlines() if line.strip()), otherwise)
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…"


def did_you_mean(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """Say which of the `known` names are nearest to `name`.

    Returns:
        `" Did you mean 'a' or 'b'?"` with a leading space, or the empty text if nothing is near.
    """
    import difflib  # not for all apps that import the plugins

    names = list(known)
    near = difflib.get_close_matches(name, names, n=most, cutoff=0.6)
    near = near or [longer for longer in names if name and name.lower() in longer.lower()][:most]
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def listed(items: Sequence[object], most: int) -> str:
    """Name the first items, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(map(str, items[:most])) + more
