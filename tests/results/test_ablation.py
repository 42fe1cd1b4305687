"""The way from the base settings to a trial, and what it divides the gain into."""

from __future__ import annotations

import json
import math

import pytest

from qgtune.results.proof.ablation import Ablation, Ends

BASE = {"optimizer": "adam", "eps": 1e-8, "lr": 0.1, "depth": 2}
BEST = {"optimizer": "sgd", "momentum": 0.9, "lr": 0.01, "depth": 2.0}
ENDS = Ends(BASE, BEST)


def test_only_what_both_have_is_a_change() -> None:
    """What a choice brings is none of its own, and neither is the same number in another type."""
    assert ENDS.changes == ["optimizer", "lr"]
    assert ENDS.brought == ["momentum"]


@pytest.mark.parametrize(
    ("changed", "optimizer", "lr"), [([], "adam", 0.1), (["lr"], "adam", 0.01), (["optimizer", "lr"], "sgd", 0.01)]
)
def test_a_point_on_the_way_has_a_value_for_all_that_may_be_asked_for(
    changed: list[str], optimizer: str, lr: float
) -> None:
    """Whichever of the choices is taken."""
    assert ENDS.after(changed) == {"optimizer": optimizer, "lr": lr, "eps": 1e-8, "momentum": 0.9, "depth": 2.0}


WAY = [((), [5.0, 6.0, 5.5]), (("lr",), [3.0, 4.1, 3.4]), (("optimizer",), [2.5, 3.4, 3.3])]
OTHERS = [[4.8, 6.0, 5.2]]


@pytest.mark.parametrize(("maximize", "sign"), [(False, 1), (True, -1)])
def test_the_parts_sum_to_the_whole(maximize: bool, sign: int) -> None:  # noqa: FBT001 - a table
    """A gain is better than before in the direction of the study; all intervals are equally wide."""
    found = Ablation.of(7, [1, 2, 3], ENDS, WAY, OTHERS, maximize=maximize)
    gains = [step.gain.value for step in found.steps]
    assert gains == pytest.approx([sign * 2.0, sign * (3.5 - 9.2 / 3)])
    assert found.total.value == math.fsum(gains)
    assert found.start == 5.5
    assert [step.changed for step in found.steps] == [("lr",), ("optimizer",)]
    assert len({round(step.gain.half_width, 12) for step in found.steps} | {round(found.total.half_width, 12)}) == 1
    assert json.loads(found.to_json())["trial"] == 7


def test_points_beside_the_way_tell_of_the_noise_too() -> None:
    """With more of them the same noise gives narrower intervals."""
    few = Ablation.of(7, [1, 2, 3], ENDS, WAY, [], maximize=False)
    many = Ablation.of(7, [1, 2, 3], ENDS, WAY, [*OTHERS, *(list(values) for _step, values in WAY)], maximize=False)
    assert many.total.half_width < few.total.half_width


def test_single_runs_have_no_intervals() -> None:
    """Nothing tells of the noise."""
    found = Ablation.of(7, [], ENDS, [(step, values[:1]) for step, values in WAY], [], maximize=False)
    assert (found.total.low, found.total.high) == (None, None)
    assert found.total.value == 2.5
