"""Points that are known before anything is sampled."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from qgtune import QGTuneError
from qgtune.space.model import SearchSpace
from qgtune.space.points import base_point, given_point
from qgtune.space.reading.build import build_space

BASE = {"lr": 0.1, "n": 4, "w": "${n}", "sizes": [1, 2], "layers": [{"out": 8}, {"out": 16}], "gone": "???"}
SPACE = {
    "lr": {"type": "tuple", "value": [0.0, 1.0]},
    "w": {"type": "tuple", "value": [2, 8, 2]},
    "sizes": {"type": "categorical", "value": [[1, 2], [3]]},
    "layers": [{"out": [8, 16]}, {}],
}


def known(space: dict[str, Any]) -> Any:
    """Return the hyperparameters of a space over `BASE`."""
    return build_space(space, BASE).hyperparameters


def test_the_base_settings_are_a_point() -> None:
    """Values are read resolved and encoded as the study stores them."""
    point, outside = base_point(SearchSpace(known(SPACE)), OmegaConf.create(BASE))
    assert outside == []
    assert point == {"lr": 0.1, "w": 4, "sizes": "[1,2]", "layers.0.out": 8}


def test_what_lies_outside_is_named() -> None:
    """Each value that the space does not hold comes with its reason."""
    space = {"lr": [0.2, 0.3], "n": [4, 5], "gone": [1, 2], "+new": [1, 2]}
    _, outside = base_point(SearchSpace(known(space)), OmegaConf.create(BASE))
    assert outside == ["lr=0.1 is not one of 0.2, 0.3", "gone has no base value", "new has no base value"]


@pytest.mark.parametrize(
    ("given", "point"),
    [
        pytest.param({"lr": 1, "layers.0.out": 16}, {"lr": 1.0, "layers.0.out": 16}, id="paths"),
        pytest.param({"layers[0].out": 16}, {"layers.0.out": 16}, id="brackets"),
        pytest.param({"layers": [{"out": 16}], "sizes": [3]}, {"layers.0.out": 16, "sizes": "[3]"}, id="nested"),
    ],
)
def test_given_points_are_read(given: Any, point: dict[str, Any]) -> None:
    """Points are given by path or in the shape of the config, and need not be whole."""
    assert given_point(known(SPACE), given, "here") == point


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"lr": 2}, r"Cannot enqueue lr=2 \(here\): it is not float 0 to 1\.", id="outside"),
        pytest.param({"w": 3}, r"it is not int 2 to 8, step 2", id="between steps"),
        pytest.param({"lrr": 0.1}, r"lrr=0.1 \(here\): it is not tuned. Did you mean 'lr'", id="typo"),
        pytest.param({"n": 4}, r"n=4 \(here\): it is not tuned", id="not tuned"),
        pytest.param({"lr": "x"}, r"lr='x'", id="text"),
        pytest.param([], r"no mapping of paths to values", id="list"),
        pytest.param({}, r"no mapping of paths to values", id="empty"),
    ],
)
def test_wrong_points_are_refused(given: Any, message: str) -> None:
    """A path that is not tuned and a value that the space does not hold are refused by name."""
    with pytest.raises(QGTuneError, match=message):
        given_point(known(SPACE), given, "here")


def test_all_mistakes_of_a_point_are_told() -> None:
    """Nobody has to run twice to see the second mistake."""
    with pytest.raises(QGTuneError) as caught:
        given_point(known(SPACE), {"lr": 2, "w": 3}, "here")
    assert len(caught.value.problems) == 2
