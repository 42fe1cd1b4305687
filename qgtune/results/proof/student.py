"""Quantiles of Student's t distribution, which neither Python nor numpy has."""

from __future__ import annotations

import functools
import math

_TINY, _ENOUGH, _MOST_TERMS = 1e-300, 1e-15, 10_000


@functools.lru_cache(maxsize=256)
def t_quantile(probability: float, df: float) -> float:
    """Return the value that a t variable stays below with this probability.

    Args:
        probability: in (0.5, 1).
        df: degrees of freedom, above 0; they need not be whole.
    """
    low, high = 0.0, 1.0
    while _cdf(high, df) < probability:
        low, high = high, 2 * high
    while high - low > _ENOUGH * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if _cdf(middle, df) < probability else (low, middle)
    return (low + high) / 2


def _cdf(t: float, df: float) -> float:
    """Return how probable it is that a t variable stays below `t`, which is 0 or more.

    Abramowitz and Stegun, 26.7.1 and 26.5.27.
    """
    return 1 - incomplete_beta(df / (df + t * t), df / 2, 0.5) / 2


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b), for x in [0, 1].

    The continued fraction 26.5.8 of Abramowitz and Stegun, by Lentz's method (Press et al., Numerical Recipes, 6.4).
    """
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):  # where the fraction of the mirrored function converges faster
        return 1 - incomplete_beta(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _not_zero(1 + term * d)
            c = _not_zero(1 + term / c)
            fraction *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return math.exp(log_front) * fraction / a


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
