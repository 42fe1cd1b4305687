"""Values that follow other values."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError

from qgtune import QGTuneError
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.reading.build import apply_dependencies, build_space, check_space, read

BASE: dict[str, Any] = {
    "model": {
        "heads": 2,
        "width": 8,
        "total": 0,
        "layers": [{"i": 1, "o": 2}, {"i": 3, "o": 4}],
        "act": "relu",
        "n": 0,
    },
    "training": {"lr": 0.1},
}


@pytest.fixture(autouse=True)
def _resolvers() -> None:
    register_resolvers()


def follow(dependencies: Any, space: Any = None, **values: Any) -> Any:
    """Return the config, with dependencies in place and values injected."""
    built = build_space(space, BASE, dependencies, dependencies_source="deps.yaml")
    config = OmegaConf.create(BASE)
    check_space(built, config)
    prepared = built.prepare(config)
    built.inject(prepared, {key.replace("__", "."): value for key, value in values.items()})
    return prepared


@pytest.mark.parametrize("path", ["model.layers[0].o", "model.layers.0.o", "model.layers[-2].o"])
def test_a_path_in_every_spelling(path: str) -> None:
    """`[0]`, `.0` and `[-2]` name the same element."""
    assert follow({"model": {"layers": [{}, {"i": path}]}}).model.layers[1].i == 2


def test_a_dependency_is_resolved_when_it_is_read() -> None:
    """It is no copy: it follows a later change of its source."""
    config = follow({"model": {"layers": [None, {"i": "model.layers[0].o"}]}})
    config.model.layers[0].o = 77
    assert config.model.layers[1].i == 77


def test_dependencies_chain() -> None:
    """A dependency may point at another one, at a hyperparameter, at a constant, at an untuned part."""
    dependencies = {
        "model": {"n": "model.total", "total": "model.width", "layers": [{"i": "training.lr"}, {"i": "model.heads"}]}
    }
    config = follow(dependencies, {"model": {"width": [8, 16], "heads": 5}}, model__width=16)
    assert (config.model.n, config.model.total) == (16, 16)
    assert (config.model.layers[0].i, config.model.layers[1].i) == (0.1, 5)


def test_expressions_are_copied_as_they_stand() -> None:
    """An OmegaConf expression computes from other paths."""
    expression = "${qgtune.mul:${model.heads},${model.width}}"
    assert follow({"model": {"total": expression}}, model__width=16).model.total == 32


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("${qgtune.add:1,2,3}", 6, id="add"),
        pytest.param("${qgtune.sub:10,2,3}", 5, id="sub"),
        pytest.param("${qgtune.mul:2,3.5}", 7.0, id="mul"),
        pytest.param("${qgtune.floordiv:17,5}", 3, id="floordiv"),
        pytest.param("${qgtune.min:3,1,2}", 1, id="min"),
        pytest.param("${qgtune.max:3,1,2}", 3, id="max"),
        pytest.param("${qgtune.max:${sizes}}", 9, id="a list"),
        pytest.param("${qgtune.map:${kind},{relu:1,tanh:2}}", 2, id="map"),
        pytest.param("${qgtune.map:${kind},${table}}", 5, id="map by node"),
        pytest.param("${qgtune.ref:sizes.-1}", 9, id="ref from the end"),
    ],
)
def test_resolvers(expression: str, expected: Any) -> None:
    """Each resolver does what its name says."""
    config = OmegaConf.create({"x": expression, "kind": "tanh", "table": {"tanh": 5}, "sizes": [4, 9]})
    assert config.x == expected
    assert type(config.x) is type(expected)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        pytest.param("${qgtune.floordiv:1,0}", "a divisor is zero", id="zero"),
        pytest.param("${qgtune.add:1,x}", "'x' is no number", id="text"),
        pytest.param("${qgtune.map:gelu,{relu:1}}", "'gelu' is none of 'relu'", id="no such key"),
        pytest.param("${qgtune.map:gelu,3}", "3 is no mapping", id="no mapping"),
        pytest.param("${qgtune.ref:kid}", "Did you mean 'kind'", id="no such path"),
    ],
)
def test_resolvers_say_what_is_wrong(expression: str, message: str) -> None:
    """A resolver that cannot compute says why."""
    config = OmegaConf.create({"x": expression, "kind": "tanh"})
    with pytest.raises(InterpolationResolutionError, match=message):
        _ = config.x


@pytest.mark.parametrize(
    ("dependencies", "message"),
    [
        pytest.param(
            {"model": {"n": "model.widht"}},
            r"model\.n follow 'model\.widht' \(deps\.yaml\).*'model\.width'",
            id="source",
        ),
        pytest.param(
            {"model": {"n": "model.layers[2].o"}}, r"index 2 is out of range: model\.layers has 2 elements", id="index"
        ),
        pytest.param({"model": {"m": "model.width"}}, r"model\.m follow .* no such target.*'model\.", id="target"),
        pytest.param({"model": {"layers": [{}, {}, {"i": "model.n"}]}}, "no such target", id="element"),
        pytest.param(
            {"model": {"n": "model.total", "total": "model.n"}}, r"model\.n -> model\.total -> model\.n", id="cycle"
        ),
        pytest.param({"model": {"n": "model.n"}}, r"model\.n -> model\.n", id="itself"),
        pytest.param({"model": {"n": "model"}}, r"model\.n -> model\.n", id="what holds it"),
        pytest.param(
            {"model": {"n": "${qgtune.add:${model.total},1}", "total": "model.n"}}, "cycle", id="cycle by expression"
        ),
        pytest.param({"model": {"n": "${qgtune.add:${model.nn},1}"}}, r"no 'model\.nn'", id="source in an expression"),
        pytest.param({"model": {"n": 5}}, "neither a path nor an expression", id="number"),
        pytest.param(
            {"model": {"width": "model.heads"}}, r"model\.width follow .*it is also tuned, in space\.yaml", id="tuned"
        ),
        pytest.param(
            {"model": {"n": "${qgtune.map:${model.act},{tanh:1}}"}}, "'relu' is none of 'tanh'", id="unresolvable"
        ),
        pytest.param(["model.n"], "they are no mapping", id="list"),
        pytest.param({"model": {"n": "model.[x"}}, "Cannot read path", id="malformed"),
    ],
)
def test_mistakes_are_named_before_anything_runs(dependencies: Any, message: str) -> None:
    """Each mistake names file, target and source."""

    def check() -> None:
        space = {"model": {"width": [8, 16]}}
        built = build_space(space, BASE, dependencies, space_source="space.yaml", dependencies_source="deps.yaml")
        check_space(built, OmegaConf.create(BASE))

    with pytest.raises(QGTuneError, match=message):
        check()


def test_a_value_of_the_command_line_wins_with_a_notice() -> None:
    """A target that the command line set, or tunes, is no dependency any more."""
    built = build_space(None, BASE, {"model": {"n": "model.width"}}, fixed=["model.n"])
    assert not built.dependencies
    assert "model.n was set on the command line" in built.notices[0]


def test_apply_to_a_plain_config() -> None:
    """In a run without a sweep the dependencies are put into the config in place."""
    config = OmegaConf.create(BASE)
    OmegaConf.set_struct(config, True)
    assert apply_dependencies(config, {"model": {"n": "model.width"}}) == []
    config.model.width = 99
    assert config.model.n == 99


@pytest.mark.parametrize(("value", "n_notices"), [(8, 0), (5, 1)], ids=["the same value", "another value"])
def test_apply_warns_of_other_values_only(value: int, n_notices: int) -> None:
    """A target on the command line is worth a word only when its value differs from the dependency's."""
    config = OmegaConf.create({**BASE, "model": {**BASE["model"], "n": value}})
    notices = apply_dependencies(config, {"model": {"n": "model.width"}}, fixed=["model.n"])
    assert len(notices) == n_notices
    assert read(config, "model.n") == value


def test_apply_reports_all_mistakes() -> None:
    """Mistakes in a plain run are the same errors."""
    with pytest.raises(QGTuneError) as caught:
        apply_dependencies(OmegaConf.create(BASE), {"model": {"n": "model.a", "m": "model.width"}}, source="deps.yaml")
    assert len(caught.value.problems) == 2
