"""Distributions in the words of the YAML they came from, and paths in as few as tell them apart."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.distributions import BaseDistribution


def words(distribution: BaseDistribution) -> str:
    """Return a distribution in one line: `float 0.0001 to 0.1, log`, `int 16 to 64, step 16`, `one of adam, sgd`."""
    kind, values = kind_and_values(distribution)
    return f"one of {values}" if kind == "choice" else f"{kind} {values}"


def kind_and_values(distribution: BaseDistribution, spelled: Callable[[object], str] | None = None) -> tuple[str, str]:
    """Return what a distribution is, and its values: `float` and `0.0001 to 0.1, log`, `choice` and `adam, sgd`.

    Args:
        distribution: it.
        spelled: how a choice is written; None for `choice_text`.
    """
    if isinstance(distribution, CategoricalDistribution):
        return "choice", ", ".join(map(spelled or choice_text, distribution.choices))
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        return type(distribution).__name__, str(distribution)
    kind = "float" if isinstance(distribution, FloatDistribution) else "int"
    text = f"{distribution.low:g} to {distribution.high:g}"
    if distribution.log:
        return kind, f"{text}, log"
    return kind, text if distribution.step in (None, 1) else f"{text}, step {distribution.step:g}"


def choice_text(choice: object) -> str:
    """Return a choice as YAML shows it; text that looks like another type keeps its quotes."""
    if choice is None:
        return "null"
    if isinstance(choice, bool):
        return str(choice).lower()
    if isinstance(choice, str) and not _is_plain(choice):
        return repr(choice)
    return str(choice)


def _is_plain(text: str) -> bool:
    if text[:1] in ("[", "{"):
        return True
    try:
        float(text)
    except ValueError:
        return bool(text.strip()) and text.lower() not in ("true", "false", "null", "none") and "," not in text
    return False


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Return the shortest end of each path that is the end of no other."""
    ends = Counter(end for path in paths for end in _ends(path))
    return {path: next(end for end in _ends(path) if ends[end] == 1 or end == path) for path in paths}


def _ends(path: str) -> list[str]:
    parts = path.split(".")
    starts = [start for start in reversed(range(len(parts))) if start == 0 or not parts[start].isdigit()]
    return [".".join(parts[start:]) for start in starts]


def cut(text: str, most: int) -> str:
    """Return a text of at most so many letters: of a longer one the start, with `…` behind it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def broken(name: str, width: int) -> str:
    """Return a name in lines, broken behind dots and underscores: `width` wide, or as its longest piece."""
    pieces = re.findall(r"[^._]+[._]?|[._]", name)
    width = max(width, *map(len, pieces))
    lines = [""]
    for piece in pieces:
        if len(lines[-1]) + len(piece) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(lines)
