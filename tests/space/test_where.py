"""Constraints between values, and the resolvers that they are written in."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from omegaconf import OmegaConf

from qgtune import QGTuneError
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.dependencies.where import Where
from qgtune.study.algorithms.drawing import DRAWS, drawn

register_resolvers()
CONFIG = {"a": 2, "b": 3.0, "kind": "x", "sizes": [1, 2], "on": True, "none": None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("${qgtune.le:${a},2}", True, id="le"),
        pytest.param("${qgtune.lt:${a},2}", False, id="lt"),
        pytest.param("${qgtune.ge:${a},${b}}", False, id="ge"),
        pytest.param("${qgtune.gt:${b},${a}}", True, id="gt"),
        pytest.param("${qgtune.eq:${b},3}", True, id="eq of numbers"),
        pytest.param("${qgtune.eq:${on},1}", False, id="true is not 1"),
        pytest.param("${qgtune.eq:${sizes},[1,2]}", True, id="eq of lists"),
        pytest.param("${qgtune.ne:${kind},y}", True, id="ne"),
        pytest.param("${qgtune.in:${kind},[x,y]}", True, id="in"),
        pytest.param("${qgtune.in:${on},[1,2]}", False, id="not in"),
        pytest.param("${qgtune.and:${on},${qgtune.lt:${a},${b}}}", True, id="and"),
        pytest.param("${qgtune.or:${qgtune.not:${on}},${qgtune.gt:${a},${b}}}", False, id="or, not"),
        pytest.param("${qgtune.lt:${gone.away},1}", True, id="a path that this trial has not"),
        pytest.param("${qgtune.lt:${qgtune.ref:gone},1}", True, id="the same by ref"),
    ],
)
def test_conditions(text: str, expected: bool) -> None:  # noqa: FBT001 - a parameter
    """Each gives true or false; the config is as it was."""
    config = OmegaConf.create(CONFIG)
    OmegaConf.set_struct(config, value=True)
    assert (Where((text,)).broken(config) == "") is expected
    assert OmegaConf.to_container(config) == CONFIG


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("${qgtune.lt:${kind},1}", "'x' and 1 do not compare", id="kinds"),
        pytest.param("${qgtune.and:${a},true}", "2 is neither true nor false", id="and of numbers"),
        pytest.param("${a}", "it gives 2, neither true nor false", id="no condition"),
    ],
)
def test_what_is_no_condition(text: str, words: str) -> None:
    """It is named with the reason."""
    with pytest.raises(QGTuneError) as caught:
        Where((text,)).broken(OmegaConf.create(CONFIG))
    assert words in str(caught.value)


def test_couple_finds_any_value_by_equality() -> None:
    """Lists, mappings and null have partners; whatever has none is named."""
    pairs = "[[[1,2],3],[null,4],[{k:1},5]]"
    config = OmegaConf.create(
        {**CONFIG, "map": {"k": 1}, "p": OmegaConf.create([[[1, 2], 3], [None, 4], [{"k": 1}, 5]])}
    )
    for path, expected in (("sizes", 3), ("none", 4), ("map", 5)):
        config.it = f"${{qgtune.couple:{path},{pairs}}}"
        assert config.it == expected
        config.it = f"${{qgtune.couple:{path},${{p}}}}"
        assert config.it == expected
    config.it = f"${{qgtune.couple:kind,{pairs}}}"
    with pytest.raises(Exception, match="'x' of kind is in none of the pairs"):
        _ = config.it


def test_a_draw_is_repeated_until_it_is_right() -> None:
    """Only the last one is written; its number is the trial's."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawings: list[int] = []

    def draw(trial: Any) -> int:
        drawings.append(trial.suggest_int("x", 0, 99))
        return drawings[-1] + int(trial.suggest_int("y", 0, 99))

    for number in range(3):
        trial = study.ask()
        assert drawn(trial, draw, lambda total: "" if total > 150 else "too small") > 150
        assert trial.number == number
        study.tell(trial, 0.0)
    assert len(drawings) > 3
    assert all(trial.params["x"] + trial.params["y"] > 150 for trial in study.trials)
    assert [trial.params["x"] for trial in study.trials][-1] == drawings[-1]


def test_what_no_draw_satisfies_fails() -> None:
    """After many tries, with the condition."""
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    with pytest.raises(QGTuneError, match=f"None of {DRAWS:,} draws satisfies where='never'"):
        drawn(trial, lambda asked: asked.suggest_int("x", 0, 9), lambda _: "never")


def test_given_values_are_kept() -> None:
    """An enqueued part of a point stays; the rest is drawn again."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial({"x": 5})
    trial = study.ask()
    drawn(trial, lambda t: t.suggest_int("x", 0, 9) + t.suggest_int("y", 0, 9), lambda s: "" if s == 12 else "no")
    assert trial.params == {"x": 5, "y": 7}
