"""The overrides of a trial make its config again, or say why they do not."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import hydra
import optuna
import pytest
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers import RandomSampler

from qgtune.space.dependencies.resolvers import resolved
from qgtune.sweep.compose.arguments import is_word, override_text
from qgtune.sweep.compose.composition import compose
from qgtune.sweep.compose.replay import PLAIN_KEY, why_not
from qgtune.sweep.reading import read_settings

if TYPE_CHECKING:
    from pathlib import Path

BASE = """
x: 1
null_one: null
d: {a: 1, b: 2}
k: {x: 1, y: 2}
cfgs: {a: {x: 3}, l: [1, 2]}
sizes: [1, 2]
odd: {1: 2.0, x: {2: 3}, -1: 4, ünï: 5, a b: 6, "7": 8}
by: {1: {a: 3}}
ünï: 7
s: hello
"""


def replays(folder: Path, config: str, space: Any, dependencies: Any, *arguments: str) -> list[str]:
    """Compose trials' overrides again; return, for each trial, why these do not make its config."""
    whys = []
    fixed = [text for text in arguments if "," not in text]
    for name, given_data in (("search_space", space), ("dependencies", dependencies)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(given_data or {}))
        fixed.append(f"hydra.sweeper.{name}={folder}/{name}.yaml")
    with hydra.initialize_config_dir(str(folder), version_base="1.3"):
        texts = ["hydra/sweeper=qgtune", "hydra.job.name=app", f"hydra.runtime.cwd={folder}", *fixed]
        master = hydra.compose(config, texts, return_hydra_config=True)
        loader = GlobalHydra.instance().config_loader()
        composition = compose(loader, master, arguments, read_settings(master))
        study = optuna.create_study(sampler=RandomSampler(seed=0))
        for _ in range(8):
            trial = study.ask()
            placed = composition.sample(trial)
            study.tell(trial, 0.0)
            assert placed.values
            texts, why = placed.overrides()
            whys.append(why)
            if not why:
                assert resolved(hydra.compose(config, texts)) == resolved(placed.task), texts
    return whys


@pytest.mark.parametrize(
    ("space", "dependencies", "arguments"),
    [
        pytest.param({"s": ["größe", "naïve", "Ω", "日本語"]}, None, (), id="words of any language"),
        pytest.param({"s": {"type": "fixed", "value": "größe"}, "x": [1, 2]}, None, (), id="such a constant"),
        pytest.param({"x": [1, 2]}, {"k": "cfgs.a"}, (), id="a mapping that follows"),
        pytest.param({"x": [1, 2]}, {"k": "cfgs.l"}, (), id="a list that follows, over a mapping"),
        pytest.param({"x": [1, 2]}, {"null_one": "cfgs.a"}, (), id="a mapping that follows, over null"),
        pytest.param(None, None, ("++x=1,2",), id="added over what is there"),
        pytest.param({"d": {"type": "fixed", "value": {"r": 9}}, "x": [1, 2]}, None, (), id="a constant mapping"),
        pytest.param({"d": {"type": "fixed", "value": {"a": 9}}, "x": [1, 2]}, None, (), id="one with fewer keys"),
        pytest.param({"null_one": {"type": "fixed", "value": {"a": 9}}, "x": [1, 2]}, None, (), id="one over null"),
        pytest.param({"d": {"type": "categorical", "value": [[1, 2], {"a": 3}]}}, None, (), id="list or mapping"),
        pytest.param({"sizes": {"type": "categorical", "value": [[1], {"a": 3}]}}, None, (), id="the reverse"),
        pytest.param(
            {"d": {"type": "categorical", "value": [[1], {"c": 3}], "replace": True}}, None, (), id="in its place"
        ),
        pytest.param(
            {"null_one": {"type": "categorical", "value": [[1], {"c": 3}], "replace": True}}, None, (), id="of null"
        ),
        pytest.param(None, None, ("d={a:5},[1,2]",), id="on the command line"),
        pytest.param({"odd": {1: [2.0, 3], "x": {2: [3, 4]}}}, None, (), id="keys that are numbers"),
        pytest.param({"odd": {-1: [19, 50], "a b": [1, 2], "7": [1, 2]}}, None, (), id="odd keys"),
        pytest.param({"odd": {1: 31}, "x": [1, 2]}, None, (), id="a constant below a number"),
        pytest.param({"x": [1, 2]}, {"odd": {1: "x"}}, (), id="what follows below a number"),
    ],
)
def test_overrides_make_the_config(tmp_path: Path, space: Any, dependencies: Any, arguments: tuple[str, ...]) -> None:
    """Whatever the base settings hold where the values go."""
    (tmp_path / "config.yaml").write_text(BASE)
    assert set(replays(tmp_path, "config", space, dependencies, *arguments)) == {""}


