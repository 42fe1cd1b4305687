"""Optuna's samplers and pruners by their short names."""

from __future__ import annotations

import importlib.util
import inspect
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qgtune import QGTuneError
from qgtune.study.algorithms.factory import build_pruner, build_sampler
from qgtune.study.algorithms.grid import BRUTE_FORCE, GRID, with_grid
from qgtune.study.algorithms.names import NEEDS, PRUNERS, SAMPLERS

ARGUMENTS: dict[str, dict[str, Any]] = {
    "grid": {"search_space": {"x": [1, 2]}},
    "partial_fixed": {"fixed_params": {"x": 1}, "base_sampler": {"_target_": "optuna.samplers.RandomSampler"}},
    "percentile": {"percentile": 25.0},
    "patient": {"patience": 2, "wrapped_pruner": {"_target_": "optuna.pruners.MedianPruner", "n_warmup_steps": 3}},
    "threshold": {"upper": 1.0},
}
IMPORTABLE = all(importlib.util.find_spec(package) for needed, _ in NEEDS.values() for package in needed)


def public_names(module: Any, base: type) -> set[str]:
    """Return the concrete classes of a kind that a module of Optuna offers."""
    classes = {name for name in module.__all__ if inspect.isclass(getattr(module, name))}
    found = {name for name in classes if issubclass(getattr(module, name), base)}
    return {name for name in found if not inspect.isabstract(getattr(module, name)) and name != base.__name__}


def test_every_sampler_and_pruner_has_a_name() -> None:
    """The names cover what the installed Optuna offers, and nothing else."""
    bases = {"BaseGASampler"}
    assert set(SAMPLERS.values()) == public_names(optuna.samplers, optuna.samplers.BaseSampler) - bases
    assert set(PRUNERS.values()) == public_names(optuna.pruners, optuna.pruners.BasePruner)


@pytest.mark.skipif(not IMPORTABLE, reason="needs cmaes, scipy and torch: install the extras cmaes, gp and examples")
@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_build_with_a_seed(name: str) -> None:
    """Each sampler is built from its target and what the user set; a seed reaches those that take one."""
    conf = {"_target_": f"optuna.samplers.{SAMPLERS[name]}", **ARGUMENTS.get(name, {})}
    assert type(build_sampler(conf, 3)).__name__ == SAMPLERS[name]


@pytest.mark.parametrize("name", PRUNERS)
def test_pruners_build(name: str) -> None:
    """Each pruner is built; a pruner around another one builds that, too."""
    pruner = build_pruner({"_target_": f"optuna.pruners.{PRUNERS[name]}", **ARGUMENTS.get(name, {})})
    assert type(pruner).__name__ == PRUNERS[name]
    if name == "patient":
        assert pruner._wrapped_pruner._n_warmup_steps == 3  # type: ignore[attr-defined]


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler whose package is not installed says what to install, before anything runs."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(QGTuneError, match=r"cmaes is not installed\. Install the extra: pip install 'qgtune\[cmaes\]'"):
        build_sampler({"_target_": "optuna.samplers.CmaEsSampler"}, None)


def test_a_seed_reaches_nested_samplers() -> None:
    """A sampler inside another one is seeded as well."""
    conf = {"_target_": "optuna.samplers.PartialFixedSampler", **ARGUMENTS["partial_fixed"]}
    draws = []
    for _ in range(2):
        study = optuna.create_study(sampler=build_sampler(conf, 5))
        draws.append(study.ask({"y": FloatDistribution(0, 1)}).params["y"])
    assert draws[0] == draws[1]


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        pytest.param({}, "has no `_target_`", id="no target"),
        pytest.param({"_target_": "optuna.samplers.TPE"}, "Did you mean 'TPESampler'", id="typo"),
        pytest.param({"_target_": "nowhere.Sampler"}, "module 'nowhere' does not import", id="module"),
        pytest.param({"_target_": "builtins.dict"}, "gives a dict, which is no BaseSampler", id="no sampler"),
        pytest.param(
            {"_target_": "optuna.samplers.TPESampler", "foo": 1}, "unexpected keyword argument 'foo'", id="argument"
        ),
    ],
)
def test_a_wrong_target_is_one_line(conf: dict[str, Any], message: str) -> None:
    """What cannot be built says why."""
    with pytest.raises(QGTuneError, match=message):
        build_sampler(conf, None)


def test_a_grid_is_filled_in_and_bounds_the_trials() -> None:
    """A grid sampler gets the space's grid, and no more trials than points."""
    space = {"x": IntDistribution(1, 3), "y": CategoricalDistribution(["a", "b"])}
    conf, n_trials = with_grid({"_target_": GRID}, space, 100, seed=3)
    assert conf == {"_target_": GRID, "search_space": {"x": [1, 2, 3], "y": ["a", "b"]}, "seed": 3}
    assert n_trials == 6
    assert with_grid({"_target_": "optuna.samplers.TPESampler"}, space, 100)[1] == 100


def test_a_continuous_range_has_no_grid() -> None:
    """Each continuous range is named."""
    with pytest.raises(QGTuneError, match="Cannot visit every point: x is a continuous range"):
        with_grid({"_target_": GRID}, {"x": FloatDistribution(0, 1)}, 9)


@pytest.mark.parametrize("target", [GRID, BRUTE_FORCE])
def test_a_range_of_very_many_values_is_refused_without_listing_them(target: str) -> None:
    """Samplers that visit every point list a range's values for each trial."""
    many = {"x": FloatDistribution(0, 1e7, step=1e-3), "y": IntDistribution(0, 10**12)}
    with pytest.raises(QGTuneError) as caught:
        with_grid({"_target_": target}, many, 9)
    assert [text.split(",")[0] for text in caught.value.problems] == [
        "Cannot visit every point: x has 10",
        "Cannot visit every point: y has 1",
    ]
    assert "10,000,000,001 values" in caught.value.problems[0]


def test_a_grid_of_very_many_points_is_refused() -> None:
    """A brute force lists no points: it takes the same space."""
    space = {"x": IntDistribution(1, 1000), "y": IntDistribution(1, 1000)}
    with pytest.raises(QGTuneError, match="the grid has 1,000,000 of them"):
        with_grid({"_target_": GRID}, space, 9)
    with pytest.raises(QGTuneError, match="the grid has 1,000,000 of them"):
        with_grid({"_target_": GRID, "search_space": {"x": [*range(1000)], "y": [*range(1000)]}}, {}, 9)
    assert with_grid({"_target_": BRUTE_FORCE}, space, 9)[1] == 9
