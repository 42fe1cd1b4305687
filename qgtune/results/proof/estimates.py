"""What repeated runs tell of configurations that a search chose: honest values, and which one is the best.

Each configuration ran on the same seeds, none of which the search used: the search's luck is not in these values. The
seeds are blocks. A seed often decides on the split of the data, and then lifts or lowers all configurations together:
comparisons are free of it, the values themselves are not.

Among several fresh means the best is again lucky, a little. So the means are shrunk towards their common mean, by as
much as the spread of the runs tells: a normal hierarchical model with a uniform prior on the standard deviation between
configurations (Gelman, 2006, Bayesian Analysis 1(3)), whose posterior moments are those of Morris (1983, JASA 78(381)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qgtune.results.proof.student import t_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    Runs = Sequence[Sequence[float]]

CONFIDENCE = 0.95
_EXACT = 1e-9
"""Which share of a value is rounding."""
_N_NODES = 100
_FEWEST = 3
"""Of fewer configurations nobody can tell how far they are apart: they are not shrunk."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its interval at `CONFIDENCE`.

    Attributes:
        value: the estimate.
        low: the lower end; None where there was one run only.
        high: the upper end; likewise.
    """

    value: float
    low: float | None
    high: float | None

    @property
    def half_width(self) -> float:
        """Half of the interval; 0 without one."""
        return 0.0 if self.low is None or self.high is None else (self.high - self.low) / 2

    def texts(self, sign: str = "") -> tuple[str, str]:
        """Return value and interval for people, to the digit that the interval leaves in doubt; `+` shows the sign."""
        is_exact = self.half_width <= _EXACT * abs(self.value)
        form = f"{sign}.6g" if is_exact else f"{sign}.{max(0, 1 - math.floor(math.log10(self.half_width)))}f"
        if self.low is None or self.high is None:
            return f"{self.value:{form}}", ""
        return f"{self.value:{form}}", f"{self.low:{form}} to {self.high:{form}}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Runs of each configuration on each seed, taken apart: a randomised block design.

    Attributes:
        means: of each configuration.
        grand: the mean of all.
        n_seeds: how many runs each configuration has.
        block: the mean square between seeds, with `n_seeds - 1` degrees of freedom; NaN for one seed.
        residual: the mean square of what neither configuration nor seed explains, with `df`; NaN for none.
        df: its degrees of freedom.
    """

    means: tuple[float, ...]
    grand: float
    n_seeds: int
    block: float
    residual: float
    df: int

    @classmethod
    def of(cls, runs: Runs) -> Layout:
        """Take runs apart.

        Args:
            runs: for each configuration its values, one a seed, the seeds in one order; as many for each.
        """
        k, n = len(runs), len(runs[0])
        means = [math.fsum(values) / n for values in runs]
        grand = math.fsum(means) / k
        seeds = [math.fsum(column) / k - grand for column in zip(*runs, strict=True)]
        rest = math.fsum(
            (value - mean - seed) ** 2
            for values, mean in zip(runs, means, strict=True)
            for value, seed in zip(values, seeds, strict=True)
        )
        df = (k - 1) * (n - 1)
        block = k * math.fsum(seed**2 for seed in seeds) / (n - 1) if n > 1 else math.nan
        return cls(tuple(means), grand, n, block, rest / df if df else math.nan, df)

    @property
    def is_constant(self) -> bool:
        """Whether each configuration gave the same value on every seed."""
        return self.n_seeds > 1 and self.block == 0 and (self.df == 0 or self.residual == 0)


def estimates(runs: Runs) -> list[Estimate]:
    """Return what each configuration is worth.

    Args:
        runs: for each configuration its values, one a seed, the seeds in one order; as many for each.
    """
    layout = Layout.of(runs)
    if layout.n_seeds == 1:
        return [Estimate(mean, None, None) for mean in layout.means]
    shrinking = _shrinking(layout)
    return [_estimate(layout, mean - layout.grand, *shrinking) for mean in layout.means]


