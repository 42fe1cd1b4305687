"""Files in, settings of a trial out."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.trial import FixedTrial

from qgtune import QGTuneError, tune

DATA = Path(__file__).parents[1] / "data"
SPACE, BASE, DEPENDENCIES = (DATA / f"{name}.yaml" for name in ("search_space", "base_settings", "dependency_mapping"))
LAYER = {"out_dim": 256, "dropout": 0.3, "gnn_layer_type": "gat", "normalizer": "identity", "activation": "tanh"}
MODEL = {
    **{f"model.gcn_net.{index}.{name}": value for index in range(3) for name, value in LAYER.items()},
    "model.pooling_layer": "max",
    "model.classifier.activation": "sigmoid",
}
TRAINING = {
    "training.learning_rate": 1e-3,
    "training.weight_decay": 1e-5,
    "training.batch_size": 64,
    "training.num_epochs": 50,
}


def build(trial: Any, **changes: Any) -> dict[str, Any]:
    """Build the reference space for a trial."""
    arguments = {"tune_model": True, "tune_training": True, "base_settings_file": BASE, **changes}
    return tune.build_search_space_with_dependencies(SPACE, DEPENDENCIES, trial, **arguments)


def test_load_yaml_reads_floats_as_people_write_them(tmp_path: Path) -> None:
    """`1e-5` is a float; anchors load as copies."""
    file = tmp_path / "a.yaml"
    file.write_text("a: 1e-5\nb: &x {c: 1}\nd: *x\n")
    data = tune.load_yaml(file, "settings")
    assert data == {"a": 1e-5, "b": {"c": 1}, "d": {"c": 1}}
    assert data["b"] is not data["d"]


def test_load_yaml_names_a_missing_file(tmp_path: Path) -> None:
    """The error names the description and the file."""
    with pytest.raises(FileNotFoundError, match=r"Cannot read the base settings: there is no file '.*no\.yaml'"):
        tune.load_yaml(tmp_path / "no.yaml", "base settings")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "it is empty", id="empty"),
        pytest.param("a: 1\na: 2\n", "line 2, column 1: key 'a' stands here twice", id="duplicate key"),
        pytest.param("a: !!python/object/apply:os.getcwd []\n", "line 1, column 4", id="unsafe tag"),
        pytest.param("a: [1\n", "line 2, column 1", id="malformed"),
        pytest.param("a: &x [*x]\n", "an alias points at something that it is part of", id="endless alias"),
    ],
)
def test_load_yaml_refuses(tmp_path: Path, text: str, message: str) -> None:
    """What is no plain YAML is one error, with its place."""
    file = tmp_path / "a.yaml"
    file.write_text(text)
    os.utime(file, (0, 0))  # nobody is writing it
    with pytest.raises(QGTuneError, match=message.replace("[", r"\[")):
        tune.load_yaml(file, "settings")


def test_a_file_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    """Scripts rewrite files from several trials at once; what is half there is read a little later."""
    path = tmp_path / "half.yaml"
    path.write_text("a: [1, ")
    threading.Timer(0.3, path.write_text, ("a: [1, 2]",)).start()
    assert tune.load_yaml(path, "it") == {"a": [1, 2]}


@pytest.mark.parametrize("file", [None, 3, ["a.yaml"]], ids=["None", "number", "list"])
def test_load_yaml_wants_a_path(file: Any) -> None:
    """Anything but text or a path is a type error."""
    with pytest.raises(TypeError, match="the path of the settings must be text or a Path"):
        tune.load_yaml(file, "settings")


def test_the_reference_files_build() -> None:
    """The reference space over its base settings has its 21 hyperparameters, and all six dependencies hold."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    for _ in range(20):
        trial = study.ask()
        built = build(trial)
        assert set(trial.params) == set(MODEL) | set(TRAINING)
        layers = built["model"]["gcn_net"]
        assert [layer["norm_args"] for layer in layers] == [[layer["out_dim"]] for layer in layers]
        assert [layers[1]["in_dim"], layers[2]["in_dim"]] == [layers[0]["out_dim"], layers[1]["out_dim"]]
        assert built["model"]["classifier"]["input_dim"] == layers[2]["out_dim"]
        assert built["model"]["classifier"]["hidden_dims"] == [48, 18]
        assert built["model"]["name"] == "QuantumGravSearchSpace"


def test_a_fixed_trial_builds_without_base_settings() -> None:
    """Without base settings the space stands alone; its flat lists are choices unless a dependency sets an element."""
    extra = {"model.classifier.output_dims": 2, "model.classifier.hidden_dims": 18}
    trial = FixedTrial({**MODEL, **TRAINING, **extra, "model.gcn_net.2.out_dim": 128})
    built = build(trial, base_settings_file=None)
    assert built["model"]["gcn_net"][0]["norm_args"] == [256]
    assert built["model"]["classifier"]["input_dim"] == 128
    assert built["training"]["learning_rate"] == 1e-3


@pytest.mark.parametrize("untuned", ["model", "training"])
def test_an_untuned_section_keeps_its_base_values(untuned: str) -> None:
    """With `tune_model` or `tune_training` false, the base settings' section holds whole."""
    base = yaml.safe_load(BASE.read_text())
    built = build(FixedTrial({**MODEL, **TRAINING}), **{f"tune_{untuned}": False})
    assert built[untuned] == base[untuned]


