"""What the command line asks for, and how values are written for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qgtune import QGTuneError
from qgtune.sweep.compose.arguments import Arguments, override_text, parse_arguments

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def loader(tmp_path: Path) -> ConfigLoaderImpl:
    """Return a config loader over a folder with one config group, `opt`."""
    (tmp_path / "opt").mkdir()
    for name in ("adam", "sgd"):
        (tmp_path / "opt" / f"{name}.yaml").touch()
    return ConfigLoaderImpl(create_config_search_path(str(tmp_path)))


def parse(loader: ConfigLoaderImpl, *arguments: str, **params: Any) -> Arguments:
    """Parse arguments and params."""
    return parse_arguments(arguments, params, loader)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a=1,2", CategoricalDistribution([1, 2]), id="commas"),
        pytest.param("a=choice(x,'y z',true)", CategoricalDistribution(["x", "y z", True]), id="choice"),
        pytest.param("a=shuffle(1,2,3)", CategoricalDistribution([1, 2, 3]), id="shuffled choice"),
        pytest.param("a=choice([1,2],{k:v})", CategoricalDistribution(["[1,2]", '{"k":"v"}']), id="structures"),
        pytest.param("a=range(1,10)", IntDistribution(1, 9), id="range excludes its end"),
        pytest.param("a=range(0,10,3)", IntDistribution(0, 9, step=3), id="range with a step"),
        pytest.param("a=range(10,0,-5)", IntDistribution(5, 10, step=5), id="range downwards"),
        pytest.param("a=shuffle(range(1,4))", IntDistribution(1, 3), id="shuffled range"),
        pytest.param("a=range(0.0,1.0,0.25)", FloatDistribution(0.0, 0.75, step=0.25), id="range of floats"),
        pytest.param("a=range(0.1,0.4,0.1)", FloatDistribution(0.1, 0.3, step=0.1), id="floats exclude their end"),
        pytest.param("a=interval(0,1)", FloatDistribution(0.0, 1.0), id="interval"),
        pytest.param("a=int(interval(1,8))", IntDistribution(1, 8), id="int interval includes its end"),
        pytest.param("a=tag(log,interval(1e-4,1))", FloatDistribution(1e-4, 1.0, log=True), id="log interval"),
        pytest.param("a=tag(log,int(interval(1,64)))", IntDistribution(1, 64, log=True), id="log int interval"),
        pytest.param("a=tag(log,range(1,65))", IntDistribution(1, 64, log=True), id="log range"),
    ],
)
def test_sweeps_are_distributions(loader: ConfigLoaderImpl, text: str, expected: Any) -> None:
    """Each form of Hydra's grammar means one distribution."""
    (found,) = parse(loader, text).hyperparameters
    assert found.path == "a"
    if isinstance(expected, CategoricalDistribution):
        assert set(found.distribution.choices) == set(expected.choices)  # type: ignore[attr-defined]
    else:
        assert found.distribution == expected


def test_values_are_fixed(loader: ConfigLoaderImpl) -> None:
    """What is no sweep holds for every trial; its path leaves the space, unless it is a config group."""
    found = parse(loader, "a.b=1", "opt=adam", "+c=2", "~d")
    assert found.fixed == ("a.b=1", "opt=adam", "+c=2", "~d")
    assert found.fixed_paths == {"a.b", "c", "d"}


@pytest.mark.parametrize("text", ["opt=adam,sgd", "opt=choice(adam,sgd)", "opt=glob(*)"])
def test_groups_are_chosen_between(loader: ConfigLoaderImpl, text: str) -> None:
    """A sweep over a config group is a choice of its options."""
    (group,) = parse(loader, text).groups
    assert group.choices == ("adam", "sgd")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a=int(range(0,5,1.5))", IntDistribution(0, 4), id="int of floats"),
        pytest.param("a=float(range(1,3))", FloatDistribution(1.0, 2.0, step=1.0), id="float of ints"),
        pytest.param("a=int(interval(1.5,4.5))", IntDistribution(1, 4), id="int of an interval"),
    ],
)
def test_casts_of_ranges(loader: ConfigLoaderImpl, text: str, expected: Any) -> None:
    """A cast makes the ends and the step what they are, whatever Hydra's release keeps of it."""
    (found,) = parse(loader, text).hyperparameters
    assert found.distribution == expected


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        pytest.param({"b": 1}, ["a.b"], id="scalar"),
        pytest.param({"b": None}, ["a.b"], id="null"),
        pytest.param({"b": {"c": 1}}, ["a.b"], id="mapping"),
        pytest.param({}, ["a.b"], id="nothing"),
        pytest.param({"b": [3]}, [], id="list"),
    ],
)
def test_a_list_of_params_is_choices(loader: ConfigLoaderImpl, base: Any, expected: list[str]) -> None:
    """Over a list it is that list, in every trial."""
    found = parse_arguments([], {"a": {"b": [1, 2]}}, loader, {"a": base})
    assert [hyperparameter.path for hyperparameter in found.hyperparameters] == expected
    assert found.fixed == (() if expected else ("a.b=[1,2]",))