@pytest.mark.parametrize(
    ("space", "why"),
    [
        pytest.param(
            {"s": {"type": "categorical", "value": {"hello": {"null_one": [1]}, "other": {"x": [1, 2]}}}},
            "Hydra says: Could not delete from config. 'null_one' does not exist",
            id="null is not deleted",
            marks=pytest.mark.skipif(hydra.__version__ >= "1.4", reason="Hydra 1.4 deletes null"),
        ),
        pytest.param({"odd": {"ünï": [8, 80]}}, "Hydra reads the value of odd as another one", id="no such letters"),
        pytest.param({"ünï": [8, 80]}, "Hydra cannot spell the key 'ünï'", id="none of the first level"),
        pytest.param(
            {"by": {1: {"type": "categorical", "value": [{"c": 1}, {"d": 1}], "replace": True}}},
            "Hydra makes another value of by.1.a",
            id="a key that is a number is not deleted",
        ),
    ],
)
def test_overrides_say_why_not(tmp_path: Path, space: Any, why: str) -> None:
    """What Hydra cannot do is named."""
    (tmp_path / "config.yaml").write_text(BASE)
    assert why in replays(tmp_path, "config", space, None)


class Act(Enum):
    """An activation."""

    RELU = 1
    GELU = 2


@dataclass
class Layer:
    """A layer."""

    width: int = 3
    act: Act = Act.RELU


@dataclass
class Typed:
    """A typed config."""

    act: Act = Act.RELU
    other: Act = Act.GELU
    layers: list[Layer] = field(default_factory=lambda: [Layer(), Layer(5)])
    by_number: dict[int, float] = field(default_factory=lambda: {1: 2.0})
    some: dict[str, int] = field(default_factory=lambda: {"a": 1, "b": 2})


LAYERS = {"layers": {"type": "list", "length": [1, 3], "each": {"width": [8, 16]}}}


@pytest.mark.parametrize(
    ("space", "dependencies", "why"),
    [
        pytest.param(LAYERS, None, "", id="a list of dataclasses"),
        pytest.param({"act": ["RELU", "GELU"]}, {"other": "act"}, "", id="members of an Enum"),
        pytest.param({"by_number": {1: [2.0, 3.0]}}, None, "", id="typed keys"),
        pytest.param(
            {"some": {"type": "categorical", "value": [{"a": 4}, {"a": 5}], "replace": True}},
            None,
            "Hydra makes another value of some.b",
            id="a field is not deleted",
        ),
    ],
)
def test_typed_configs(tmp_path: Path, space: Any, dependencies: Any, why: str) -> None:
    """Hydra takes names of members of an Enum, and deletes no field of a dataclass."""
    ConfigStore.instance().repo.pop("typed.yaml", None)
    ConfigStore.instance().store("typed", Typed)
    assert set(replays(tmp_path, "typed", space, dependencies)) == {why}


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text().filter(is_word)))
def test_plain_values_read_back(value: Any) -> None:
    """What is not parsed to see whether it reads back does so: a list of it is parsed."""
    assert why_not([("x", value)]) == why_not([("x", [value])]) == ""


@given(st.from_regex(PLAIN_KEY, fullmatch=True))
def test_plain_keys_are_spelled(path: str) -> None:
    """Hydra's parser reads every key that is taken for plain."""
    assert OverridesParser.create().parse_override(override_text(path, 1)).key_or_group == path
