"""Wrong files, one kind a row: each gets clear lines, and nothing hangs or raises."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from qgtune.command.app import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(20)

BASE = "lr: 0.1\nn: 3\nmodel: {width: 8, layers: [{i: 1, o: 2}, {i: 2, o: 4}], act: relu, head: null}\n"
SPACE = "lr: {type: tuple, value: [0.1, 1.0]}\n"
BOMB = "".join(
    f"{key}: &{key} [{','.join([f'*{before}' if before else 'x'] * 9)}]\n"
    for before, key in zip(["", *"abcdefg"], "abcdefgh", strict=True)
)


def nested(n: int) -> str:
    """Return a mapping in a mapping in a mapping."""
    return "{a: " * n + "1" + "}" * n


def ranged(value: str) -> str:
    """Return a space with one range."""
    return f"lr: {{type: tuple, value: {value}}}\n"


def chosen(value: str) -> str:
    """Return a space with one categorical."""
    return f"lr: {{type: categorical, value: {value}}}\n"


SPACES = {
    "aliases that explode": (BOMB, "holds more than 500,000 values"),
    "aliases that explode in a choice": (BOMB + chosen("[*h, 1]"), "holds more than 500,000 values"),
    "alias of itself": ("a: &a [*a]", "an alias points at something that it is part of"),
    "merge of itself": ("a: &a {<<: *a}", "a mapping merges itself"),
    "merge of a number": ("a: {<<: 1}", "only mappings can be merged"),
    "a million choices": (chosen(str(list(range(600_000)))), "holds more than 500,000 values"),
    "too many choices": (chosen(str(list(range(10_001)))), "it has 10,001 choices"),
    "100 levels": (nested(100), "nests deeper than 64 levels"),
    "10,000 levels": (nested(10_000), "nests deeper than 64 levels"),
    "10,000 lists": ("a: " + "[" * 10_000 + "]" * 10_000, "nests deeper than 64 levels|maximum nesting depth"),
    "100,000 dashes": ("- " * 100_000 + "1", "nests deeper than 64 levels"),
    "NaN as an end": (ranged("[.nan, 1.0]"), "nan is not finite"),
    "inf as an end": (ranged("[0.1, .inf]"), "inf is not finite"),
    "-inf as an end": (ranged("[-.inf, 0.1]"), "-inf is not finite"),
    "1e400 as an end": (ranged("[0.1, 1e400]"), "inf is not finite"),
    "ends further apart than floats": (ranged("[-1e308, 1e308]"), "further apart than floats can tell"),
    "a tiny step": (ranged("[0.0, 1.0, 1e-300]"), "its step 1e-300 is too small"),
    "the smallest step": (ranged("[0.0, 1.0, 5e-324]"), "its step 5e-324 is too small"),
    "a step below the floats": (ranged("[0.0, 1.0, 1e-17]"), "is too small"),
    "a step of huge ends": (ranged("[-1e300, 1e300, 1.0]"), "is too small"),
    "a huge whole number": (ranged("[0, 99999999999999999999]"), "samplers count in floats"),
    "a huge negative number": (ranged("[-99999999999999999999, 0]"), "samplers count in floats"),
    "a step of zero": (ranged("[0, 5, 0]"), "its step 0 is not above zero"),
    "a negative step": (ranged("[0, 5, -1]"), "its step -1 is not above zero"),
    "a broken step between whole numbers": (ranged("[0, 5, 0.5]"), "Write the ends as floats"),
    "a logarithm of zero": (ranged("[0, 5, true]"), "must start above zero"),
    "a logarithm with a step": (ranged("[1, 5, 1, true]"), "a logarithmic range takes no step"),
    "ends in the wrong order": (ranged("[1.0, 0.1]"), "Swap them"),
    "a word as an end": (ranged("[a, 1]"), "'a' is no number"),
    "null as an end": (ranged("[null, 1]"), "None is no number"),
    "true as an end": (ranged("[true, 2]"), "True is no number"),
    "a list as an end": (ranged("[[1], 2]"), r"\[1\] is no number"),
    "log as a word": (ranged("[0.1, 1.0, log]"), "'log' is no number"),
    "an interpolation as an end": (ranged("['${n}', 1]"), "hold no interpolations"),
    "one end": (ranged("[1]"), "two or three elements, not 1"),
    "no ends": (ranged("[]"), "two or three elements, not 0"),
    "five ends": (ranged("[1, 2, 3, 4, 5]"), "two or three elements, not 5"),
    "a text as a range": (ranged("abc"), "a tuple needs a list"),
    "a mapping as a range": (ranged("{low: 1, high: 2}"), "a tuple needs a list"),
    "null as a range": (ranged("null"), "a tuple needs a list"),
    "no choices": (chosen("[]"), "it has no choices"),
    "null as choices": (chosen("null"), "a categorical needs a list"),
    "a number as choices": (chosen("3"), "a categorical needs a list"),
    "a text as choices": (chosen("abc"), "a categorical needs a list"),
    "NaN as a choice": (chosen("[.nan, 1]"), "NaN equals nothing"),
    "NaN deep in a choice": (chosen("[[[.nan]], 1]"), "NaN equals nothing"),
    "bytes as a choice": (chosen("[!!binary aGVsbG8=, 1]"), "a bytes cannot be stored"),
    "a missing value as a choice": (chosen("['???', 1]"), "how configs mark a missing value"),
    "a choice twice": (chosen("[a, b, a]"), "'a' stands there twice"),
    "1 and true": (chosen("[1, true]"), "Optuna takes the choices 1 and true for the same"),
    "1 and 1.0": (chosen("[1, 1.0]"), "Optuna takes the choices 1 and 1.0 for the same"),
    "a range in a choice": (chosen("[{a: {type: tuple, value: [1, 2]}}, 1]"), "a choice holds a range"),
    "an open interpolation": (chosen("['${', 1]"), r"Cannot set lr to '\$\{'"),
    "an interpolation that leads nowhere": (chosen("['${nope}', 1]"), "Interpolation key 'nope' not found"),
    "an unknown resolver in a choice": (chosen("['${foo:1}', 1]"), "Unsupported interpolation type foo"),
    "a list as a key": ("? [a, b]\n: 3\n", "a key must be text or a number"),
    "a mapping as a key": ("? {a: b}\n: 3\n", "a key must be text or a number"),
    "a mapping as a key of a choice": (chosen("[{? [1] : 2}, 3]"), "a key must be text or a number"),
    "true as a key": ("true: {type: tuple, value: [1, 2]}", "its key True cannot be part of a path"),
    "null as a key": ("null: {type: tuple, value: [1, 2]}", "its key None cannot be part of a path"),
    "a float as a key": ("1.5: {type: tuple, value: [1, 2]}", "its key 1.5 cannot be part of a path"),
    "nothing as a key": ("'': {type: tuple, value: [1, 2]}", "its key '' cannot be part of a path"),
    "a key twice": ("lr: 1\nlr: 2\n", "key 'lr' stands here twice"),
    "a key with and without +": ("+lr: 1\nlr: 2\n", r"it stands there twice, as '\+lr' and 'lr'"),
    "an unknown key": ("lrr: 1\n", "Did you mean"),
    "an unknown key below": ("model: {widht: 1}\n", "Did you mean"),
    "an unknown type": ("lr: {type: tupel, value: [1, 2]}", "type"),
    "a type of null": ("lr: {type: null, value: [1, 2]}", "The types of ranges are"),
    "a list as a type": ("lr: {type: [a], value: [1, 2]}", "The types of ranges are"),
    "a further key of a range": ("lr: {type: tuple, value: [1, 2], log: true}", "The type tuple has the keys type"),
    "a mapping over a number": ("lr: {a: 1}", "the base settings hold 0.1 there"),
    "a number": ("3", "it is no mapping"),
    "a list": ("[1, 2]", "it is no mapping"),
    "a text": ("abc", "it is no mapping"),
    "an unknown tag": ("lr: !grid {values: [1, 2]}", "the tag '!grid' is none of !sweep"),
    "a tag without its values": ("lr: !sweep {}", "it needs `values`"),
    "Python's tag": ("lr: !!python/object/apply:os.system [ls]", "is none of !sweep"),
    "a set": (chosen("!!set {a, b}"), "is none of !sweep"),
    "an unknown directive": ("%FOO bar\n---\nlr: 1", "found unknown directive"),
    "another YAML": ("%YAML 3.0\n---\nlr: 1", "incompatible YAML"),
    "two documents": ("lr: 1\n---\nn: 2", "another document"),
    "a tab": ("lr:\n\t- 1", "cannot start any token"),
    "an open bracket": ("lr: [1", "did not find expected|expected"),
    "an open quote": ("lr: 'a", "found unexpected end"),
    "an alias of nothing": ("lr: *a", "found undefined alias|undefined"),
    "an odd indent": ("lr: 1\n n: 2", "mapping values are not allowed|did not find"),
}

DEPENDENCIES = {
    "an unknown source": ("model: {width: nope}", "the config has no 'nope'"),
    "an unknown target": ("model: {widht: n}", "no such target"),
    "a sum": ("model: {width: 'n + 1'}", "the config has no 'n"),
    "an unknown resolver": ("model: {width: '${foo:1}'}", "Unsupported interpolation type foo"),
    "an open interpolation": ("model: {width: '${n'}", "it is no OmegaConf expression"),
    "itself": ("model: {width: model.width}", "they form a cycle"),
    "each other": ("{lr: n, n: lr}", "they form a cycle"),
    "a part of itself": ("model: model.width", "cycle|follow"),
    "an index beyond the end": ("model: {width: 'model.layers[7].o'}", "index 7 is out of range"),
    "a name in a list": ("model: {layers: {foo: n}}", "no such target"),
    "a key of a number": ("lr: {x: n}", "no such target"),
    "a source below a number": ("lr: n.x", "the config has no 'n.x'"),
    "a number": ("model: {width: 3}", "it is neither a path nor an expression"),
    "true": ("model: {width: true}", "it is neither a path nor an expression"),
    "what is tuned": ("lr: n", "it is also tuned"),
    "a list": ("[n]", "they are no mapping"),
    "a text": ("n", "they are no mapping"),
    "too deep": (nested(100), "nests deeper than 64 levels"),
    "brackets without end": (f"model: {{width: '{'(' * 3000}n{')' * 3000}'}}", "Cannot let model.width follow"),
    "an endless reference": ("model: {width: '${qgtune.ref:model.width}'}", "cycle|follows itself"),
    "an unknown tag": ("model: {width: !ref n}", "is not read here"),
}

BASES = {
    "aliases that explode": (BOMB, "holds more than 500,000 values"),
    "too deep": (f"lr: 0.1\nx: {nested(300)}", "nests deeper than 64 levels"),
    "a number": ("3", "they are no mapping"),
    "a list": ("[1]", "they are no mapping"),
    "nothing": ("", "they are no mapping"),
    "an unknown tag": ("lr: 0.1\nx: !what os.system", "is none of !sweep"),
    "a list as a key": ("lr: 0.1\n? [a]\n: 1", "a key must be text or a number"),
    "a mapping in the place of a range": ("lr: {a: 1}", "its base value .* lies outside"),
}

TUNING = {
    "a list": ("- 1", "it is no mapping"),
    "an unknown key": ("n_trails: 3", "Did you mean 'n_trials'"),
    "too many trials": ("n_trials: 99999999999999999999", "1,000,000,000 or less"),
    "half a trial": ("n_trials: 0.5", "it is no whole number"),
    "trials in words": ("n_trials: many", "it is no whole number"),
    "true as trials": ("n_trials: true", "it is no whole number"),
    "no trial": ("n_trials: 0", "it must be 1 or more"),
    "no process": ("n_processes: 0", "it must be 1 or more"),
    "a negative timeout": ("timeout: -1", "it must lie in"),
    "NaN as a timeout": ("timeout: .nan", "it must lie in"),
    "a direction": ("direction: up", "give `minimize` or `maximize`"),
    "no direction": ("direction: []", "give `minimize` or `maximize`"),
    "a blank storage": ("storage: '  '", "it is empty"),
    "a list as storage": ("storage: [a]", "it is no text"),
    "a blank name": ("study_name: ''", "it is empty"),
    "NaN as a name": ("study_name: .nan", "it is no text"),
    "a list as a name": ("study_name: []", "it is no text"),
    "an unknown sampler": ("sampler: tpee", "there is no sampler 'tpee'"),
    "a number as a sampler": ("sampler: 3", "there is no sampler 3|there is no sampler"),
    "a sampler without a name": ("sampler: {seed: 1}", "there is no sampler"),
    "an unknown pruner": ("pruner: medain", "there is no pruner 'medain'"),
    "a seed below zero": ("seed: -1", "it must be 0 or more"),
    "a seed beyond 32 bits": ("seed: 4294967296", "4,294,967,295 or less"),
    "a rate above one": ("max_failure_rate: 1.5", r"it must lie in \[0, 1\]"),
    "a word as a flag": ("tune_model: maybe", "it is neither true nor false"),
    "a missing space": ("search_space_path: nope.yaml", "there is no file"),
    "a folder as a space": ("search_space_path: .", "there is no file"),
}


def checked(capfd: pytest.CaptureFixture[str], folder: Path, **texts: str | bytes) -> str:
    """Check files, and check that they are refused in clear lines; return those."""
    arguments = ["check"]
    for kind, text in texts.items():
        path = folder / f"{kind}.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        arguments += [f"--{kind}", str(path)]
    code = run(arguments)
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    assert code == 1 or "warning" in out
    return out + err


def rows(table: dict[str, tuple[str, str]]) -> pytest.MarkDecorator:
    """Return the rows of a table as a test's parameters."""
    return pytest.mark.parametrize(("text", "words"), table.values(), ids=table)