def test_a_list_of_params_is_choices_of_a_group(loader: ConfigLoaderImpl) -> None:
    """The options are chosen one at a time; an empty list, and one added over a list, are values."""
    params = {"opt": ["sgd", "adam"], "n": [], "++sizes": [5]}
    found = parse_arguments([], params, loader, {"opt": {"name": "sgd"}, "n": None, "sizes": [1, 2]})
    assert [(group.path, group.choices) for group in found.groups] == [("opt", ("sgd", "adam"))]
    assert found.fixed == ("n=[]", "++sizes=[5]")


def test_the_last_argument_wins(loader: ConfigLoaderImpl) -> None:
    """A later argument for a key replaces an earlier one, and the command line replaces params."""
    params = {"a": "interval(0,1)", "c": {"d": "choice(1,2)", "e": [1, 2]}}
    found = parse_arguments(["a=5", "b=1,2", "b=3"], params, loader, {"c": {"e": [0]}})
    assert found.fixed == ("c.e=[1,2]", "a=5", "b=3")
    assert [hyperparameter.path for hyperparameter in found.hyperparameters] == ["c.d"]


def test_groups_of_a_further_search_path_are_chosen_between(loader: ConfigLoaderImpl, tmp_path: Path) -> None:
    """What `hydra.searchpath` adds is known as Hydra knows it, not swept as text."""
    (tmp_path / "more" / "db").mkdir(parents=True)
    (tmp_path / "more" / "db" / "a.yaml").touch()
    base = {"hydra": {"searchpath": [f"file://{tmp_path / 'more'}"]}}
    found = parse_arguments(["+db=a,b"], {}, loader, base)
    assert [group.path for group in found.groups] == ["db"]
    assert not found.hyperparameters


def test_what_a_later_argument_builds_upon_stays(loader: ConfigLoaderImpl) -> None:
    """A deletion, an addition and a mapping are Hydra's to apply in turn; a value that is set again is not."""
    texts = ("~opts", "+opts={name:a}", "m={w:5}", "m={d:6}", "+a.b=1", "a.b=2", "x=1", "x=2")
    found = parse(loader, *texts)
    assert found.fixed == tuple(text for text in texts if text != "x=1")
    assert not parse(loader, *texts, "x=interval(0,1)").fixed_paths & {"x"}
    assert parse(loader, "+x=3", **{"+x": 1}).fixed == ("+x=3",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("x=interval(0,inf)", "inf is not finite", id="infinite interval"),
        pytest.param("x=interval(0,nan)", "nan is not finite", id="NaN"),
        pytest.param("x=interval(-1e308,1e308)", "further apart than floats can tell", id="wide"),
        pytest.param("x=range(0,inf)", "inf is not finite", id="infinite range"),
        pytest.param("x=range(0,1,1e-300)", "too small", id="tiny step"),
        pytest.param("x=range(-1e308,1e308,1.0)", "too small|further apart", id="wide range"),
        pytest.param("x=range(0,100000000000000000000000)", "Give smaller ends", id="beyond floats"),
    ],
)
def test_ranges_are_checked_as_those_of_files(loader: ConfigLoaderImpl, text: str, words: str) -> None:
    """One line names the argument and what is wrong with it."""
    with pytest.raises(QGTuneError, match=words) as caught:
        parse(loader, text)
    assert text in str(caught.value)
    assert len(caught.value.problems) == 1


def test_all_mistakes_are_reported(loader: ConfigLoaderImpl) -> None:
    """Each argument that does not parse or asks for an impossible range is a line of its own."""
    with pytest.raises(QGTuneError) as caught:
        parse(loader, "a=interval(2,1)", "b=range(5,5)", "c=tag(log,interval(0,1))", "d=[1,", "e=1,1")
    assert len(caught.value.problems) == 5


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text("ab1ßΩ ,=:'\"\\[]{}()$-", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=2),
    max_leaves=5,
).filter(lambda value: "${" not in repr(value))


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_hydra_reads_back_what_we_write(value: Any) -> None:
    """A value written as an override is read by Hydra as the same value of the same type."""
    override = OverridesParser.create().parse_override(override_text("a.b", value))
    assert repr(override.value()) == repr(value)
