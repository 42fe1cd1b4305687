"""Branches, lists of tuned length and conditions: what is asked, what the config has, how many points there are."""

from __future__ import annotations

import copy
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from optuna.trial import FixedTrial

from qgtune import QGTuneError
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.lint import lint
from qgtune.space.points import all_points, base_point, given_point, n_points
from qgtune.space.reading.build import build_space, check_space
from qgtune.study.algorithms.factory import build_sampler
from qgtune.study.algorithms.grid import BRUTE_FORCE

register_resolvers()

BASE = {
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.5},
    "data": {"n": 7},
    "nn": [{"in": 7, "out": 8}, {"in": 8, "out": 16}],
    "head": {"in": 16},
}
BRANCHES = {
    "optimizer": {
        "name": {
            "type": "categorical",
            "value": {
                "sgd": {"momentum": {"type": "tuple", "value": [0.0, 1.0, 0.5]}, "+nesterov": [True, False]},
                "adam": {"+eps": [1e-8, 1e-6], "+amsgrad": True},
                "rmsprop": None,
            },
        }
    }
}
LENGTHS = {"nn": {"type": "list", "length": [1, 3], "each": {"out": [8, 16]}}}
CHAIN = {
    "nn": {"type": "list", "first": {"in": "data.n"}, "each": {"in": "nn[i-1].out"}},
    "head": {"in": "nn[-1].out"},
}


def built(space: dict[str, Any], params: dict[str, Any], dependencies: Any = None, base: Any = None) -> Any:
    """Return the config of a trial with these values."""
    config = OmegaConf.create(BASE if base is None else base)
    found = build_space(space, OmegaConf.to_container(config), dependencies)
    check_space(found, config)
    prepared = found.prepare(config)
    found.inject(prepared, found.suggest(FixedTrial(params)))
    return OmegaConf.to_container(prepared, resolve=True)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        pytest.param(
            {"optimizer.name": "sgd", "optimizer.momentum": 0.0, "optimizer.nesterov": True},
            {"name": "sgd", "lr": 0.1, "momentum": 0.0, "nesterov": True},
            id="one branch",
        ),
        pytest.param(
            {"optimizer.name": "adam", "optimizer.eps": 1e-8},
            {"name": "adam", "lr": 0.1, "eps": 1e-8, "amsgrad": True},
            id="another, with a constant",
        ),
        pytest.param({"optimizer.name": "rmsprop"}, {"name": "rmsprop", "lr": 0.1}, id="an empty one"),
    ],
)
def test_a_branch_has_its_own(params: dict[str, Any], expected: dict[str, Any]) -> None:
    """What another option's branch names is absent, also when the base settings hold it."""
    assert built(BRANCHES, params)["optimizer"] == expected


@pytest.mark.parametrize(
    ("length", "outs"), [pytest.param(1, [16], id="shorter"), pytest.param(3, [8, 16, 8], id="longer than the base")]
)
def test_a_list_has_its_length(length: int, outs: list[int]) -> None:
    """Elements beyond the base start from its last one; `[-1]` is the last that exists; each follows the one before."""
    params = {"nn.length": length, **{f"nn.{index}.out": out for index, out in enumerate(outs)}}
    found = built(LENGTHS, params, CHAIN)
    assert [layer["out"] for layer in found["nn"]] == outs
    assert [layer["in"] for layer in found["nn"]] == [7, *outs[:-1]]
    assert found["head"]["in"] == outs[-1]


def test_elements_may_be_values_and_lengths_choices() -> None:
    """`each` may be a range itself, and the length one of some numbers."""
    space = {"sizes": {"type": "list", "length": {"type": "categorical", "value": [0, 2, 4]}, "each": [1, 2]}}
    base = {"sizes": [1]}
    assert built(space, {"sizes.length": 0}, base=base) == {"sizes": []}
    params = {"sizes.length": 2, "sizes.0": 2, "sizes.1": 1}
    assert built(space, params, base=base) == {"sizes": [2, 1]}


def test_lists_and_branches_nest() -> None:
    """A branch inside an element, and a list inside a branch."""
    layer = {"kind": {"type": "categorical", "value": {"gat": {"+heads": [1, 2]}, "gcn": {}}}}
    space = {
        "model": {
            "type": {
                "type": "categorical",
                "value": {"deep": {"layers": {"type": "list", "length": [1, 2], "each": layer}}, "flat": {}},
            }
        }
    }
    base = {"model": {"type": "deep", "layers": [{"kind": "gcn"}]}}
    params = {
        "model.type": "deep",
        "model.layers.length": 2,
        "model.layers.0.kind": "gcn",
        "model.layers.1.kind": "gat",
    }
    found = built(space, {**params, "model.layers.1.heads": 2}, base=base)
    assert found == {"model": {"type": "deep", "layers": [{"kind": "gcn"}, {"kind": "gat", "heads": 2}]}}
    assert built(space, {"model.type": "flat"}, base=base) == {"model": {"type": "flat"}}
    assert n_points(build_space(space, base)) == 3 + 9 + 1