def _estimate(layout: Layout, deviation: float, shrink: float, spread: float, kept: float) -> Estimate:
    """Return the estimate of one configuration.

    Args:
        layout: of all.
        deviation: its mean's, from the mean of all.
        shrink: by which share that is shrunk.
        spread: the variance of that share.
        kept: the variance of a shrunk deviation whose share is known.
    """
    k, n = len(layout.means), layout.n_seeds
    value = layout.grand + (1 - shrink) * deviation
    common, own = layout.block / (n * k), kept + spread * deviation**2
    variance = common + own
    if variance <= 0:
        return Estimate(value, value, value)
    level = (1 + CONFIDENCE) / 2
    weighted = common * t_quantile(level, n - 1) + (own * t_quantile(level, layout.df) if layout.df else 0)
    half = weighted / math.sqrt(variance)  # Cochran, 1964, Biometrics 20(1): two variances, each with a t of its own
    return Estimate(value, value - half, value + half)


def _shrinking(layout: Layout) -> tuple[float, float, float]:
    """Return the posterior mean and variance of the share by which deviations shrink, and the variance that is kept.

    With the share B = V / (V + T), where V is the variance of a mean's error and T that between configurations, a
    uniform prior on the root of T and 1/V on V, and V integrated out,
    p(B) ~ B^((k-4)/2) (1-B)^(-1/2) (B S + df v)^(-(df+k-2)/2), S the sum of squared deviations and v the estimate of V.
    B = sin(phi)^2 takes both singularities away; the midpoint rule does the rest.
    """
    k = len(layout.means)
    error = 0.0 if layout.df == 0 else layout.residual / layout.n_seeds
    if k < _FEWEST or error == 0:
        return 0.0, 0.0, error * (k - 1) / k
    squares = math.fsum((mean - layout.grand) ** 2 for mean in layout.means)
    power = layout.df + k - 2
    shares = [math.sin((node + 0.5) / _N_NODES * math.pi / 2) ** 2 for node in range(_N_NODES)]
    pooled = [share * squares + layout.df * error for share in shares]
    logs = [(k - 3) / 2 * math.log(b) - power / 2 * math.log(one) for b, one in zip(shares, pooled, strict=True)]
    weights = [math.exp(one - max(logs)) for one in logs]
    total = math.fsum(weights)
    mean = math.fsum(w * b for w, b in zip(weights, shares, strict=True)) / total
    spread = math.fsum(w * (b - mean) ** 2 for w, b in zip(weights, shares, strict=True)) / total
    kept = math.fsum(w * (1 - b) * one for w, b, one in zip(weights, shares, pooled, strict=True)) / total / power
    return mean, spread, kept * (k - 1) / k


def rivals(runs: Runs, *, maximize: bool) -> tuple[int, list[int]]:
    """Return which configuration is the best on average, and which ones the runs do not tell from it.

    Multiple comparisons with the best (Hsu, 1981, Annals of Statistics 9(5)), with Bonferroni's bound, so that the
    statement holds although the best was chosen by the same runs. With one seed nobody is told from anybody.
    """
    layout = Layout.of(runs)
    sign = 1 if maximize else -1
    best = max(range(len(runs)), key=lambda index: sign * layout.means[index])
    others = [index for index in range(len(runs)) if index != best]
    if layout.n_seeds == 1 or not others:
        return best, others
    margin = t_quantile(1 - (1 - CONFIDENCE) / len(others), layout.df) * difference_error(layout)
    leads = {index: sign * (layout.means[best] - layout.means[index]) for index in others}
    return best, [index for index, lead in leads.items() if lead <= margin]


def difference_error(layout: Layout) -> float:
    """Return the standard error of the difference of two configurations' means."""
    return math.sqrt(2 * layout.residual / layout.n_seeds)
