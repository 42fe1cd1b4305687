"""What dependencies read: expressions, cycles through the config, and every choice of a source."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hydra.core.utils import setup_globals
from omegaconf import OmegaConf

from qgtune import QGTuneError
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.paths import parse_path
from qgtune.space.reading.build import apply_dependencies, build_space, check_space, read

BASE: dict[str, Any] = {"kind": "a", "m": {"a": 5, "b": 6}, "l": [1, 2], "y": 0, "z": 0}


@pytest.fixture(autouse=True)
def _resolvers() -> None:
    register_resolvers()


def value(expression: str) -> Any:
    """Return what `y` holds when it follows an expression."""
    built = build_space(None, BASE, {"y": expression})
    config = OmegaConf.create(BASE)
    check_space(built, config)
    return built.prepare(config).y


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("${m.${kind}}", 5, id="a path that is made of another value"),
        pytest.param("${m[a]}", 5, id="a key in brackets"),
        pytest.param("${l[1]}", 2, id="an index in brackets"),
        pytest.param("${.m.b}", 6, id="relative"),
        pytest.param("${oc.select:nope,7}", 7, id="a source that may be missing"),
        pytest.param("${oc.select:m.a,7}", 5, id="one that is there"),
        pytest.param("${qgtune.ref:l[-1]}", 2, id="brackets in a reference"),
        pytest.param("${qgtune.ref:'l[-1]'}", 2, id="a quoted reference"),
        pytest.param("${kind}/${m.a}", "a/5", id="text around"),
        pytest.param("l", [1, 2], id="a list"),
        pytest.param("${qgtune.mul:${qgtune.map:${kind},{a:2}},${m.b}}", 12, id="nested"),
    ],
)
def test_expressions(expression: str, expected: Any) -> None:
    """Every form of expression that OmegaConf knows is taken as it stands."""
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        pytest.param("${m", "it is no OmegaConf expression", id="malformed"),
        pytest.param("${m.c}", r"no 'm\.c'", id="missing"),
        pytest.param("${qgtune.ref:'k[-1]'}", r"no 'k\.-1'", id="missing, quoted"),
        pytest.param("${.m.c}", r"no 'm\.c'", id="missing, relative"),
    ],
)
def test_mistakes_in_expressions(expression: str, message: str) -> None:
    """What an expression reads is checked as a path is."""
    with pytest.raises(QGTuneError, match=rf"Cannot let y follow .*{message}"):
        value(expression)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("x", "dependency"),
    [
        pytest.param("${y}", "x", id="path"),
        pytest.param("${y}", "${qgtune.add:${x},1}", id="expression"),
        pytest.param("${qgtune.ref:y}", "${x}", id="reference in the base"),
    ],
)
def test_a_cycle_through_an_interpolation_of_the_base(x: str, dependency: str) -> None:
    """A dependency that comes back to itself by way of the base's own interpolations is an error, shown whole."""
    base = {"x": x, "y": 1}
    built = build_space(None, base, {"y": dependency})
    with pytest.raises(QGTuneError, match="y -> x -> y"):
        check_space(built, OmegaConf.create(base))


def test_a_long_cycle_is_shown_whole() -> None:
    """Every step of a cycle is named."""
    mapping = {"a": "b", "b": "${c}", "c": "${qgtune.add:${d},1}", "d": "a"}
    with pytest.raises(QGTuneError, match=r"deps\.yaml: they form a cycle: a -> b -> c -> d -> a"):
        build_space(None, dict.fromkeys("abcd", 1), mapping, dependencies_source="deps.yaml")


def test_reading_below_an_interpolation_of_the_base_is_no_cycle() -> None:
    """A source inside a part of the base that points at the target's own section is fine."""
    base = {"model": {"width": 3, "n": 0}, "alias": "${model}"}
    built = build_space(None, base, {"model": {"n": "alias.width"}})
    check_space(built, OmegaConf.create(base))
    assert built.prepare(OmegaConf.create(base)).model.n == 3


