"""`qgtune check`: what is wrong with files, and where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qgtune.space.reading.yaml_files import positions_of
from tests.command.conftest import in_terminal

if TYPE_CHECKING:
    from tests.command.conftest import Command

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
CONF = ROOT / "conf"

NOTHING = "No problems: 1 hyperparameter, 0 dependencies.\n"
BASE = """\
model:
  layers:
    - {width: 8, drop: 0.1}
    - {width: 16, drop: 0.1}
  sizes: [1, 2]
lr: 0.01
"""


@pytest.fixture(autouse=True)
def _base(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)


def check(qgtune: Command, tmp_path: Path, space: str, dependencies: str | None = None) -> tuple[int, list[str]]:
    """Check a space, and dependencies, over the base settings; return the code and the lines."""
    (tmp_path / "space.yaml").write_text(space)
    arguments = ["--space", "space.yaml", "--base", "base.yaml"]
    if dependencies is not None:
        (tmp_path / "deps.yaml").write_text(dependencies)
        arguments += ["--dependencies", "deps.yaml"]
    done = qgtune("check", *arguments)
    assert done.err == ""
    return done.code, done.out.splitlines()


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        pytest.param(
            "lr: {type: tuple, value: [1, 0.1]}", "1:1: error: Cannot use lr: .*above its high end", id="range"
        ),
        pytest.param(
            "model:\n  layers:\n    - {}\n    - drop: []\n      with: 3", "5:7: error: .*no such path", id="typo"
        ),
        pytest.param("lr:\n  type: tupel\n  value: [1]", "1:1: error: .*Did you mean 'tuple'", id="type"),
        pytest.param("# a comment\n\nlr: [1, 1]", "3:1: error: .*stands there twice", id="twice"),
        pytest.param("lr: [1\nmodel: 2", r"2:6: error: Cannot read .*line 2", id="no YAML"),
        pytest.param("lr: 1\nlr: 2", "2:1: error: .*key 'lr' stands here twice", id="a key twice"),
        pytest.param("[1, 2]", "1:1: error: .*it is no mapping", id="no mapping"),
        pytest.param('"+new": {type: tuple, value: [3]}', "1:1: error: .*two or three elements", id="a new key"),
        pytest.param("a: &a {lr: 1}\nmodel: *a", "1:1: error: .*no such path", id="an alias"),
        pytest.param("a.b: 1", "1:1: error: .*cannot be part of a path", id="a key with a dot"),
    ],
)
def test_errors_name_file_line_and_column(qgtune: Command, tmp_path: Path, space: str, expected: str) -> None:
    """Each mistake is found where it stands, and makes the code 1."""
    code, lines = check(qgtune, tmp_path, space)
    assert code == 1
    assert re.match(rf"space\.yaml:{expected}", lines[0]), lines
    assert lines[-1].endswith(("error", "errors"))


@pytest.mark.parametrize(
    ("dependencies", "expected"),
    [
        pytest.param("lr: model.width", "deps.yaml:1:1: error: Cannot let lr follow", id="no source"),
        pytest.param("model:\n  layers:\n    - {}\n    - width: 3", "deps.yaml:4:7: error: Cannot let", id="no text"),
        pytest.param("model:\n  nope: lr", "deps.yaml:2:3: error: .*no such target", id="no target"),
        pytest.param("model: {layers: [{width: lr}]}\nlr: model.layers[0].width", "deps.yaml:1:", id="a cycle"),
        pytest.param("model: {layers: [{drop: lr}]}", "deps.yaml:1:19: error: .*it is also tuned", id="tuned"),
        pytest.param(
            "lr: ${oc.env:NO_SUCH_VARIABLE}", "deps.yaml:1:1: error: .*NO_SUCH_VARIABLE", id="does not resolve"
        ),
    ],
)
def test_errors_of_dependencies(qgtune: Command, tmp_path: Path, dependencies: str, expected: str) -> None:
    """A mistake of the mapping is found in its file, also one that shows only when values are tried."""
    space = "model: {layers: [{drop: [0.1, 0.2]}, {}]}"
    code, lines = check(qgtune, tmp_path, space, dependencies)
    assert code == 1
    assert re.match(expected, lines[0]), lines


def test_all_problems_come_together_in_order(qgtune: Command, tmp_path: Path) -> None:
    """Every problem of both files, by file and line."""
    space = "lr: [1, 1]\nmodel:\n  layers:\n    - drop: {type: tuple, value: [1]}\n    - widht: [1, 2]\n"
    code, lines = check(qgtune, tmp_path, space, "lr: nowhere\nmodel: {sizes: [gone]}\n")
    assert code == 1
    assert [line.split(": ")[0] for line in lines[:-1]] == [
        "deps.yaml:1:1",
        "deps.yaml:2:17",
        "space.yaml:1:1",
        "space.yaml:4:7",
        "space.yaml:5:7",
    ]
    assert lines[-1] == "5 errors"


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        pytest.param("lr: {type: tuple, value: [0.0001, 0.5]}", "it is linear", id="a linear range"),
        pytest.param("lr: [0.01]", "it has one value only", id="one choice"),
        pytest.param("lr: [1, 2]", "its base value 0.01 lies outside", id="the base's value is outside"),
        pytest.param("model: {layers: [{width: {type: tuple, value: [1, 10, 4]}}, {}]}", "it ends at 9", id="a step"),
    ],
)
def test_warnings_do_not_fail(qgtune: Command, tmp_path: Path, space: str, expected: str) -> None:
    """What is legal but seldom meant is told with its place, and the code is 0."""
    code, lines = check(qgtune, tmp_path, space)
    assert code == 0
    assert re.match(r"space\.yaml:1:\d+: warning: ", lines[0]), lines
    assert re.search(expected, "\n".join(lines))
    assert re.fullmatch(r"\d warnings?: 1 hyperparameter, 0 dependencies\.", lines[-1])


def test_a_resolver_of_the_app_is_a_warning(qgtune: Command, tmp_path: Path) -> None:
    """The app is not imported: what only it can resolve is no error."""
    code, lines = check(qgtune, tmp_path, "model: {sizes: [1, 3]}", "lr: '${mine:${model.sizes}}'")
    assert code == 0
    assert lines[0].startswith("deps.yaml:1:1: warning: Cannot let lr follow")
    assert "Unsupported interpolation type mine" in lines[0]


def test_files_that_say_what_they_are_need_no_option(qgtune: Command) -> None:
    """The example's files: the first lines of two say what they are, the others are named with their groups."""
    base = [f"--base={group}={CONF / group / name}.yaml" for group, name in (("model", "mlp"), ("data", "digits"))]
    files = [CONF / "search_space" / "mlp.yaml", CONF / "dependencies" / "mlp.yaml"]
    done = qgtune("check", *files, *base, f"--base=training={CONF / 'training' / 'default.yaml'}")
    assert (done.code, done.out) == (0, "No problems: 9 hyperparameters, 5 dependencies.\n")


