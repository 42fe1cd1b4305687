"""How a space meets its base settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from optuna.distributions import IntDistribution
from optuna.trial import FixedTrial

from qgtune import QGTuneError
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.model import Hyperparameter, categorical
from qgtune.space.reading.build import build_space, check_space
from qgtune.space.reading.yaml_files import load_yaml_file

DATA = Path(__file__).parents[1] / "data"
BASE: dict[str, Any] = {
    "model": {"name": "base", "layers": [{"width": 8}, {"width": 16}], "sizes": [1, 2, 3], "kwargs": {}, "head": None},
    "training": {"lr": 0.1, "batch_size": 32},
}


@pytest.fixture(autouse=True)
def _resolvers() -> None:
    register_resolvers()


def resolved(space: Any, values: dict[str, Any] | None = None, base: Any = BASE, **options: Any) -> Any:
    """Build a space, inject values, and return the resolved config."""
    built = build_space(space, base, **options)
    config = OmegaConf.create(base)
    OmegaConf.set_struct(config, True)
    check_space(built, config)
    prepared = built.prepare(config)
    built.inject(prepared, built.suggest(FixedTrial(values or {})))
    return OmegaConf.to_container(prepared, resolve=True)


def test_the_reference_files_have_their_21_hyperparameters() -> None:
    """The files that the project was asked for with give exactly these, and nothing warns."""
    files = [
        load_yaml_file(DATA / f"{name}.yaml", name) for name in ("search_space", "base_settings", "dependency_mapping")
    ]
    space = build_space(*files)
    names = ("out_dim", "dropout", "gnn_layer_type", "normalizer", "activation")
    training = ("learning_rate", "weight_decay", "batch_size", "num_epochs")
    assert list(space.hyperparameters) == [
        *(f"model.gcn_net.{index}.{name}" for index in range(3) for name in names),
        "model.pooling_layer",
        "model.classifier.activation",
        *(f"training.{name}" for name in training),
    ]
    assert len(space.hyperparameters) == 21
    for name in ("learning_rate", "weight_decay"):
        assert space.hyperparameters[f"training.{name}"].distribution.log is True  # type: ignore[attr-defined]
    assert len(space.dependencies) == 6
    assert space.notices == ()


def test_keys_that_the_space_does_not_name_keep_their_base_values() -> None:
    """Mappings merge, and a constant overrides the base."""
    config = resolved({"model": {"name": "tuned"}})
    assert config == {**BASE, "model": {**BASE["model"], "name": "tuned"}}


def test_lists_of_equal_length_merge_element_by_element() -> None:
    """An element that the space does not touch keeps its base value."""
    config = resolved({"model": {"layers": [{}, {"width": [1, 2]}]}}, {"model.layers.1.width": 2})
    assert config["model"]["layers"] == [{"width": 8}, {"width": 2}]


def test_a_list_of_another_length_replaces_the_whole() -> None:
    """Its ranges are hyperparameters at their new places."""
    space = {"model": {"layers": [{"width": [4, 5], "extra": 1}]}}
    assert resolved(space, {"model.layers.0.width": 5})["model"]["layers"] == [{"width": 5, "extra": 1}]


def test_an_empty_list_replaces_the_base() -> None:
    """A list without elements is a list of another length."""
    assert resolved({"model": {"sizes": []}})["model"]["sizes"] == []


def test_structure_over_null_replaces_it() -> None:
    """Where the base holds null, a mapping is put in whole."""
    config = resolved({"model": {"head": {"width": [1, 2], "bias": True}}}, {"model.head.width": 1})
    assert config["model"]["head"] == {"width": 1, "bias": True}


def test_a_mapping_over_a_number_is_an_error() -> None:
    """A structure that the base contradicts is no merge."""
    with pytest.raises(QGTuneError, match=r"training\.lr of .*: the base settings hold 0\.1 there, not a mapping"):
        build_space({"training": {"lr": {"low": 1}}}, BASE)


def test_a_typo_is_an_error_with_the_nearest_path() -> None:
    """Every path that the base does not have is named at once."""
    with pytest.raises(QGTuneError) as caught:
        build_space({"trainin": 1, "model": {"layers": [{"widht": [1, 2]}, {}]}}, BASE, space_source="space.yaml")
    assert len(caught.value.problems) == 2
    assert "Did you mean 'training'" in caught.value.problems[0]
    assert "Did you mean 'model.layers.0.width'" in caught.value.problems[1]
    assert "space.yaml" in caught.value.problems[1]


def test_a_plus_adds_a_path() -> None:
    """A leading `+` asks for a path that the base does not have, below it structure is put in whole."""
    space = {"+extra": 1, "model": {"kwargs": {"+depth": [1, 2], "+deep": {"a": {"b": 3, "c": [4, 5]}}}}}
    config = resolved(space, {"model.kwargs.depth": 2, "model.kwargs.deep.a.c": 4})
    assert config["extra"] == 1
    assert config["model"]["kwargs"] == {"depth": 2, "deep": {"a": {"b": 3, "c": 4}}}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, {"model.layers.0.width", "training.lr"}, id="all"),
        pytest.param({"tune_model": False}, {"training.lr"}, id="no model"),
        pytest.param({"tune_training": False}, {"model.layers.0.width"}, id="no training"),
        pytest.param({"tune": ["training"]}, {"training.lr"}, id="a section"),
        pytest.param({"tune": ["model.layers[0].width"]}, {"model.layers.0.width"}, id="a path"),
    ],
)
def test_what_is_tuned(options: dict[str, Any], expected: set[str]) -> None:
    """Sections and paths that are not tuned keep their base values, constants included."""
    space = {
        "model": {"name": "tuned", "layers": [{"width": [1, 2]}, {}]},
        "training": {"lr": {"type": "tuple", "value": [0.1, 0.2]}, "batch_size": 64},
    }
    built = build_space(space, BASE, **options)
    assert set(built.hyperparameters) == expected
    tops = (
        {path.split(".")[0] for path in expected} if "tune" not in options or options["tune"] == ["training"] else set()
    )
    assert {path.split(".")[0] for path in built.constants} == tops


def test_tuning_a_path_that_the_space_lacks_is_an_error() -> None:
    """A path to tune that is not in the space is named with the nearest one."""
    with pytest.raises(QGTuneError, match=r"Cannot tune 'training\.lrr'.*Did you mean 'training\.lr'"):
        build_space({"training": {"lr": [1, 2]}}, BASE, tune=["training.lrr"])


def test_a_fixed_path_leaves_the_space() -> None:
    """What the command line fixes is neither a hyperparameter nor a constant of the space."""
    space = {"training": {"lr": [0.1, 0.2], "batch_size": 64}}
    built = build_space(space, BASE, fixed=["training.lr", "training.batch_size"])
    assert not built.hyperparameters
    assert not built.constants


def test_the_command_line_replaces_a_range() -> None:
    """A hyperparameter of the command line takes the place of what the space says below its path."""
    extra = Hyperparameter("training.lr", IntDistribution(1, 3), "the command line")
    built = build_space({"training": {"lr": [0.1, 0.2]}}, BASE, extra=[extra])
    assert dict(built.hyperparameters) == {"training.lr": extra}


def test_a_command_line_typo_is_an_error() -> None:
    """A path of the command line that the base does not have is named, unless it is asked for."""
    extra = categorical("training.lrr", [1, 2], "the command line")
    with pytest.raises(
        QGTuneError, match=r"Cannot use training\.lrr of the command line.*'training\.lr'.*\+training\.lrr"
    ):
        build_space(None, BASE, extra=[extra])
    added = categorical("training.lrr", [1, 2], "the command line", add=True)
    assert resolved(None, {"training.lrr": 2}, extra=[added])["training"]["lrr"] == 2


def test_types_are_plain_python() -> None:
    """Samples are int, float, str and bool themselves, never numpy's."""
    space = {
        "a": {"type": "tuple", "value": [1, 4]},
        "b": {"type": "tuple", "value": [0.0, 1.0]},
        "c": ["x", "y"],
        "d": [True, False],
    }
    import optuna

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=2))
    built = build_space(space, None)
    for _ in range(6):
        trial = study.ask()
        assert [type(value) for value in built.suggest(trial).values()] == [int, float, str, bool]
        study.tell(trial, 1.0)


