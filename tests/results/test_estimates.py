"""What repeated runs tell: quantiles, honest values, intervals, and which configuration is the best."""

from __future__ import annotations

import math
import random
import statistics

import pytest
import scipy.special
import scipy.stats

from qgtune.results.proof.estimates import Estimate, Layout, difference_error, estimates, rivals
from qgtune.results.proof.student import incomplete_beta, t_quantile

Runs = list[list[float]]


@pytest.mark.parametrize("probability", [0.6, 0.9, 0.95, 0.975, 0.9875, 0.999])
@pytest.mark.parametrize("df", [1, 2, 2.5, 3, 8, 30, 1000, 1e6])
def test_quantiles_are_scipys(probability: float, df: float) -> None:
    """To seven digits, also for degrees of freedom that are not whole."""
    assert t_quantile(probability, df) == pytest.approx(scipy.stats.t.ppf(probability, df), rel=1e-7)


@pytest.mark.parametrize(("x", "a", "b"), [(0.0, 1, 2), (1.0, 1, 2), (0.3, 0.5, 0.5), (0.9, 40, 0.5), (0.01, 2, 30)])
def test_the_incomplete_beta_function_is_scipys(x: float, a: float, b: float) -> None:
    """The quantiles stand on it."""
    assert incomplete_beta(x, a, b) == pytest.approx(scipy.special.betainc(a, b, x), rel=1e-12)


def test_runs_are_taken_apart_as_by_an_analysis_of_variance() -> None:
    """Two configurations on three seeds, by hand."""
    layout = Layout.of([[1.0, 2.0, 3.0], [3.0, 5.0, 7.0]])
    assert (layout.means, layout.grand, layout.df) == ((2.0, 5.0), 3.5, 2)
    assert layout.block == pytest.approx(2 * (1.5**2 + 1.5**2) / 2)
    assert layout.residual == pytest.approx(4 * 0.5**2 / 2)
    assert difference_error(layout) == pytest.approx(math.sqrt(2 * 0.5 / 3))


def test_one_configuration_has_the_interval_of_the_books() -> None:
    """Nothing is shrunk, and it is Student's."""
    values = [0.91, 0.93, 0.92, 0.95]
    (found,) = estimates([values])
    half = t_quantile(0.975, 3) * statistics.stdev(values) / 2
    assert found.value == pytest.approx(statistics.fmean(values))
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half))


def test_values_keep_their_order_and_move_together() -> None:
    """Each is shrunk by the same share towards the mean of all."""
    runs = [[1.0, 1.4, 1.1], [1.2, 1.5, 1.6], [0.9, 1.3, 1.3], [1.1, 1.2, 1.5]]
    layout, found = Layout.of(runs), estimates(runs)
    shares = {
        round((one.value - layout.grand) / (mean - layout.grand), 9)
        for one, mean in zip(found, layout.means, strict=True)
    }
    assert len(shares) == 1
    assert 0 < shares.pop() < 0.9


def test_what_is_far_apart_is_left_where_it_is() -> None:
    """Where the noise is small beside the differences, there is hardly any luck to take back."""
    runs = [[float(10 * i) + noise for noise in (0.0, 0.1, -0.1 * i)] for i in range(4)]
    means = Layout.of(runs).means
    assert [one.value for one in estimates(runs)] == pytest.approx(means, abs=0.01)


def test_the_direction_makes_no_difference_to_the_values() -> None:
    """What is minimised is the mirror image."""
    runs = _runs(random.Random(3), k=5, n=3, apart=1.0, of_seeds=1.0)[1]  # noqa: S311 - a simulation
    mirrored = [[-value for value in values] for values in runs]
    assert [-one.value for one in estimates(mirrored)] == pytest.approx([one.value for one in estimates(runs)])
    assert rivals(mirrored, maximize=False) == rivals(runs, maximize=True)


def test_a_function_without_noise_has_intervals_without_width() -> None:
    """And it is told that seeds change nothing, whatever the configurations are worth."""
    runs = [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [4.0, 4.0, 4.0]]
    assert Layout.of(runs).is_constant
    assert estimates(runs) == [Estimate(value, value, value) for value in (1.0, 2.0, 4.0)]
    assert rivals(runs, maximize=True) == (2, [])
    assert not Layout.of([[1.0, 1.5], [2.0, 2.5]]).is_constant


def test_one_seed_tells_nobody_apart() -> None:
    """There is a value each, and no interval."""
    assert estimates([[1.0], [2.0]]) == [Estimate(1.0, None, None), Estimate(2.0, None, None)]
    assert rivals([[1.0], [2.0]], maximize=True) == (1, [0])


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        pytest.param(Estimate(0.91234, 0.9, 0.92468), ("0.912", "0.900 to 0.925"), id="two digits of the half width"),
        pytest.param(Estimate(1234.5, 1000.0, 1469.0), ("1234", "1000 to 1469"), id="no digit behind the point"),
        pytest.param(Estimate(0.5, 0.5, 0.5), ("0.5", "0.5 to 0.5"), id="no width"),
        pytest.param(Estimate(0.25, None, None), ("0.25", ""), id="no interval"),
    ],
)
def test_the_digits_are_those_that_the_interval_leaves(estimate: Estimate, expected: tuple[str, str]) -> None:
    """More would pretend."""
    assert estimate.texts() == expected


def _runs(chance: random.Random, *, k: int, n: int, apart: float, of_seeds: float) -> tuple[list[float], Runs]:
    """Return what configurations are worth, and runs of them: their own noise has the standard deviation 1."""
    worth = [chance.gauss(0, apart) for _ in range(k)]
    seeds = [chance.gauss(0, of_seeds) for _ in range(n)]
    return worth, [[one + seed + chance.gauss(0, 1) for seed in seeds] for one in worth]


@pytest.mark.parametrize(("k", "n"), [(5, 3), (3, 3), (10, 5), (5, 2)])
@pytest.mark.parametrize(("apart", "of_seeds"), [(0.0, 0.0), (0.5, 2.0), (2.0, 1.0)])
def test_the_chosen_one_is_told_honestly(k: int, n: int, apart: float, of_seeds: float) -> None:
    """Over many searches with known truth: its bias is below one standard error, and its interval covers."""
    chance = random.Random(1)  # noqa: S311 - a simulation
    n_searches, errors, covered, wrong = 100, [], 0, 0
    for _ in range(n_searches):
        worth, runs = _runs(chance, k=k, n=n, apart=apart, of_seeds=of_seeds)
        best, near = rivals(runs, maximize=True)
        found = estimates(runs)[best]
        errors.append(found.value - worth[best])
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= worth[best] <= found.high
        wrong += not near and worth[best] < max(worth)
    assert abs(statistics.fmean(errors)) < math.sqrt((1 + of_seeds**2) / n)
    assert covered / n_searches >= 0.9
    assert wrong / n_searches <= 0.05