@pytest.mark.parametrize(
    ("key", "expected"),
    [pytest.param("momentum", {"momentum": 0.5}, id="the base holds"), pytest.param("+clip", {}, id="added: absent")],
)
def test_a_condition_beside_a_range(key: str, expected: dict[str, Any]) -> None:
    """`when` names paths and their values; else the base settings hold."""
    node = {"type": "tuple", "value": [0.0, 1.0], "when": {"optimizer.name": ["sgd", "rmsprop"]}}
    space = {"optimizer": {"name": ["sgd", "adam", "rmsprop"], key: node}}
    path = f"optimizer.{key.lstrip('+')}"
    assert built(space, {"optimizer.name": "rmsprop", path: 0.25})["optimizer"][key.lstrip("+")] == 0.25
    found = built(space, {"optimizer.name": "adam"})["optimizer"]
    assert found == {"name": "adam", "lr": 0.1, **({"momentum": 0.5} | expected)}


def test_a_condition_on_the_element() -> None:
    """Beside `each`, `[i]` is the element."""
    heads = {"type": "tuple", "value": [1, 4], "when": {"nn[i].out": 16}}
    space = {"nn": {"type": "list", "length": [1, 2], "each": {"out": [8, 16], "+heads": heads}}}
    found = built(space, {"nn.length": 2, "nn.0.out": 8, "nn.1.out": 16, "nn.1.heads": 3})
    assert [layer.get("heads") for layer in found["nn"]] == [None, 3]


def test_a_condition_on_lists_and_mappings() -> None:
    """A list among the values of a condition is one value of the path, and so is a mapping."""
    base = {"sizes": [1], "x": 0, "d": {"a": 1, "b": 2}, "y": 0}
    when = {"sizes": [[1, 2], [4]], "d": {"a": 1, "b": 2}}
    space = {
        "x": {"type": "tuple", "value": [1, 3], "when": when},
        "y": {"type": "tuple", "value": [1, 3], "when": {"d": {"a": 1}}},
        "sizes": {"type": "categorical", "value": [[1, 2], [3], [4]]},
    }
    assert built(space, {"sizes": "[1,2]", "x": 3}, base=base) == {**base, "sizes": [1, 2], "x": 3}
    assert built(space, {"sizes": "[3]"}, base=base) == {**base, "sizes": [3]}
    assert n_points(build_space(space, base)) == 3 + 1 + 3


def test_conditions_on_what_is_not_tuned_are_settled() -> None:
    """A parent that is fixed decides once and for all; a path may have another range under each option."""
    fixed = {**BASE, "optimizer": {"name": "adam", "lr": 0.1, "momentum": 0.5}}
    found = build_space(BRANCHES, fixed, fixed=["optimizer.name"])
    assert list(found.hyperparameters) == ["optimizer.eps"]
    assert not found.is_conditional
    prepared = found.prepare(OmegaConf.create(fixed))
    found.inject(prepared, {"optimizer.eps": 1e-6})
    assert prepared.optimizer == {"name": "adam", "lr": 0.1, "eps": 1e-6, "amsgrad": True}
    options = {"a": {"lr": {"type": "tuple", "value": [0.0, 1.0]}}, "b": {"lr": {"type": "tuple", "value": [5.0, 6.0]}}}
    ranges = {"optimizer": {"name": {"type": "categorical", "value": options}}}
    assert built(ranges, {"optimizer.name": "b", "optimizer.lr": 5.5})["optimizer"]["lr"] == 5.5


def test_the_base_point_has_its_live_values() -> None:
    """What the base settings do not have of a branch is left to the sampler."""
    found = build_space({**BRANCHES, **LENGTHS}, BASE)
    point, outside = base_point(found, OmegaConf.create(BASE))
    assert outside == []
    assert point == {"optimizer.name": "sgd", "optimizer.momentum": 0.5, "nn.length": 2, "nn.0.out": 8, "nn.1.out": 16}
    assert lint(found, OmegaConf.create(BASE)) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"k": "text"}, r"option 'k' needs a mapping of what stands beside it, or null", id="a text"),
        pytest.param({"k": {"p": 1}}, r"option 'k' sets p itself\. Drop that", id="itself"),
    ],
)
def test_what_an_option_cannot_bring_along(options: Any, words: str) -> None:
    """Each is one line, without base settings."""
    with pytest.raises(QGTuneError, match=rf"p of .*: its {words}"):
        build_space({"p": {"type": "categorical", "value": options}}, None)


