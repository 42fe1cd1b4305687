"""How many points a space has."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qgtune.space.counting import values_of
from qgtune.space.points import n_points
from qgtune.space.reading.build import build_space


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        pytest.param(IntDistribution(1, 9, step=4), [1, 5, 9], id="ints"),
        pytest.param(FloatDistribution(0.0, 0.3, step=0.1), [0.0, 0.1, 0.2, 0.3], id="floats, end included"),
        pytest.param(FloatDistribution(2.0, 2.0), [2.0], id="one float"),
        pytest.param(CategoricalDistribution(["a", "b"]), ["a", "b"], id="choices"),
        pytest.param(FloatDistribution(0.0, 1.0), None, id="continuous"),
    ],
)
def test_values_of_a_distribution(distribution: Any, expected: list[Any] | None) -> None:
    """Every value of a range is counted, its ends included."""
    found = values_of(distribution)
    assert (None if found is None else list(found)) == expected


def test_points_are_counted() -> None:
    """A space has the product of its values, and no number of points with a continuous range in it."""
    finite = {"a": {"type": "tuple", "value": [1, 9, 4]}, "b": ["x", "y"]}
    assert n_points(build_space(finite, None)) == 6
    assert n_points(build_space({**finite, "c": {"type": "tuple", "value": [0.0, 1.0]}}, None)) is None
    assert n_points(build_space({"d": {"type": "tuple", "value": [0, 10**12]}}, None)) == 10**12 + 1
    assert n_points(build_space({"e": {"type": "tuple", "value": [0.0, 1e7, 1e-3]}}, None)) == 10**10 + 1


def test_steps_are_a_sequence_that_lists_nothing() -> None:
    """The values of a stepped range are counted and picked, however many there are."""
    found = values_of(FloatDistribution(0.0, 1e7, step=1e-3))
    assert found is not None
    assert len(found) == 10**10 + 1
    assert (found[3], found[-1], list(found[1:3])) == (0.003, 1e7, [0.001, 0.002])
