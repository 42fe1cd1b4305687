"""YAML in and out."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from qgtune import QGTuneError
from qgtune.space.reading.yaml_files import dump_yaml, load_yaml, load_yaml_file, write_yaml

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1e-5", 1e-5, id="a float without a dot"),
        pytest.param("1.", 1.0, id="a float without digits after its dot"),
        pytest.param("'1e-5'", "1e-5", id="quoted"),
        pytest.param("${a.b}", "${a.b}", id="interpolation"),
        pytest.param("2020-01-01", "2020-01-01", id="a date is text"),
        pytest.param("[1, yes]", [1, True], id="list"),
    ],
)
def test_values(text: str, expected: Any) -> None:
    """Values are read as people mean them, in types that configs can hold."""
    value = load_yaml(f"x: {text}", "it")["x"]
    assert repr(value) == repr(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: 1\nb: 2\na: 3", r"line 3, column 1: key 'a' stands here twice", id="duplicate"),
        pytest.param("x:\n  - {k: 1, k: 2}", r"line 2, column 12: key 'k'", id="duplicate below"),
        pytest.param("a: [1", r"line \d, column \d", id="malformed"),
        pytest.param("a: !!python/object/apply:os.getcwd []", r"line 1, column 4", id="unsafe tag"),
        pytest.param("a: &a {<<: *a, b: 1}", "line 1, column 4: a mapping merges itself", id="merges-itself"),
        pytest.param("a: {<<: 3}", "line 1, column 9: only mappings can be merged", id="merges-a-number"),
        pytest.param("a: &a [*a]", "an alias points at something that it is part of", id="endless"),
    ],
)
def test_mistakes_are_one_line_with_their_place(text: str, message: str, tmp_path: Path) -> None:
    """What is no good YAML is named with file, line and column."""
    path = tmp_path / "space.yaml"
    path.write_text(text)
    with pytest.raises(QGTuneError, match=rf"Cannot read the search space '.*space\.yaml'.*{message}") as caught:
        load_yaml_file(path, "search space")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says what the file is to the user."""
    with pytest.raises(QGTuneError, match=r"Cannot read the dependency mapping: there is no file '.*nope\.yaml'"):
        load_yaml_file(tmp_path / "nope.yaml", "dependency mapping")


def test_aliases_are_copies() -> None:
    """Each place that an alias fills is a node of its own."""
    data = load_yaml("a: &a {x: [1]}\nb: *a", "it")
    data["a"]["x"].append(2)
    assert data["b"] == {"x": [1]}


def test_merged_mappings_may_be_merged_again() -> None:
    """A key that overrides a merged one is no duplicate, in whatever order the places are read."""
    text = "x: &x {k: 1}\nouter:\n  a: &a {<<: *x, k: 2}\nb: {<<: *a, j: 3}\n"
    assert load_yaml(text, "it") == {"x": {"k": 1}, "outer": {"a": {"k": 2}}, "b": {"k": 2, "j": 3}}


def test_own_keys_win_over_merged_ones_however_deep() -> None:
    """The first of several merged mappings wins, and whatever a mapping sets wins over all; with every PyYAML."""
    text = "x: &x {k: 1, m: 5}\na: &a {<<: *x, k: 2}\nb: {<<: *a}\nc: {<<: [*x, *a]}\nd: {<<: [*a, *x], m: 6}\n"
    read = load_yaml(text, "it")
    assert (read["b"], read["c"], read["d"]) == ({"k": 2, "m": 5}, {"k": 1, "m": 5}, {"k": 2, "m": 6})


def test_other_packages_constructors_build_nothing_here() -> None:
    """A package that teaches every safe loader a tag (QuantumGrav's `!pyobject` imports) has not taught ours."""
    code = (
        "import yaml\n"
        "loaders = yaml.SafeLoader, yaml.constructor.SafeConstructor, getattr(yaml, 'CSafeLoader', yaml.Loader)\n"
        "for loader in loaders:\n"
        "    loader.add_constructor('!pyobject', lambda *_: print('built'))\n"
        "    loader.add_multi_constructor('!', lambda *_: print('built'))\n"
        "    loader.add_constructor('tag:yaml.org,2002:int', lambda *_: 'foreign')\n"
        "from qgtune.space.reading.yaml_files import load_yaml\n"
        "{}"
        "assert load_yaml('a: 1', 'it') == {{'a': 1}}\n"
        "try:\n    load_yaml('a: !pyobject os.system', 'it')\nexcept Exception as error:\n    print(error)\n"
    )
    for order in ("", "yaml.SafeLoader.add_constructor('!later', lambda *_: print('built'))\n"):
        ran = subprocess.run(
            [sys.executable, "-c", code.format(order)], capture_output=True, text=True, check=True, timeout=60
        )
        assert "the tag '!pyobject' is not read here" in ran.stdout
        assert "built" not in ran.stdout


def test_an_equals_sign_is_text() -> None:
    """YAML 1.1 has a type of its own for it, which no reader builds."""
    assert load_yaml("a: =\n=: 2", "it") == {"a": "=", "=": 2}


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    """A value that cannot be written leaves the file as it was, and nothing beside it."""
    path = tmp_path / "made" / "best.yaml"
    write_yaml(path, {"lr": 1e-05, "name": "1e5"})
    before = path.read_text()
    with pytest.raises(Exception, match="cannot represent an object"):
        write_yaml(path, {"x": object()})
    assert path.read_text() == before == dump_yaml({"lr": 1e-05, "name": "1e5"})
    assert list(path.parent.iterdir()) == [path]