def test_beside_the_element_of_a_list_stands_nothing() -> None:
    """So its options bring nothing along; without that they are choices."""
    node = {"type": "categorical", "value": {"k": {"x": 1}}}
    with pytest.raises(QGTuneError, match=r"p\.0 of .*: its option 'k' brings what stands beside it: a list's element"):
        build_space({"p": [node]}, None)
    assert list(build_space({"p": [{**node, "value": {"k": None, "j": {}}}]}, None).hyperparameters) == ["p.0"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(
            {"optimizer.momentum": 0.5}, "only when optimizer.name is sgd. Give that, too.", id="parent left out"
        ),
        pytest.param({"optimizer": {"name": "adam", "momentum": 0.5}}, "Drop one of the two.", id="another branch"),
        pytest.param({"nn.length": 1, "nn.2.out": 8}, "only when nn.length is 3", id="beyond the list"),
        pytest.param({"optimizer.momentum": 7}, "is not float 0 to 1, step 0.5", id="not in the range"),
    ],
)
def test_points_that_are_not_live_are_refused(given: dict[str, Any], words: str) -> None:
    """A value that a trial would not be asked for is an error."""
    with pytest.raises(QGTuneError) as caught:
        given_point(build_space({**BRANCHES, **LENGTHS}, BASE).hyperparameters, given, "enqueue")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("space", "dependencies", "words"),
    [
        pytest.param(
            LENGTHS, {"head": {"in": "nn[1].out"}}, "With nn.length=1: Cannot let head.in follow", id="a length"
        ),
        pytest.param(
            BRANCHES,
            {"head": {"in": "optimizer.momentum"}},
            "With optimizer.name=adam: Cannot let head.in",
            id="a branch",
        ),
        pytest.param(
            LENGTHS, {"nn": {"type": "list", "each": {"in": "nn[i-1].out"}}}, "Say with `first`", id="no first"
        ),
        pytest.param(LENGTHS, {"data": {"type": "list", "each": "n"}}, "the config has no list there", id="no list"),
        pytest.param(
            {}, {"nn": {"type": "list", "first": {"in": "data.n"}}}, "it needs `each`", id="first without each"
        ),
        pytest.param(
            {"head": {"in": {"type": "tuple", "value": [1, 2], "when": {"data.m": 1}}}},
            None,
            "its condition names data.m, which the base settings do not have. Did you mean",
            id="no such path",
        ),
        pytest.param(
            {"nn": [{"out": [8, 16]}, {"out": {"type": "tuple", "value": [1, 2], "when": {"head.in": 8}}}]},
            {"head": {"in": "nn[0].out"}},
            "which follows 'nn[0].out'. Name that.",
            id="a dependency",
        ),
        pytest.param(
            {
                "head": {"in": {"type": "tuple", "value": [1, 2], "when": {"data.n": 1}}},
                "data": {"n": {"type": "tuple", "value": [1, 2], "when": {"head.in": 1}}},
            },
            None,
            "its conditions form a cycle: head.in -> data.n -> head.in",
            id="a cycle",
        ),
        pytest.param(
            {"optimizer": {"name": {"type": "categorical", "value": {"a": 1}}}},
            None,
            "needs a mapping",
            id="no mapping",
        ),
        pytest.param(
            {"optimizer": {"name": {"type": "categorical", "value": {"a": {"name": "b"}}}}}, None, "itself", id="itself"
        ),
        pytest.param({"nn": {"type": "list", "length": [3, 1], "each": {}}}, None, "above its high end", id="ends"),
        pytest.param(
            {"nn": {"type": "list", "length": [0.5, 1], "each": {}}}, None, "whole numbers", id="half a layer"
        ),
        pytest.param({"nn": {"type": "list", "length": [1, 10**12], "each": {}}}, None, "at most 1,000", id="too long"),
        pytest.param({"head": {"type": "list", "length": [1, 2], "each": {}}}, None, "not a list", id="over a mapping"),
        pytest.param(
            {"head": {"in": {"type": "tuple", "value": [1, 2], "when": 3}}}, None, "`when` needs a mapping", id="when"
        ),
    ],
)
def test_mistakes_are_named_before_anything_runs(space: dict[str, Any], dependencies: Any, words: str) -> None:
    """Each branch and each length is tried."""
    with pytest.raises(QGTuneError) as caught:
        check_space(build_space(space, BASE, dependencies), OmegaConf.create(BASE))
    assert words in str(caught.value)


