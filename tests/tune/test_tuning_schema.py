"""The schema of a tuning config says what its checks say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from qgtune import QGTuneError
from qgtune.space.reading.yaml_files import load_yaml_file
from qgtune.tune.settings import KEYS, check_settings, tuning_schema

ROOT = Path(__file__).parents[2]
VALIDATOR = Draft202012Validator(tuning_schema())

values = st.sampled_from([None, True, 0, 1, -1, 0.5, 2, "x", "random", "median", "maximize"]) | st.sampled_from(
    [
        [],
        ["minimize", "maximize"],
        ["x"],
        {},
        {"loss": "minimize"},
        {"loss": "down"},
        {"name": "random"},
        {"name": "x"},
        {"_target_": "a.B"},
    ]
)


@settings(max_examples=300, deadline=None)
@given(key=st.sampled_from([*KEYS, "n_trails"]), value=values)
def test_the_schema_takes_what_the_checks_take(key: str, value: Any) -> None:
    """Of any key with any value, both think the same."""
    try:
        # Two objectives take no pruner that was chosen; that is no matter of one key.
        check_settings({key: value})
    except QGTuneError:
        accepted = False
    else:
        accepted = True
    assert VALIDATOR.is_valid({key: value}) == accepted


def test_the_reference_file_is_valid() -> None:
    """A file that people have is right in the editor."""
    VALIDATOR.validate(load_yaml_file(ROOT / "tests/data/tuning_config.yaml", "tuning config"))


def test_the_names_of_qgtunes_scripts_are_understood() -> None:
    """What they call files are the keys' other names; a key itself wins over them."""
    found = check_settings({"depmap_file": "d.yaml", "best_config_file": "b.yaml", "search_space_file": "s.yaml"})
    assert (found["dependency_mapping_path"], found["best_param_path"]) == ("d.yaml", "b.yaml")
    assert found["search_space_path"] == "s.yaml"
    with pytest.raises(QGTuneError, match="there is no such key"):
        check_settings({"search_space_path": "a", "search_space_file": "b"})


def test_every_key_is_explained() -> None:
    """An editor shows what a key means."""
    assert all(key.meaning.endswith(".") for key in KEYS.values())


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"n_trials": 0}, id="too small"),
        pytest.param({"n_trails": 20}, id="a typo"),
        pytest.param({"direction": "minimise"}, id="another spelling"),
        pytest.param({"max_failure_rate": 2}, id="too large"),
        pytest.param({"pruner": "medium"}, id="unknown pruner"),
        pytest.param([], id="no mapping"),
    ],
)
def test_broken_configs_are_refused(config: Any) -> None:
    """Common mistakes show in the editor."""
    assert not VALIDATOR.is_valid(config)


def test_the_schema_is_a_schema() -> None:
    """It holds to the draft that it names."""
    Draft202012Validator.check_schema(VALIDATOR.schema)
