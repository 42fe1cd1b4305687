"""Whether paired values are worse than others by more than chance: Wilcoxon's signed-rank test (1945), exact.

`optuna.pruners.WilcoxonPruner` asks scipy the same; a handful of values needs no package for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def p_worse(differences: Sequence[float]) -> float:
    """Return how likely pairs that differ by chance only speak as clearly for being worse, or more clearly.

    Each set of signs is as likely as any other then, so that the least that n pairs can give is 1 / 2**n. Pairs that
    do not differ are left out.

    Args:
        differences: of each pair by how much the first is worse; negative where it is better.

    Returns:
        The one-sided p-value, in (0, 1].
    """
    found = [value for value in differences if value != 0 and value == value]  # noqa: PLR0124 - NaN: two infinities
    ranks = _doubled_ranks([abs(value) for value in found])
    observed = sum(rank for rank, value in zip(ranks, found, strict=True) if value > 0)
    ways = [1]  # by the sum of the ranks of those that are worse
    for rank in ranks:
        ways = [one + other for one, other in zip(ways + [0] * rank, [0] * rank + ways, strict=True)]
    return float(sum(ways[observed:]) / 2 ** len(found))


def _doubled_ranks(sizes: Sequence[float]) -> list[int]:
    """Return twice the rank of each; equal ones share theirs, which makes halves."""
    return [sum(other < size for other in sizes) * 2 + sizes.count(size) + 1 for size in sizes]