@rows(SPACES)
def test_wrong_spaces(capfd: pytest.CaptureFixture[str], tmp_path: Path, text: str, words: str) -> None:
    """Each is refused, with its file."""
    found = checked(capfd, tmp_path, space=text, base=BASE)
    assert re.search(words, found), found
    assert "space.yaml" in found


@rows(DEPENDENCIES)
def test_wrong_dependencies(capfd: pytest.CaptureFixture[str], tmp_path: Path, text: str, words: str) -> None:
    """Each is refused, with its file."""
    found = checked(capfd, tmp_path, space=SPACE, base=BASE, dependencies=text)
    assert re.search(words, found), found
    assert "dependencies.yaml" in found


@rows(BASES)
def test_wrong_base_settings(capfd: pytest.CaptureFixture[str], tmp_path: Path, text: str, words: str) -> None:
    """Each is refused, with a file."""
    found = checked(capfd, tmp_path, space=SPACE, base=text)
    assert re.search(words, found), found
    assert ".yaml" in found


@rows(TUNING)
def test_wrong_tuning_configs(capfd: pytest.CaptureFixture[str], tmp_path: Path, text: str, words: str) -> None:
    """Each is refused, with its file."""
    found = checked(capfd, tmp_path, tuning=text)
    assert re.search(words, found), found
    assert "tuning.yaml" in found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"lr: \x00", "unacceptable character|control characters", id="a zero byte"),
        pytest.param(b"lr: \xff\xfe", "'utf-8' codec", id="another encoding"),
        pytest.param("lr: 1".encode("utf-16"), "'utf-8' codec", id="UTF-16"),
    ],
)
def test_what_is_no_text(capfd: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, words: str) -> None:
    """Bytes that are no text are refused."""
    assert re.search(words, checked(capfd, tmp_path, space=content, base=BASE))