def test_the_reference_files_are_right(qgtune: Command) -> None:
    """Files that people have pass."""
    files = ["-s", "search_space.yaml", "-d", "dependency_mapping.yaml", "-b", "base_settings.yaml"]
    arguments = [DATA / file if file.endswith("yaml") else file for file in files]
    assert qgtune("check", *arguments).out == "No problems: 21 hyperparameters, 6 dependencies.\n"


def test_a_tuning_config_names_the_files(qgtune: Command) -> None:
    """The reference one names two that are not there, and is told so at the keys."""
    done = qgtune("check", DATA / "tuning_config.yaml")
    assert done.code == 1
    first, second, summary = done.out.splitlines()
    assert first.startswith(f"{DATA / 'tuning_config.yaml'}:3:1: error: Cannot use base_settings_path")
    assert second.startswith(f"{DATA / 'tuning_config.yaml'}:5:1: error: Cannot use dependency_mapping_path")
    assert summary == "2 errors"


def test_a_tuning_config_with_its_files(qgtune: Command, tmp_path: Path) -> None:
    """Its files are checked as it says: without the model where that is not tuned."""
    (tmp_path / "space.yaml").write_text("model: {nothing: [1, 2]}\nlr: [0.1, 0.01]\n")
    (tmp_path / "tuning.yaml").write_text("search_space_path: space.yaml\nbase_settings_path: base.yaml\n")
    assert qgtune("check", "tuning.yaml").out == "No problems: 1 hyperparameter, 0 dependencies.\n"
    (tmp_path / "tuning.yaml").write_text("search_space_path: space.yaml\ntune_model: true\nn_trails: 3\n")
    assert qgtune("check", "-t", "tuning.yaml").out.startswith("tuning.yaml:3:1: error: Cannot use 'n_trails'")


def test_a_config_that_holds_its_space(qgtune: Command, tmp_path: Path) -> None:
    """An app's one config file holds base settings, space and dependencies: each is found in it."""
    text = f"defaults: [_self_]\n{BASE}hydra:\n  sweeper:\n    search_space:\n      lr: [1, 1]\n"
    (tmp_path / "config.yaml").write_text(text + "    dependencies: {lr: nowhere}\n")
    done = qgtune("check", "config.yaml")
    assert [line.split(" ")[:2] for line in done.out.splitlines()] == [
        ["config.yaml:11:7:", "error:"],
        ["config.yaml:12:20:", "error:"],
        ["2", "errors"],
    ]


