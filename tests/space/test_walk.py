"""Corners where a space, its base settings, the command line and `tune` meet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from omegaconf import OmegaConf

from qgtune import QGTuneError
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.model import SearchSpace, categorical
from qgtune.space.reading.build import build_space, check_space

LAYERS: dict[str, Any] = {"layers": [{"width": 1, "norm": [1]}, {"width": 2, "norm": [2]}]}


@pytest.fixture(autouse=True)
def _resolvers() -> None:
    register_resolvers()


def firsts(space: SearchSpace, base: Any) -> Any:
    """Check a space, and return the resolved config of the sample of first choices and low ends."""
    config = OmegaConf.create(base)
    check_space(space, config)
    prepared = space.prepare(config)
    space.inject(prepared, {path: item.extremes()[0] for path, item in space.hyperparameters.items()})
    return OmegaConf.to_container(prepared, resolve=True)


def test_lists_stay_lists_in_a_list_that_is_replaced() -> None:
    """Fewer layers than the base has: their inner lists are lists still, for the base holds lists at these paths."""
    built = build_space({"layers": [{"width": [4, 5], "norm": [9]}]}, LAYERS)
    assert list(built.hyperparameters) == ["layers.0.width"]
    assert firsts(built, LAYERS) == {"layers": [{"width": 4, "norm": [9]}]}


def test_lists_of_lists_stay_lists_when_replaced() -> None:
    """A list of lists of another length is a constant."""
    base = {"sizes": [[1, 2], [3, 4], [5, 6]]}
    assert firsts(build_space({"sizes": [[7, 8], [9, 10]]}, base), base) == {"sizes": [[7, 8], [9, 10]]}


def test_a_list_beyond_the_base_that_its_neighbours_hold_as_a_list_is_told() -> None:
    """A list of scalars where the base has nothing is a choice, but one that looks like a list is worth a notice."""
    built = build_space({"layers": [{}, {}, {"width": 3, "norm": [9]}]}, LAYERS)
    assert "layers.2.norm" in built.hyperparameters
    assert "layers.2.norm of hydra.sweeper.search_space is read as choices" in built.notices[0]


def test_what_the_command_line_fixed_survives_in_a_list_that_is_replaced() -> None:
    """Neither a range nor a constant of the new structure takes the place of a fixed value."""
    space = {"layers": [{"width": [4, 5]}, {"width": 5}, {"width": 6}]}
    built = build_space(space, LAYERS, fixed=["layers.0.width", "layers.-1.width"])
    assert not built.hyperparameters
    assert [layer["width"] for layer in firsts(built, LAYERS)["layers"]] == [1, 2, 6]


def test_a_fixed_value_that_the_new_list_has_no_place_for_is_told() -> None:
    """A space that drops what the command line set says so."""
    built = build_space({"layers": [{"width": 4}]}, LAYERS, fixed=["layers.1.width"], space_source="space.yaml")
    assert built.notices == ("layers.1.width was set on the command line, but space.yaml drops it.",)


@pytest.mark.parametrize(
    ("space", "tune", "expected"),
    [
        pytest.param({"layers": [{}, {"width": [4, 5]}]}, "layers[-1].width", "layers.1.width", id="from the end"),
        pytest.param({"+added": [4, 5]}, "added", "added", id="an added path"),
    ],
)
def test_paths_to_tune_in_every_spelling(space: Any, tune: str, expected: str) -> None:
    """A path to tune may count from the end, and names an added key without its plus."""
    assert list(build_space(space, LAYERS, tune=[tune]).hyperparameters) == [expected]


def test_a_path_to_tune_may_come_from_the_command_line() -> None:
    """A hyperparameter of the command line can be named in `tune`."""
    built = build_space(None, {"a": 1}, tune=["a"], extra=[categorical("a", [1, 2], "the command line")])
    assert list(built.hyperparameters) == ["a"]


@pytest.mark.parametrize(
    ("space", "tune", "message"),
    [
        pytest.param({"a": {"type": "tuple", "value": [1, 2]}}, "a.value", r"Cannot tune 'a\.value'", id="in a range"),
        pytest.param(
            {"layers": [{}, {}, {"width": [3, 4]}]}, "layers.2.width", "list index out of range", id="no such element"
        ),
    ],
)
def test_paths_that_tune_nothing_are_errors(space: Any, tune: str, message: str) -> None:
    """A path that would silently tune nothing, or what the base has no place for, is an error."""
    with pytest.raises(QGTuneError, match=message):
        build_space(space, {**LAYERS, "a": 1}, tune=[tune])


@pytest.mark.parametrize("key", ["a.b", "a[0]", True, 1.5], ids=repr)
def test_keys_that_no_path_can_name_are_put_in_whole(key: Any) -> None:
    """Constants under odd keys merge as others do."""
    base = {"table": {key: 1, "other": {"x": 2}}}
    assert firsts(build_space({"table": {key: 3}}, base), base) == {"table": {key: 3, "other": {"x": 2}}}


@pytest.mark.parametrize(
    "space",
    [
        pytest.param({"table": {"a.b": [3, 4]}}, id="choices"),
        pytest.param({"table": {"a.b": {"type": "tuple", "value": [1, 2]}}}, id="range"),
        pytest.param({"a.b": 1}, id="top level"),
    ],
)
def test_ranges_under_such_keys_are_errors(space: Any) -> None:
    """A hyperparameter needs a path as its name."""
    with pytest.raises(QGTuneError, match=r"its key 'a\.b' cannot be part of a path"):
        build_space(space, {"table": {"a.b": 1}, "a.b": 1})


@pytest.mark.parametrize("key", [1, "1", "007"], ids=repr)
def test_keys_of_digits(key: Any) -> None:
    """A mapping may have numbers as keys, or text that looks like one."""
    base = {"table": {key: 0}}
    assert firsts(build_space({"table": {key: [3, 4]}}, base), base) == {"table": {key: 3}}


@pytest.mark.parametrize(
    ("node", "words"),
    [
        pytest.param(
            {"type": "tuple", "value": [1, 2], "log": True},
            "The type tuple has the keys type, value, and no others but when, prior.",
            id="tuple",
        ),
        pytest.param(
            {"type": "list", "length": [1, 2]},
            "The type list has the keys type, length, each, and no others.",
            id="list",
        ),
        pytest.param({"type": "list", "value": [1, 2]}, "it has no length. The type list has", id="list with a value"),
        pytest.param(
            {"type": "tupel", "values": [1, 2]},
            "The types of ranges are tuple, categorical, fixed, list.",
            id="unknown",
        ),
        pytest.param({"~b": [1, 2]}, "deletes nothing. Write ~a.b on the command line.", id="a deletion"),
    ],
)
def test_a_range_with_other_keys_says_what_a_range_is(node: Any, words: str) -> None:
    """A mistake in the form of a range is not read as structure without a word."""
    with pytest.raises(QGTuneError, match=re.escape(words)):
        build_space({"a": node}, {"a": {"b": 1} if "~b" in node else 1})


def test_options_that_bring_nothing_may_be_an_element() -> None:
    """Beside the element of a list stands nothing, and none of these needs that."""
    space = {"sizes": [{"type": "categorical", "value": {1: {}, 2: None}}, 2]}
    assert build_space(space, {"sizes": [1, 2]}).hyperparameters["sizes.0"].choices == (1, 2)


def test_a_constant_that_no_config_can_hold_is_an_error() -> None:
    """A broken interpolation is named with path and file."""
    with pytest.raises(QGTuneError, match=r"Cannot use a of space\.yaml: the settings do not take it"):
        build_space({"a": "${"}, {"a": 1}, space_source="space.yaml")


def test_interpolations_are_constants() -> None:
    """Text with an interpolation is put in as one."""
    base = {"a": 1, "b": 2}
    assert firsts(build_space({"a": "${b}"}, base), base) == {"a": 2, "b": 2}


def test_a_space_that_is_no_mapping_is_an_error() -> None:
    """A list is no search space."""
    with pytest.raises(QGTuneError, match=r"Cannot read the search space of space\.yaml: it is no mapping"):
        build_space([1], {"a": 1}, tune=["a"], space_source="space.yaml")


@dataclass
class Node:
    """A structured node."""

    a: int = 1


@pytest.mark.parametrize("flags", [{}, {"struct": True, "readonly": True}], ids=["typed", "typed and locked"])
def test_a_plus_adds_to_locked_and_structured_nodes(flags: dict[str, bool]) -> None:
    """A node's own flags, and its class, do not stand in the way of what was asked for; the config stays locked."""
    config = OmegaConf.create({"node": OmegaConf.structured(Node, flags=flags)})
    built = build_space({"node": {"a": 7, "+b": [1, 2]}}, {"node": {"a": 1}})
    check_space(built, config)
    prepared = built.prepare(config)
    built.inject(prepared, {"node.b": 2})
    assert prepared == {"node": {"a": 7, "b": 2}}
    assert config == {"node": {"a": 1}}
    assert OmegaConf.is_readonly(prepared.node) is (True if flags else None)


