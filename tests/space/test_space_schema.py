"""The schemas of spaces and dependencies say what the parser says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from qgtune import QGTuneError
from qgtune.space.nodes import TYPES
from qgtune.space.paths import parse_path
from qgtune.space.reading.build import build_space
from qgtune.space.reading.schema import dependencies_schema, space_schema
from qgtune.space.reading.yaml_files import load_yaml_file

ROOT = Path(__file__).parents[2]
SPACE = Draft202012Validator(space_schema())
DEPENDENCIES = Draft202012Validator(dependencies_schema())

# What the parser refuses and no schema can tell.
UNTOLD = re.compile(
    r"is above its high end|stands there twice|is not\. Write the ends as floats|its step 0(\.0)? is not above zero"
    r"|must start above zero, not at 0(\.0)?\.|a list's element has nothing\.|for the same\. Drop one"
)

scalars = st.none() | st.booleans() | st.integers(-3, 9) | st.sampled_from([0.5, -2.0, 1e-5, "adam", "1e-5", "-1", "0"])
items = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("k"), inner), max_leaves=4
)
ranges = st.lists(scalars, max_size=4) | scalars
forms = st.fixed_dictionaries({"type": st.sampled_from([*TYPES, "tupel", 1]), "value": ranges | items})
keys = st.sampled_from(["width", "+width", "a.b", "a b", "", "+", " x", "type", "value", "0"])
nodes = st.recursive(
    scalars | forms, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)


def refusal(node: Any) -> str:
    """Return what the parser says against a space that holds a node; empty if it takes it."""
    try:
        build_space({"p": node}, None)
    except QGTuneError as error:
        return str(error)
    return ""


def assert_alike(node: Any) -> None:
    """Check that the schema refuses what the parser refuses, but for what no schema can tell, and nothing else."""
    problem = refusal(node)
    if SPACE.is_valid({"p": node}):
        assert not [line for line in problem.splitlines() if not UNTOLD.search(line)]
    else:
        assert problem


@settings(max_examples=400, deadline=None)
@example(node={"+width": False, "width": {"+width": None}})
@example(node={"+width": [], "width": {"+width": None}})
@example(node={"+width": None, "width": {"type": "tuple", "value": [1, 2]}})
@example(node={"type": "categorical", "value": {"k": False}})
@example(node=[{"type": "categorical", "value": {"k": {"k": None}}}])
@given(node=nodes)
def test_the_schema_takes_what_the_parser_takes(node: Any) -> None:
    """Of any node without base settings, schema and parser think the same, but for what no schema can tell."""
    assert_alike(node)


@settings(max_examples=400, deadline=None)
@given(value=ranges)
def test_ranges_are_told_alike(value: Any) -> None:
    """The same for ranges, of which random nodes hold few that are right."""
    assert_alike({"type": "tuple", "value": value})


@settings(max_examples=400, deadline=None)
@given(text=st.text("ab0-[].${ ", max_size=8))
def test_paths_are_told_alike(text: str) -> None:
    """A leaf of a mapping is a path in the schema when the parser can read it as one."""
    try:
        parse_path(text)
    except QGTuneError:
        readable = False
    else:
        readable = True
    assert DEPENDENCIES.is_valid({"p": text}) == (readable or "${" in text)


@pytest.mark.parametrize("file", ["tests/data/search_space.yaml", *map(str, ROOT.glob("conf/search_space/*.yaml"))])
def test_search_spaces_are_valid(file: str) -> None:
    """The reference file and the example's are valid."""
    SPACE.validate(load_yaml_file(ROOT / file, "search space"))


@pytest.mark.parametrize("file", ["tests/data/dependency_mapping.yaml", "conf/dependencies/mlp.yaml"])
def test_dependency_mappings_are_valid(file: str) -> None:
    """The reference file and the example's are valid."""
    DEPENDENCIES.validate(load_yaml_file(ROOT / file, "dependency mapping"))


@pytest.mark.parametrize(
    "node",
    [
        pytest.param({"type": "tupel", "value": [1, 2]}, id="unknown type"),
        pytest.param({"type": "tuple", "value": 3}, id="no list"),
        pytest.param({"type": "tuple", "value": [1]}, id="one end"),
        pytest.param({"type": "tuple", "value": [1, 2, 3, 4]}, id="four elements"),
        pytest.param({"type": "tuple", "value": [1, "many"]}, id="text"),
        pytest.param({"type": "tuple", "value": [True, 5]}, id="bool"),
        pytest.param({"type": "tuple", "value": [0, 5, True]}, id="log from zero"),
        pytest.param({"type": "tuple", "value": [0, 5, -1]}, id="negative step"),
        pytest.param({"type": "categorical", "value": []}, id="no choices"),
        pytest.param({"type": "categorical", "value": "adam"}, id="choices that are no list"),
        pytest.param({"a.b": [1, 2]}, id="a range below a key with a dot"),
        pytest.param([{"deep": {"type": "tuple", "value": []}}], id="deep inside"),
    ],
)
def test_broken_nodes_are_refused(node: Any) -> None:
    """Common mistakes show in the editor."""
    assert not SPACE.is_valid({"p": node})


@pytest.mark.parametrize("leaf", ["", "a..b", "a[x]", 3, True, ["a", 0.5], {"b": "{"}], ids=str)
def test_broken_dependencies_are_refused(leaf: Any) -> None:
    """A leaf that is neither a path nor an expression shows in the editor."""
    assert not DEPENDENCIES.is_valid({"p": leaf})


def test_a_file_is_a_mapping_of_names() -> None:
    """A list, a text, and a key that no path can name are no file of ours."""
    wrong: list[Any] = [[], "text", {"a.b": 1}]
    assert not any(map(SPACE.is_valid, wrong))
    assert not DEPENDENCIES.is_valid(["a"])


@pytest.mark.parametrize("validator", [SPACE, DEPENDENCIES], ids=["space", "dependencies"])
def test_the_schemas_are_schemas(validator: Draft202012Validator) -> None:
    """They hold to the draft that they name."""
    Draft202012Validator.check_schema(validator.schema)