def test_a_file_given_as_a_space_may_be_a_config(qgtune: Command, tmp_path: Path) -> None:
    """Of a config only the space is taken then; a defaults list is Hydra's, and a package of another kind no place."""
    (tmp_path / "config.yaml").write_text("lr: 1\nhydra: {sweeper: {search_space: {lr: [0.01, 0.1]}}}\n")
    assert qgtune("check", "-s", "config.yaml", "-b", "base.yaml").out == NOTHING
    (tmp_path / "space.yaml").write_text("# @package _global_\ndefaults: [other]\nlr: [0.01, 0.1]\n")
    assert qgtune("check", "-s", "space.yaml", "-b", "base.yaml").out == NOTHING


def test_a_part_of_a_space_stands_where_its_package_says(qgtune: Command, tmp_path: Path) -> None:
    """A file for a part of the space is laid where Hydra would lay it, and errors point into the file."""
    (tmp_path / "model.yaml").write_text("# @package model\nlayers: [{width: 1}, {width: 1}]\n")
    (tmp_path / "part.yaml").write_text(
        "# @package hydra.sweeper.search_space.model\nlayers:\n  - width: [1, 1]\n  - {}\n"
    )
    done = qgtune("check", "part.yaml", "-b", "model.yaml")
    assert done.out.startswith("part.yaml:3:5: error: Cannot use model.layers.0.width: the choice")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["base.yaml"], "Cannot tell what 'base.yaml' is", id="any file"),
        pytest.param(["-s", "gone.yaml"], "there is no file 'gone.yaml'", id="no file"),
        pytest.param(["-b", "list.yaml"], "list.yaml:1:1: error: .*no mapping", id="base settings that are a list"),
        pytest.param(
            ["-b", "base.yaml", "-b", "other.yaml"], "other.yaml:1:1: error: Cannot use the", id="two that clash"
        ),
        pytest.param(["-t", "list.yaml"], "list.yaml:1:1: error: .*no mapping", id="a tuning config that is a list"),
    ],
)
def test_files_that_are_of_no_use(qgtune: Command, tmp_path: Path, arguments: list[str], message: str) -> None:
    """A file that is not what it is given as is told as such."""
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "other.yaml").write_text("lr: ${broken\n")
    done = qgtune("check", *arguments)
    assert done.code == 1
    assert re.search(message, done.out), done.out
    assert "Traceback" not in done.out


def test_two_spaces_are_one_too_many(qgtune: Command, tmp_path: Path) -> None:
    """Which of them is meant cannot be known."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("# @package hydra.sweeper.search_space\nlr: [1, 2]\n")
    done = qgtune("check", "a.yaml", "b.yaml")
    assert (done.code, done.err) == (
        1,
        "Cannot check more than one search space: a.yaml and b.yaml. Give one of them.\n",
    )


def test_without_base_settings_paths_are_taken_for_granted(qgtune: Command, tmp_path: Path) -> None:
    """The summary says what could not be checked."""
    (tmp_path / "space.yaml").write_text("anything: [1, 2]\n")
    done = qgtune("check", "-s", "space.yaml")
    assert done.code == 0
    assert done.out == "No problems: 1 hyperparameter, 0 dependencies; no base settings to compare them with.\n"


@pytest.mark.slow
def test_a_terminal_gets_colours_and_whole_words(tmp_path: Path) -> None:
    """There lines break between words, and the place and the kind stand out."""
    (tmp_path / "space.yaml").write_text("lr: {type: tuple, value: [1, 0.1]}\n")
    text = in_terminal(60, "check", "-s", tmp_path / "space.yaml")
    assert "\x1b[31m\x1b[1merror:" in text
    plain = re.sub(r"\x1b\[[\d;]*m", "", text).split()
    assert " ".join(plain).endswith("its low end 1 is above its high end 0.1. Swap them. 1 error")


def test_positions_of_nodes() -> None:
    """Keys, elements, aliases and merged mappings, each with line and column from 1 on."""
    text = "a: &x\n  b: 1\n  c: [2, 3]\nd: *x\ne:\n  <<: *x\n  b: 4\n"
    found = positions_of(text)
    assert found["a",] == (1, 1)
    assert found["a", "b"] == (2, 3)
    assert found["a", "c", "1"] == (3, 10)
    assert found["d",] == (4, 1)
    assert found["d", "b"] == (2, 3)
    assert found["e", "b"] == (7, 3)
    assert found["e", "c"] == (3, 3)
    assert positions_of("") == {}
