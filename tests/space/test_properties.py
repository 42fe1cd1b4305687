"""Over generated spaces: every sample lies in its range, has its type, and every dependency equals its source."""

from __future__ import annotations

from typing import Any

import optuna
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.paths import format_path, parse_path
from qgtune.space.reading.build import build_space, check_space, read
from qgtune.space.reading.yaml_files import dump_yaml, load_yaml

NAMES = st.text("abcdefgh", min_size=1, max_size=4)
FLOATS = st.floats(-1e6, 1e6)
SCALARS = st.one_of(st.integers(-99, 99), FLOATS, st.text("xyz -:#'\"1e5", max_size=6), st.booleans())
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def int_ranges(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an integer range, with a step, logarithmic, or plain."""
    low = draw(st.integers(1, 50))
    third = draw(st.one_of(st.integers(1, 7), st.booleans()))
    return {"type": "tuple", "value": [low, low + draw(st.integers(0, 99)), third]}


@st.composite
def float_ranges(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a float range, logarithmic or not."""
    low = draw(st.floats(1e-6, 10))
    return {"type": "tuple", "value": [low, low + draw(st.floats(0, 100)), draw(st.booleans())]}


CHOICES = st.lists(st.text("xyz", min_size=1, max_size=3), min_size=1, max_size=4, unique=True)
RANGES = st.one_of(int_ranges(), float_ranges(), CHOICES)


@st.composite
def spaces(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Draw a space, base settings of its shape, and a mapping that lets one target follow each hyperparameter."""
    ranges = draw(st.dictionaries(NAMES, RANGES, min_size=1, max_size=5))
    layers = draw(st.lists(RANGES, max_size=3))
    space = {"top": ranges, "layers": [{"x": node} for node in layers]}
    base = {
        "top": dict.fromkeys(ranges, 0),
        "layers": [{"x": 0, "copy": 0} for _ in layers],
        "copies": dict.fromkeys(ranges, 0),
    }
    dependencies = {
        "copies": {name: f"top.{name}" for name in ranges},
        "layers": [{"copy": f"layers[{index - len(layers)}].x"} for index in range(len(layers))],
    }
    return space, base, dependencies


def is_in(distribution: Any, value: Any) -> bool:
    """Say whether a value lies in a distribution and has its type."""
    match distribution:
        case IntDistribution():
            return type(value) is int and distribution.low <= value <= distribution.high
        case FloatDistribution():
            return type(value) is float and distribution.low <= value <= distribution.high
        case CategoricalDistribution():
            return any(type(value) is type(choice) and value == choice for choice in distribution.choices)
    return False


@given(spaces(), st.integers(0, 2**16))
@QUICK
def test_samples_and_dependencies(drawn: tuple[dict[str, Any], dict[str, Any], dict[str, Any]], seed: int) -> None:
    """Any sample of any space lies in its range, has the right Python type, and its followers equal it."""
    register_resolvers()
    space, base, dependencies = drawn
    built = build_space(space, base, dependencies)
    assert len(built.hyperparameters) == len(space["top"]) + len(space["layers"])
    config = OmegaConf.create(base)
    check_space(built, config)
    prepared = built.prepare(config)
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()
    values = built.suggest(trial)
    built.inject(prepared, values)
    for path, hyperparameter in built.hyperparameters.items():
        assert is_in(hyperparameter.distribution, values[path])
        assert read(prepared, path) == values[path]
        assert hyperparameter.decode(hyperparameter.encode(values[path])) == values[path]
    for target, dependency in built.dependencies.items():
        assert read(prepared, target) == values[dependency.sources[0]]


NESTED = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(NESTED)
@QUICK
def test_yaml_reads_back_the_same(data: Any) -> None:
    """What we write is read back the same, types included, by our reader, by PyYAML's and by OmegaConf's."""
    text = dump_yaml({"data": data})
    for reader in (lambda text: load_yaml(text, "it"), yaml.safe_load):
        assert repr(reader(text)) == repr({"data": data})


@given(st.floats())
@QUICK
def test_floats_keep_every_bit(number: float) -> None:
    """A float is written so that reading it back gives the same float."""
    text = dump_yaml({"x": number})
    for back in (load_yaml(text, "it")["x"], yaml.safe_load(text)["x"], OmegaConf.create(text).x):
        assert type(back) is float
        assert repr(back) == repr(number)


@given(st.lists(st.one_of(NAMES, st.integers(-3, 9)), min_size=1, max_size=5))
@QUICK
def test_paths_read_back(parts: list[str | int]) -> None:
    """A path is the same in dots and in brackets."""
    expected = tuple(parts)
    assert parse_path(format_path(parts)) == expected
    brackets = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")
    assert parse_path(brackets) == expected