def test_a_byte_order_mark_is_read_over(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Editors on Windows write one."""
    path = tmp_path / "space.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SPACE.encode())
    assert run(["check", "--space", str(path)]) == 0
    assert "1 hyperparameter" in capfd.readouterr().out


@pytest.mark.parametrize("kind", ["space", "dependencies", "base", "tuning"])
def test_a_pipe_is_not_waited_for(capfd: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    """A FIFO in the place of a file is refused."""
    import os

    os.mkfifo(tmp_path / "pipe")
    assert run(["check", f"--{kind}", str(tmp_path / "pipe")]) == 1
    assert "is no file. Check the path." in "".join(capfd.readouterr())


@pytest.mark.timeout(60)  # most of it is spent in OmegaConf
@pytest.mark.parametrize("n", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_many_hyperparameters(capfd: pytest.CaptureFixture[str], tmp_path: Path, n: int) -> None:
    """Ten thousand are read in seconds: no step looks at all of them for each of them."""
    (tmp_path / "space.yaml").write_text("".join(f"p{i}: {{type: tuple, value: [0.0, 1.0]}}\n" for i in range(n)))
    (tmp_path / "base.yaml").write_text("".join(f"p{i}: 0.5\n" for i in range(n)))
    assert run(["check", "--space", str(tmp_path / "space.yaml"), "--base", str(tmp_path / "base.yaml")]) == 0
    assert f"{n} hyperparameters" in capfd.readouterr().out