def test_every_choice_of_a_source_is_tried() -> None:
    """A table that lacks one of the choices is an error before the first trial, told once."""
    base = {"act": "relu", "y": 1}
    built = build_space({"act": ["relu", "tanh", "gelu"]}, base, {"y": "${qgtune.map:${act},{relu:1,gelu:2}}"})
    with pytest.raises(QGTuneError, match="'tanh' is none of 'relu', 'gelu'") as caught:
        check_space(built, OmegaConf.create(base))
    assert len(caught.value.problems) == 1


def test_a_source_inside_a_choice() -> None:
    """A dependency may read inside the mapping that a trial chooses; a choice that lacks it is an error."""
    base = {"head": None, "y": 1}
    space = {"head": {"type": "categorical", "value": [{"w": 1}, {"w": 2}]}}
    built = build_space(space, base, {"y": "head.w"})
    check_space(built, OmegaConf.create(base))
    prepared = built.prepare(OmegaConf.create(base))
    built.inject(prepared, {"head": {"w": 2}})
    assert prepared.y == 2
    built = build_space({"head": {"type": "categorical", "value": [{"w": 1}, {"v": 2}]}}, base, {"y": "head.w"})
    with pytest.raises(QGTuneError, match=r"Cannot let y follow 'head\.w'.*no such path"):
        check_space(built, OmegaConf.create(base))


def test_a_failing_source_is_reported_as_what_it_is() -> None:
    """A follower of a value that cannot be computed names that reason, not a missing path."""
    config = OmegaConf.create({"a": "${qgtune.add:x}", "y": "${qgtune.ref:a}"})
    with pytest.raises(Exception, match="'x' is no number"):
        _ = config.y


def test_the_map_tells_true_from_one() -> None:
    """A key of the value's own type comes first, then one that is spelled the same."""
    config = OmegaConf.create({"t": {"true": 5, 1: 6}, "a": 1, "b": True, "y": "${qgtune.map:${a},${t}}"})
    assert config.y == 6


@pytest.mark.parametrize(
    ("target", "source"), [("???", 1), (1, "text")], ids=["a target without a value", "a source that does not compute"]
)
def test_a_fixed_target_wins_over_a_dependency_that_cannot_be_read(target: Any, source: Any) -> None:
    """In a plain run a value on the command line needs no working dependency; it is told."""
    config = OmegaConf.create({"a": target, "b": source})
    notices = apply_dependencies(config, {"a": "${qgtune.add:${b},1}"}, fixed=["a"])
    assert len(notices) == 1


def test_values_of_the_running_job_are_read_in_the_job() -> None:
    """A source that reads `${hydra:…}` cannot be tried before a job runs, and is let through."""
    setup_globals()
    config = OmegaConf.create({"a": 1, "b": "${hydra:runtime.cwd}"})
    assert apply_dependencies(config, {"a": "b"}) == []


def test_dependencies_hold_in_locked_configs() -> None:
    """Struct mode and read-only flags do not stand in the way; the flags stay."""
    config = OmegaConf.create(BASE)
    OmegaConf.set_struct(config, True)
    OmegaConf.set_readonly(config, True)
    apply_dependencies(config, {"y": "l[-1]"})
    assert read(config, "y") == 2
    assert OmegaConf.is_readonly(config)


@pytest.mark.parametrize("text", ["", "a..b", "a.[x]", "a]", "${a}", ".a"], ids=repr)
def test_malformed_paths(text: str) -> None:
    """Text that is no path says what one looks like."""
    with pytest.raises(QGTuneError, match=r"Cannot read path .*model\.layers\[0\]\.width"):
        parse_path(text)


def test_the_resolvers_import_lightly() -> None:
    """Hydra imports them in every app: neither optuna, numpy nor rich comes along."""
    code = (
        "import sys; import qgtune.space.dependencies.resolvers as r; r.register_resolvers();"
        "sys.exit(bool({'optuna', 'numpy', 'rich'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
