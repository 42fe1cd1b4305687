"""What each kind of node of a search space means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qgtune import QGTuneError
from qgtune.space.reading.build import build_space

if TYPE_CHECKING:
    from qgtune.space.model import SearchSpace


def build(node: Any, base: Any = 0, dependencies: Any = None) -> SearchSpace:
    """Build a space of one node at `p`, over base settings that hold `base` there."""
    return build_space(
        {"p": node}, {"p": base, "q": 1}, dependencies, space_source="space.yaml", dependencies_source="d"
    )


def typed(kind: str, value: Any) -> dict[str, Any]:
    """Return a node with a type."""
    return {"type": kind, "value": value}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param([1, 9, 2], IntDistribution(1, 9, step=2), id="ints with a step"),
        pytest.param([1, 9], IntDistribution(1, 9), id="ints"),
        pytest.param([1, 1024, True], IntDistribution(1, 1024, log=True), id="logarithmic ints"),
        pytest.param([1, 9, False], IntDistribution(1, 9), id="ints and false"),
        pytest.param([0.2, 0.5, 0.1], FloatDistribution(0.2, 0.5, step=0.1), id="floats with a step"),
        pytest.param([0, 0.5], FloatDistribution(0.0, 0.5), id="an int and a float"),
        pytest.param([1e-5, 1e-1, True], FloatDistribution(1e-5, 1e-1, log=True), id="logarithmic floats"),
        pytest.param(["1e-5", "1e-1", True], FloatDistribution(1e-5, 1e-1, log=True), id="text that is a number"),
        pytest.param([0.0, 1, 1], FloatDistribution(0.0, 1.0, step=1.0), id="floats with an int step"),
        pytest.param([3, 3, 1], IntDistribution(3, 3), id="one value"),
    ],
)
def test_tuples_are_ranges(value: Any, expected: Any) -> None:
    """The types of the ends and of the third element decide."""
    space = build(typed("tuple", value))
    assert space.hyperparameters["p"].distribution == expected
    assert space.constants == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param([5, 1, 1], "its low end 5 is above its high end 1", id="reversed"),
        pytest.param([1, 5, 0], "its step 0 is not above zero", id="step of zero"),
        pytest.param([1.0, 5.0, -0.5], "its step -0.5 is not above zero", id="negative step"),
        pytest.param([0, 5, True], "a logarithmic range must start above zero", id="log from zero"),
        pytest.param([1, 5, 1, True], "a logarithmic range takes no step", id="log with a step"),
        pytest.param([1, "many"], "'many' is no number", id="text"),
        pytest.param([True, 5], "True is no number", id="bool"),
        pytest.param([1], "has two or three elements, not 1", id="one element"),
        pytest.param([1, 2, 3, 4], "has two or three elements, not 4", id="four elements"),
        pytest.param("1-5", "needs a list as its value", id="no list"),
        pytest.param([1, 9, 0.5], "its step 0.5 is not", id="ints with a broken step"),
        pytest.param([0.0, float("inf")], "inf is not finite", id="infinite"),
    ],
)
def test_wrong_ranges_are_named(value: Any, message: str) -> None:
    """A range that is none says why, with its path and file."""
    with pytest.raises(QGTuneError, match=rf"Cannot use p of space\.yaml: .*{message}"):
        build(typed("tuple", value))


@pytest.mark.parametrize(
    ("value", "high"),
    [pytest.param([1, 10, 4], 9, id="ints"), pytest.param([0.0, 1.0, 0.3], 0.9, id="floats")],
)
def test_an_end_off_the_steps_is_lowered_with_a_notice(value: Any, high: float) -> None:
    """A high end that no whole number of steps reaches is lowered, and told once."""
    space = build(typed("tuple", value))
    assert space.hyperparameters["p"].distribution.high == pytest.approx(high)  # type: ignore[attr-defined]
    assert len(space.notices) == 1
    assert "it ends at" in space.notices[0]


def test_categorical_over_a_list() -> None:
    """A categorical is a choice whatever the base holds; lists and mappings are stored as compact JSON."""
    space = build(typed("categorical", [[1, 2], {"a": 1}, "x"]), base=[1, 2])
    hyperparameter = space.hyperparameters["p"]
    assert hyperparameter.distribution == CategoricalDistribution(["[1,2]", '{"a":1}', "x"])
    assert hyperparameter.decode("[1,2]") == [1, 2]
    assert hyperparameter.encode({"a": 1}) == '{"a":1}'
    assert hyperparameter.decode("[1,2]") is not hyperparameter.decode("[1,2]")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param([], "it has no choices", id="empty"),
        pytest.param([1, 1], "stands there twice", id="twice"),
        pytest.param([1, True], "Optuna takes the choices 1 and true for the same", id="1 and true"),
        pytest.param("abc", "a categorical needs a list of choices", id="no list"),
    ],
)
def test_wrong_choices_are_named(value: Any, message: str) -> None:
    """Choices that Optuna could not tell apart, or that are none, are errors."""
    with pytest.raises(QGTuneError, match=message):
        build(typed("categorical", value))


def test_fixed_is_a_constant() -> None:
    """A fixed node is a constant, for a literal that would read as something else."""
    space = build(typed("fixed", [1, 2]))
    assert space.constants == {"p": [1, 2]}
    assert not space.hyperparameters


def test_a_flat_list_is_a_choice_over_a_scalar() -> None:
    """A list of scalars over a scalar is a choice."""
    assert build([128, 256], base=128).hyperparameters["p"].choices == (128, 256)


def test_a_flat_list_over_a_list_is_a_constant() -> None:
    """Where the base holds a list, a list of scalars is that list's new content."""
    space = build([48, 18], base=[48, 17])
    assert not space.hyperparameters
    assert space.constants == {"p.0": 48, "p.1": 18}


def test_a_list_whose_element_a_dependency_sets_is_a_constant() -> None:
    """A dependency on an element shows that the list is one."""
    space = build_space({"p": [128, 7]}, None, {"p": []})
    assert "p" in space.hyperparameters
    space = build_space({"p": [128, 7], "q": 5}, None, {"p": ["q"]})
    assert not space.hyperparameters


def test_an_unknown_type_is_an_error() -> None:
    """A type beside a value that is none of ours lists the known ones and the nearest."""
    with pytest.raises(
        QGTuneError,
        match=r"its type 'tupel' is unknown. Give one of tuple, categorical, fixed, list. Did you mean 'tuple'",
    ):
        build(typed("tupel", [1, 2]))


def test_an_unknown_type_over_such_a_mapping_is_structure() -> None:
    """Where the base holds such a mapping, it is one."""
    space = build(typed("linear", 3), base={"type": "relu", "value": 2})
    assert space.constants == {"p.type": "linear", "p.value": 3}


@pytest.mark.parametrize("value", [None, 3, "text", True, 0.5], ids=repr)
def test_scalars_are_constants(value: Any) -> None:
    """A scalar or null is a constant."""
    assert build(value).constants == {"p": value}
