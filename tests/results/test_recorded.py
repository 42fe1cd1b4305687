"""What a trial's record holds of values that resolvers gave."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from omegaconf import OmegaConf

from qgtune.results.recorded import pin_random_values, resolve_plain
from qgtune.space.reading.yaml_files import dump_yaml, load_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Act(Enum):
    """A key of a mapping."""

    RELU = 1


@pytest.fixture
def resolver() -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Give the resolver `${given:}` what it calls."""
    yield lambda function: OmegaConf.register_new_resolver("given", function, use_cache=False, replace=True)
    OmegaConf.clear_resolver("given")


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda: int, id="a class"),
        pytest.param(object, id="another object at each reading"),
        pytest.param(lambda: [len], id="a function in a list"),
        pytest.param(lambda: {"a": {1, 2}}, id="a set in a mapping"),
        pytest.param(lambda: np.zeros(2), id="an array"),
        pytest.param(lambda: sys.exit(3), id="it exits"),
        pytest.param(lambda: 1 / 0, id="it raises"),
    ],
)
def test_what_no_file_holds_stays_the_interpolation(
    function: Callable[[], Any], resolver: Callable[[Callable[[], Any]], None]
) -> None:
    """The function may never read it; the rest is resolved."""
    resolver(function)
    config = OmegaConf.create({"v": "${given:}", "deep": [{"x": "${v}", "y": "${z}"}], "z": 5})
    pin_random_values(config)
    kept = load_yaml(dump_yaml(resolve_plain(config)), "record")
    assert kept == {"v": "${given:}", "deep": [{"x": "${v}", "y": 5}], "z": 5}


def test_a_number_of_another_type_is_recorded_as_a_number(resolver: Callable[[Callable[[], Any]], None]) -> None:
    """NumPy's numbers are what resolvers compute; a random one is pinned as the function's value."""
    resolver(np.random.default_rng(1).random)
    config = OmegaConf.create({"random": "${given:}"})
    pin_random_values(config)
    kept = load_yaml(dump_yaml(resolve_plain(config)), "record")
    assert kept == {"random": config.random}
    values = {"a": np.float64(0.1), "b": [np.int64(3)], "c": np.str_("x"), "path": Path("/x"), Act.RELU: Act.RELU}
    assert load_yaml(dump_yaml(values), "values") == {"a": 0.1, "b": [3], "c": "x", "path": "/x", "RELU": "RELU"}
