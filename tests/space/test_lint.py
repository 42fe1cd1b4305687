"""What looks wrong in a space that can be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from qgtune.space.lint import lint
from qgtune.space.reading.build import build_space


class Act(Enum):
    """One of the values of a layer."""

    RELU = 1


@dataclass
class Layer:
    """A structured node."""

    width: int = 1
    act: Act = Act.RELU
    of: dict[Act, Path] = field(default_factory=lambda: {Act.RELU: Path("/x")})


BASE = {"a": 1, "b": "${a}", "c": 5, "lr": 0.1, "name": "x", "missing": "???"}


def warnings(space: dict[str, Any], dependencies: dict[str, Any] | None = None) -> list[str]:
    """Lint a space over `BASE`."""
    return lint(build_space(space, BASE, dependencies, space_source="s.yaml"), OmegaConf.create(BASE))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        pytest.param({"lr": [1, 2]}, "lr of s.yaml: its base value 0.1 lies outside of it (one of 1, 2).", id="choice"),
        pytest.param({"a": {"type": "tuple", "value": [2, 9]}}, "its base value 1 lies outside of it", id="range"),
        pytest.param({"b": {"type": "tuple", "value": [2, 9]}}, "its base value 1 lies outside", id="interpolation"),
        pytest.param({"name": ["x"]}, "name of s.yaml: it has one value only, 'x'.", id="one choice"),
        pytest.param({"c": {"type": "tuple", "value": [5, 5]}}, "it has one value only, 5.", id="one number"),
        pytest.param({"lr": {"type": "tuple", "value": [1e-5, 0.1]}}, "0.1 is more than 1000 times 1e-05", id="linear"),
        pytest.param({"c": {"type": "tuple", "value": [1, 5000]}}, "[1, 5000, true]", id="linear ints"),
    ],
)
def test_what_is_seldom_meant_is_told(space: dict[str, Any], message: str) -> None:
    """Each such range is one warning that names it and what to write."""
    (found,) = warnings(space)
    assert message in found


@pytest.mark.parametrize(
    "space",
    [
        pytest.param({"lr": {"type": "tuple", "value": [1e-5, 0.1, True]}}, id="logarithmic"),
        pytest.param({"lr": {"type": "tuple", "value": [0.0, 1.0]}}, id="from zero"),
        pytest.param({"c": {"type": "tuple", "value": [1, 5001, 4]}}, id="in steps"),
        pytest.param({"missing": [1, 2]}, id="no base value"),
        pytest.param({"+new": [1, 2]}, id="added"),
    ],
)
def test_what_is_meant_is_not(space: dict[str, Any]) -> None:
    """Ranges that say what they want bring no warning."""
    assert warnings(space) == []


def test_a_range_whose_reader_follows_something_else() -> None:
    """A tuned value that only `b` read is told when a dependency makes `b` follow `c`."""
    tuned = {"a": [1, 2]}
    (found,) = warnings(tuned, {"b": "c"})
    assert "a of s.yaml: it is read by b, which a dependency sets to something else" in found
    assert warnings(tuned, {"c": "a", "b": "c"}) == []
    assert warnings(tuned) == []


def test_a_space_without_base_settings_is_linted() -> None:
    """Without base settings, what needs none is checked."""
    (found,) = lint(build_space({"a": ["x"]}, None), None)
    assert "one value only" in found


@pytest.mark.parametrize(
    "choices",
    [
        pytest.param([{"width": 2}, {"width": 1, "act": "RELU", "of": {"RELU": "/x"}}], id="the base is one of them"),
        pytest.param([{"width": 2}, {"width": 3}], id="it is none"),
        pytest.param([[1], [2]], id="lists"),
    ],
)
def test_choices_in_the_place_of_a_structured_node(choices: list[Any]) -> None:
    """Enum members and paths of the base are compared as the texts that choices are written in."""
    base = OmegaConf.create({"layer": OmegaConf.structured(Layer)})
    space = build_space({"layer": {"type": "categorical", "value": choices}}, {"layer": {}}, space_source="s.yaml")
    assert bool(lint(space, base)) == ("RELU" not in str(choices))


def test_a_base_value_that_no_choice_can_be() -> None:
    """It lies outside as any other."""
    OmegaConf.register_new_resolver("a_class", lambda: int, replace=True)
    space = build_space({"a": [1, 2]}, {"a": 1}, space_source="s.yaml")
    (found,) = lint(space, OmegaConf.create({"a": "${a_class:}"}))
    assert "its base value <class 'int'> lies outside of it" in found