def test_a_dependency_into_an_absent_branch_is_skipped() -> None:
    """Its target is not there, and nothing is said."""
    found = built(BRANCHES, {"optimizer.name": "rmsprop"}, None)
    assert "momentum" not in found["optimizer"]
    space = {"model": {"kind": {"type": "categorical", "value": {"a": {"width": 3}, "b": {}}}}}
    base = {"model": {"kind": "a", "width": 1, "twice": 2}, "n": 4}
    found = built(space, {"model.kind": "b"}, {"model": {"twice": "n"}}, base)
    assert found["model"] == {"kind": "b", "twice": 4}


@pytest.mark.parametrize(
    "space",
    [
        pytest.param({"optimizer": {"lr": {"type": "tuple", "value": [0.0, 1.0]}}}, id="a range"),
        pytest.param({"optimizer": {"lr": 3}}, id="a constant"),
    ],
)
def test_a_space_over_an_interpolation_goes_into_a_copy(space: dict[str, Any]) -> None:
    """What the interpolation leads to stays as it is."""
    base = {"optimizer": "${optimizers.adam}", "optimizers": {"adam": {"lr": 0.5, "betas": [0.9, 0.99]}}}
    found = built(space, {"optimizer.lr": 0.25}, base=base)
    assert found["optimizer"]["betas"] == [0.9, 0.99]
    assert found["optimizer"]["lr"] in (0.25, 3)
    assert found["optimizers"]["adam"]["lr"] == 0.5


# Over generated spaces.

CHOICES = st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True)


@st.composite
def nodes(draw: st.DrawFn, depth: int = 0) -> Any:
    """Draw choices, a choice with branches, or a list of tuned length; with the base's value beside it."""
    kind = draw(st.sampled_from(["choices"] if depth > 1 else ["choices", "branches", "list"]))
    if kind == "choices":
        choices = draw(CHOICES)
        return choices, choices[0], {}
    if kind == "list":
        low = draw(st.integers(0, 2))
        inner, base, _ = draw(nodes(2))
        n_base = draw(st.integers(low, low + 1))
        each, elements = {"v": inner}, [{"v": base} for _ in range(n_base)]
        return {"type": "list", "length": [low, low + 1], "each": each}, elements, {}
    beside: dict[str, Any] = {}
    branches: dict[str, Any] = {}
    for option in ("x", "y"):
        inner, base, more = draw(nodes(depth + 1))
        key = f"k{depth}{draw(st.sampled_from('ab'))}"
        if more or key in beside:  # what stands beside an inner choice has its own name
            inner, base, more = draw(nodes(2))
            key = f"k{depth}{option}"
        beside[key] = base
        branches[option] = {key: inner}
    return {"type": "categorical", "value": branches}, "x", beside


@st.composite
def spaces(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw a space and base settings of its shape."""
    space: dict[str, Any] = {}
    base: dict[str, Any] = {}
    for key in ("p", "q"):
        node, there, beside = draw(nodes())
        space[key] = {"n": node}
        base[key] = {"n": there, **beside}
    return space, base


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=spaces())
def test_points_are_those_that_brute_force_visits(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """They are as many as are counted; each has its own config, and the base settings are one of them."""
    space, base = drawn
    found = build_space(space, copy.deepcopy(base))
    config = OmegaConf.create(base)
    check_space(found, config)
    count = n_points(found)
    assert count is not None
    assume(count <= 400)
    prepared = found.prepare(config)
    configs = []
    for values in all_points(found):
        one = copy.deepcopy(prepared)
        found.inject(one, values)
        configs.append(OmegaConf.to_container(one))
        stored = {path: found.live(path, values).encode(value) for path, value in values.items()}  # type: ignore[union-attr]
        assert found.suggest(FixedTrial(stored)) == values
    assert len(configs) == count
    assert all(one != other for index, one in enumerate(configs) for other in configs[:index])
    point, outside = base_point(found, config)
    assert outside == []
    placed = copy.deepcopy(prepared)
    found.inject(placed, {path: found.hyperparameters[path].decode(stored) for path, stored in point.items()})
    assert OmegaConf.to_container(placed) in configs


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=spaces())
def test_optunas_brute_force_visits_as_many(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Optuna's own sampler, which knows nothing of our conditions, ends after as many trials."""
    space, base = drawn
    found = build_space(space, base)
    count = n_points(found)
    assume(count is not None and 1 < count <= 40)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=build_sampler({"_target_": BRUTE_FORCE}, 0))
    study.optimize(lambda trial: float(len(found.suggest(trial))), n_trials=100)
    assert len(study.trials) == count