@pytest.mark.parametrize("untuned", ["model", "training"])
def test_an_untuned_section_needs_base_settings(untuned: str) -> None:
    """Without base settings there is nothing that an untuned section could hold."""
    with pytest.raises(QGTuneError, match=f"tune_{untuned} is false.*base_settings_file is needed"):
        build(FixedTrial({}), base_settings_file=None, **{f"tune_{untuned}": False})


def test_the_first_trial_writes_the_built_file(tmp_path: Path) -> None:
    """The first trial's settings are written; later trials leave them; a fresh study replaces them."""
    file = tmp_path / "deep" / "built.yaml"
    file.parent.mkdir()
    file.write_text("old: true\n")
    built = build(FixedTrial({**MODEL, **TRAINING}, number=0), built_search_space_file=file)
    assert yaml.safe_load(file.read_text()) == built
    build(FixedTrial({**MODEL, **TRAINING, "training.batch_size": 32}, number=1), built_search_space_file=file)
    assert yaml.safe_load(file.read_text()) == built


@pytest.mark.slow
def test_processes_that_build_at_once_write_one_whole_file(tmp_path: Path) -> None:
    """Of processes that write the built file at the same time, one wins, and nothing is left beside it."""
    script = (
        "import sys\nfrom optuna.trial import FixedTrial\nfrom tests.tune.test_files import MODEL, TRAINING, build\n"
        "n = int(sys.argv[1])\n"
        "values = {**MODEL, **TRAINING, 'training.batch_size': 32 if n % 2 else 64}\n"
        "for _ in range(20): build(FixedTrial(values, number=n), built_search_space_file=sys.argv[2])\n"
    )
    file = tmp_path / "built.yaml"
    root = Path(__file__).parents[2]
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(number), str(file)], cwd=root) for number in range(1, 4)
    ]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]
    assert yaml.safe_load(file.read_text())["training"]["batch_size"] in (32, 64)
    assert [path.name for path in tmp_path.iterdir()] == ["built.yaml"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"tune_model": 1}, "tune_model must be true or false", id="flag"),
        pytest.param({"base_settings_file": 3}, "the path of the base settings", id="base"),
        pytest.param({"built_search_space_file": 3}, "the path of the built search space", id="built"),
    ],
)
def test_build_wants_the_right_types(changes: dict[str, Any], message: str) -> None:
    """A wrong type is named by its argument."""
    with pytest.raises(TypeError, match=message):
        build(FixedTrial({**MODEL, **TRAINING}), **changes)


def test_build_wants_a_trial_and_paths() -> None:
    """A trial that is none, and paths that are none, are type errors."""
    with pytest.raises(TypeError, match="trial must be an optuna Trial"):
        build("trial")
    with pytest.raises(TypeError, match="the path of the search space"):
        tune.build_search_space_with_dependencies(3, None, FixedTrial({}), True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the path of the dependency mapping"):
        tune.build_search_space_with_dependencies(SPACE, 3, FixedTrial({}), True)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["search space", "dependency mapping", "base settings"])
def test_build_names_a_missing_file(tmp_path: Path, role: str) -> None:
    """Each file that is not there is named by what it is."""
    files = {
        "search space": SPACE,
        "dependency mapping": DEPENDENCIES,
        "base settings": BASE,
        role: tmp_path / "no.yaml",
    }
    with pytest.raises(FileNotFoundError, match=f"Cannot read the {role}"):
        tune.build_search_space_with_dependencies(
            files["search space"],
            files["dependency mapping"],
            FixedTrial({}),
            tune_model=True,
            base_settings_file=files["base settings"],
        )


def test_build_refuses_an_empty_space(tmp_path: Path) -> None:
    """An empty file is no search space; an empty dependency mapping is fine."""
    empty = tmp_path / "empty.yaml"
    empty.touch()
    os.utime(empty, (0, 0))
    with pytest.raises(QGTuneError, match=r"Cannot read the search space .* it is empty"):
        tune.build_search_space_with_dependencies(empty, None, FixedTrial({}), tune_model=True)
    built = tune.build_search_space_with_dependencies(
        SPACE, empty, FixedTrial({**MODEL, **TRAINING}), tune_model=True, base_settings_file=BASE
    )
    assert built["model"]["gcn_net"][1]["in_dim"] == 128


def test_build_reports_all_problems_of_a_dependency_file(tmp_path: Path) -> None:
    """A mapping whose structure does not match is named target by target."""
    file = tmp_path / "deps.yaml"
    file.write_text(
        "model:\n  gcn_net:\n    - {in_dimm: 'model.gcn_net[0].out_dim'}\n    - {in_dim: 'model.gcn_net[9].out_dim'}\n"
        "    - {}\n    - {in_dim: 'model.name'}\n"
    )
    with pytest.raises(QGTuneError) as caught:
        tune.build_search_space_with_dependencies(
            SPACE, file, FixedTrial({**MODEL, **TRAINING}), tune_model=True, base_settings_file=BASE
        )
    assert len(caught.value.problems) == 3
    for part in (
        "in_dimm",
        "index 9 is out of range: model.gcn_net has 3 elements",
        "model.gcn_net.3.in_dim",
        str(file),
    ):
        assert part in str(caught.value)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """What is remembered of a file is forgotten when it changes."""
    file = tmp_path / "space.yaml"
    file.write_text("a: [1, 2]\n")
    assert tune.build_search_space_with_dependencies(file, None, FixedTrial({"a": 2}), tune_model=True) == {"a": 2}
    file.write_text("bee: [1, 2]\n")
    assert tune.build_search_space_with_dependencies(file, None, FixedTrial({"bee": 1}), tune_model=True) == {"bee": 1}
