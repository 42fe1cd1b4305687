"""What the quality benchmark computes from its runs, on runs that are written down."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "quality"))  # its scripts run from their folder

import curves
from rivals import Trial
from tables import Table

RUN = [Trial(0, 2, 0, 5.0, 2), Trial(0, 3, 1, 7.0, 3), Trial(2, 4, 2, 4.0, 2), Trial(3, 6, 3, 3.0, 3)]
REGRETS = np.array([1.0, 0.5, 0.2, 0.4])


def test_the_incumbent_is_chosen_by_what_was_seen() -> None:
    """Its true regret may rise: the last trial looks better than the one before, and is not."""
    assert curves.incumbents(RUN, REGRETS) == [(2, 1.0), (4, 0.2), (6, 0.4)]


def test_the_regret_at_a_time_is_that_of_the_incumbent_then() -> None:
    """Before the first trial has ended there is none."""
    values = curves.at(curves.incumbents(RUN, REGRETS), [1, 2, 5, 9])
    assert math.isnan(values[0])
    assert values[1:] == [1.0, 0.2, 0.4]


@pytest.mark.parametrize(("regret", "second"), [(1.0, 2), (0.3, 4), (0.1, math.inf)])
def test_the_time_to_a_regret_is_when_it_was_first_reached(regret: float, second: float) -> None:
    """A regret that was never reached takes for ever."""
    assert curves.time_to(curves.incumbents(RUN, REGRETS), regret) == second


def test_an_ideal_schedule_has_no_overhead() -> None:
    """Two workers that never wait take as long as list scheduling does; a pause shows."""
    assert curves.overhead(RUN, 2) == pytest.approx(6 / 6)
    late = [*RUN[:3], Trial(5, 8, 3, 3.0, 3)]
    assert curves.overhead(late, 2) == pytest.approx(8 / 6)


def test_an_interval_holds_its_statistic() -> None:
    """The median of many equal values is sure; that of spread ones lies within its interval."""
    assert curves.interval([2.0] * 9) == (2.0, 2.0, 2.0)
    value, low, high = curves.interval(list(range(101)))
    assert low < value == 50 < high


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    """Every worker reads the table that the benchmark wrote, and finds each configuration at its place."""
    table = Table({"a": ["x", "y"], "b": 3}, np.arange(12.0).reshape(6, 2), np.ones((6, 2)))
    table.save(tmp_path)
    found = Table.load(tmp_path)
    assert [found.index({"a": a, "b": b}) for a in ("x", "y") for b in range(3)] == list(range(6))
    assert found.losses.tolist() == table.losses.tolist()
    assert found.regrets().min() == 0


def test_before_the_first_trial_ends_a_run_is_where_it_begins() -> None:
    """So that a mean over runs is a number from the start."""
    assert list(curves.sampled(curves.incumbents(RUN, REGRETS), [1, 2, 5, 9])) == [1.0, 1.0, 0.2, 0.4]


def test_a_curve_is_sooner_where_another_one_ends() -> None:
    """By the first time at which each is there; never if it is not."""
    times, slow = np.array([1.0, 2.0, 3.0, 4.0]), np.array([9.0, 7.0, 5.0, 5.0])
    assert curves.sooner(np.array([8.0, 4.0, 6.0, 6.0]), slow, times) == pytest.approx(2 / 3)
    assert curves.sooner(np.array([9.0, 9.0, 9.0, 6.0]), slow, times) == math.inf
    assert curves.sooner(np.array([8.0, 7.0, 6.0, 6.0]), slow, times, 1) == 1
