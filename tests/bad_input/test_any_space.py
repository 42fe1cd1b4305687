"""Whatever the three files hold: an error of ours with clear lines, or samples that are right."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from qgtune import QGTuneError
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.paths import parse_path, select
from qgtune.space.reading.build import build_space, check_space
from qgtune.space.reading.yaml_files import dump_yaml, load_yaml

KEYS = st.sampled_from(["a", "b", "c", "+a", "a.b", "", "0", "a b", "type", "value", "^x$", "a[0]", "${a}", "~a"])
ODD_KEYS = KEYS | st.sampled_from([0, 1, True, None, 1.5])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.sampled_from([0.5, -2.0, 1e-5, 1e308, 2**63, float("inf"), float("nan")])
    | st.sampled_from(
        ["adam", "1e-5", "${a}", "${b}", "${nope}", "${foo:1}", "${", "???", "a: b", "'", "[1]", "é\u2028"]
    )
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_KEYS, inner, max_size=3), max_leaves=5
)
TYPES = st.sampled_from(["tuple", "categorical", "fixed", "tupel", None])
RANGES = st.fixed_dictionaries({"type": TYPES, "value": st.lists(SCALARS, max_size=4) | VALUES})
SPACES = st.recursive(
    RANGES | VALUES,
    lambda inner: st.dictionaries(ODD_KEYS, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from(
    ["a", "b", "c", "a.b", "a[-1]", "${a}", "${qgtune.add:${a},1}", "${.b}", "${hydra:job.num}", "x"]
)
MAPPINGS = st.recursive(
    PATHS | SCALARS, lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=2), max_leaves=4
)

# Most of what is drawn above is refused; what follows is right more often than not.
NAMES = st.sampled_from(["a", "b", "c"])
PLAIN = (
    st.integers(1, 9) | st.floats(0.5, 2.0) | st.sampled_from(["adam", "sgd", "1e-5", "é"]) | st.booleans() | st.none()
)
INTS = st.tuples(st.integers(1, 4), st.integers(5, 9)).map(list)
TENTHS = st.integers(1, 5).map(lambda n: n / 10)  # as people write them; Optuna warns of steps from 17 digits on
FLOATS = st.tuples(TENTHS, TENTHS.map(lambda end: end + 0.75), st.sampled_from([True, False, 0.1])).map(list)
CHOICES = st.lists(
    PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(NAMES, PLAIN, max_size=2), min_size=1, max_size=3
)
RIGHT = (
    (INTS | FLOATS).map(lambda ends: {"type": "tuple", "value": ends})
    | CHOICES.map(lambda choices: {"type": "categorical", "value": choices})
    | CHOICES.map(lambda choices: {"type": "categorical", "value": choices, "replace": True})
    | PLAIN.map(lambda value: {"type": "fixed", "value": value})
    | st.lists(PLAIN, min_size=1, max_size=3)
)
LIKELY_BASES = st.fixed_dictionaries({name: PLAIN | st.dictionaries(NAMES, PLAIN, max_size=2) for name in "abc"})
LIKELY_SPACES = st.dictionaries(NAMES, RIGHT | st.dictionaries(NAMES, RIGHT, max_size=2) | SPACES, max_size=3)
LIKELY_MAPPINGS = st.none() | st.dictionaries(NAMES, PATHS, max_size=1)
ALL = {
    "space": LIKELY_SPACES | LIKELY_SPACES | SPACES,
    "base": LIKELY_BASES | LIKELY_BASES | VALUES,
    "mapping": LIKELY_MAPPINGS | LIKELY_MAPPINGS | MAPPINGS,
}


def read(data: Any, what: str) -> Any:
    """Write data as a file would have it, and read it back as we do."""
    return load_yaml(dump_yaml(data), what)


def try_all(space: Any, base: Any, mapping: Any) -> None:
    """Build, check and sample a space as a sweep does; anything but an error of ours or right values fails."""
    try:
        space, base, mapping = read(space, "space"), read(base, "base"), read(mapping, "mapping")
        config = OmegaConf.create(base if isinstance(base, dict) else {})
    except Exception:  # noqa: BLE001 - no config of an app's: Hydra would not have composed it
        return
    base = base if isinstance(base, dict) else None
    try:
        built = build_space(space, base, mapping)
        check_space(built, config)
    except QGTuneError:
        return
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    values = built.suggest(trial)
    prepared = built.prepare(config)
    built.inject(prepared, values)
    plain = OmegaConf.to_container(prepared, resolve=False)
    for path, value in values.items():
        if not isinstance(value, dict):
            assert select(plain, parse_path(path)) == value


@pytest.fixture(autouse=True)
def _quiet() -> None:
    register_resolvers()
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(**ALL)
def test_any_files(space: Any, base: Any, mapping: Any) -> None:
    """Some hundreds for every change."""
    try_all(space, base, mapping)


@pytest.mark.chaos
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(**ALL)
def test_ten_thousand_files(space: Any, base: Any, mapping: Any) -> None:
    """Ten thousand now and then."""
    try_all(space, base, mapping)