@dataclass
class Layer:
    """A typed node."""

    width: int = 4
    scale: float = 1.0


@dataclass
class Typed:
    """A typed config."""

    layer: Layer = field(default_factory=Layer)
    name: str = "n"
    sizes: list[int] = field(default_factory=lambda: [1, 2])


def test_values_must_fit_typed_nodes() -> None:
    """For structured configs every choice and both ends of every range are tried; all misfits are named."""
    config = OmegaConf.structured(Typed)
    space = {"layer": {"width": [8, "wide", 1.5], "scale": {"type": "tuple", "value": [0.1, 0.2]}}}
    built = build_space(space, OmegaConf.to_container(config), space_source="space.yaml")
    with pytest.raises(QGTuneError) as caught:
        check_space(built, config)
    assert len(caught.value.problems) == 2
    assert "Cannot set layer.width to 'wide' (space.yaml)" in caught.value.problems[0]


def test_typed_nodes_take_interpolations() -> None:
    """A dependency may stand in a typed node."""
    config = OmegaConf.structured(Typed)
    built = build_space({"layer": {"width": [8, 9]}}, OmegaConf.to_container(config), {"sizes": ["layer.width"]})
    check_space(built, config)
    prepared = built.prepare(config)
    built.inject(prepared, {"layer.width": 9})
    assert prepared.sizes == [9, 2]