def test_a_container_choice_and_a_value_inside_it() -> None:
    """A value below a mapping that the same trial chose lands in the chosen one."""
    base = {"head": {"kind": "a", "width": 1}}
    head = categorical("head", [{"kind": "b", "width": 2}, {"kind": "c", "width": 3}], "space.yaml")
    width = categorical("head.width", [8, 9], "the command line")
    built = SearchSpace({"head": head, "head.width": width})
    prepared = built.prepare(OmegaConf.create(base))
    built.inject(prepared, {"head.width": 8, "head": {"kind": "c", "width": 3}})
    built.inject(prepared, {"head": {"kind": "c", "width": 3}, "head.width": 9})
    assert prepared == {"head": {"kind": "c", "width": 9}}


@pytest.mark.parametrize("value", ["text", True, 1.5, 11, 4], ids=repr)
def test_a_value_outside_the_space_is_not_encoded(value: Any) -> None:
    """A value of another type, out of range or off the steps, is refused."""
    item = build_space({"a": {"type": "tuple", "value": [1, 9, 2]}}, None).hyperparameters["a"]
    with pytest.raises(ValueError, match=r"is no number|is not in"):
        item.encode(value)
    assert item.encode(3) == 3


@pytest.mark.parametrize(
    ("choices", "path", "words"),
    [
        pytest.param([{"a": 5}, {"a": 6}], "d.a", "its choice {'a': 6} sets it", id="another value"),
        pytest.param([[1], [2]], "d.0", r"its choice \[1\] sets it", id="a list"),
        pytest.param([None, "${e}"], "d.a", "all of its choices leave it out", id="nowhere"),
        pytest.param([{"a": 5}, {"a": 6}], "d.gone", None, id="deleted, and in no choice"),
        pytest.param([{"b": 5}, {"b": 6}], "d.a", None, id="beside it"),
        pytest.param([{"a": 5, "b": 1}, {"a": 5}], "d.a", None, id="the same value"),
        pytest.param([None, {"b": 6}], "d.a", None, id="in one of them"),
    ],
)
def test_choices_do_not_overwrite_the_command_line(choices: list[Any], path: str, words: str | None) -> None:
    """What is set below a choice holds for every trial that has the path, or the sweep is refused."""
    space = {"d": {"type": "categorical", "value": choices}}
    base = {"d": [7, 8] if path == "d.0" else {"a": 5, "b": 2}, "e": {"a": 3}}
    if words is None:
        assert build_space(space, base, fixed=[path]).hyperparameters["d"].choices == tuple(choices)
        return
    with pytest.raises(QGTuneError, match=f"^Cannot set {path}: d is tuned, in .*, and {words}. Set it in the choices"):
        build_space(space, base, fixed=[path])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param("layers.2.width", "have no such path: layers has 2 elements. Give the whole", id="beyond"),
        pytest.param("+layers.2.width", "layers has 2 elements. Give the whole", id="added"),
        pytest.param("+x.y", "x is 1, with nothing below it. Give the whole of x", id="below a value"),
        pytest.param("layers.1.height", r"\? Write \+layers.1.height to add it", id="a key of an element"),
    ],
)
def test_advice_on_a_path_that_does_not_exist_can_be_followed(given: str, words: str) -> None:
    """What cannot be added is not to be added."""
    path, add = given.lstrip("+"), given.startswith("+")
    with pytest.raises(QGTuneError, match=f"^Cannot use {path} of the command line: .*{words}"):
        build_space(None, {**LAYERS, "x": 1}, extra=[categorical(path, [1, 2], "the command line", add=add)])


def test_a_range_of_the_command_line_goes_into_a_list_of_the_space() -> None:
    """The space makes a third layer, whose width is added."""
    space = {"layers": [{"width": 1}, {"width": 2}, {"width": 3}]}
    extra = categorical("layers.2.width", [8, 9], "the command line", add=True)
    assert list(build_space(space, LAYERS, extra=[extra]).hyperparameters) == ["layers.2.width"]
    wrong = categorical("layers.3.width", [8, 9], "the command line", add=True)
    with pytest.raises(
        QGTuneError, match=r"^Cannot use layers\.3\.width of the command line: the settings do not take"
    ):
        build_space(space, LAYERS, extra=[wrong])
