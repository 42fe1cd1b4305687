"""Distributions in the words of the YAML they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def words(distribution: BaseDistribution) -> str:
    """Return a distribution in one line: `float 0.0001 to 0.1, log`, `int 16 to 64, step 16`, `one of adam, sgd`."""
    if isinstance(distribution, CategoricalDistribution):
        return f"one of {', '.join(choice_text(choice) for choice in distribution.choices)}"
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        return str(distribution)
    kind = "float" if isinstance(distribution, FloatDistribution) else "int"
    text = f"{kind} {distribution.low:g} to {distribution.high:g}"
    if distribution.log:
        return f"{text}, log"
    return text if distribution.step in (None, 1) else f"{text}, step {distribution.step:g}"


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
