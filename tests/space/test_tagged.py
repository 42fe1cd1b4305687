"""Files with QuantumGrav's tags: what each tag means, what cannot be carried over, and whole files."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from omegaconf import OmegaConf
from optuna.trial import FixedTrial

import qgtune
from qgtune import QGTuneError, tune
from qgtune.command.app import run
from qgtune.space.reading.tagged import Apart, laid_over
from qgtune.space.reading.yaml_files import dump_yaml, load_yaml

TAGGED = Path(__file__).parents[1] / "data" / "tagged.yaml"
PARAMS = {
    "training.optimizer_type": "!pyobject torch.optim.SGD",
    "training.optimizer_kwargs.lr": 0.01,
    "training.batch_size": 16,
    "model.encoder_args.0.0.1.1": 32,
    "model.encoder_args.0.0.2.dropout": 0.2,
    "model.encoder_args.0.0.2.gnn_layer_type": "!pyobject torch_geometric.nn.GATConv",
}


def apart(text: str) -> Apart:
    """Take a text apart."""
    return Apart("f.yaml").read(load_yaml(text, "it", tags=True))


@pytest.mark.parametrize(
    ("tag", "base", "node"),
    [
        pytest.param(
            "!sweep {values: [a, null, [1]]}", "a", {"type": "categorical", "value": ["a", None, [1]]}, id="sweep"
        ),
        pytest.param("!range {start: 1, stop: 9}", 1, {"type": "tuple", "value": [1, 9, 1]}, id="ints"),
        pytest.param("!range {start: 0, stop: 1.0}", 0, {"type": "tuple", "value": [0, 1.0, 0.1]}, id="int and float"),
        pytest.param(
            "!range {start: 1e-5, stop: 1, log: true}", 1e-5, {"type": "tuple", "value": [1e-5, 1, True]}, id="log"
        ),
        pytest.param("!random_uniform {start: 0, stop: 2}", 0.0, {"type": "tuple", "value": [0.0, 2.0]}, id="uniform"),
        pytest.param(
            "!random_uniform {start: 1, stop: 2, log: true}",
            1.0,
            {"type": "tuple", "value": [1.0, 2.0, True]},
            id="log uniform",
        ),
        pytest.param(
            "!sweep {values: [!pyobject a.B, !pyobject a.C]}",
            "!pyobject a.B",
            {"type": "categorical", "value": ["!pyobject a.B", "!pyobject a.C"]},
            id="classes",
        ),
    ],
)
def test_what_a_range_means(tag: str, base: Any, node: Any) -> None:
    """The space has the range, the base settings a value of it."""
    found = apart(f"a: {{b: {tag}}}\nc: 1\n")
    assert found.space == {"a": {"b": node}}
    assert found.base == {"a": {"b": base}, "c": 1}
    assert found.whole == {"a": {"b": node}, "c": 1}
    assert found.dependencies == {}


def test_what_follows() -> None:
    """References chain in any order; coupled values go by position, whatever they are."""
    found = apart(
        "last: !reference {target: 'l[1].b'}\n"
        "l: [{b: 1}, {b: !reference {target: n}}]\n"
        "n: !sweep {values: [[1, 2], true, 1]}\n"
        "m: !coupled-sweep {target: n, values: [x, {k: 'it''s'}, null]}\n"
        "o: !coupled-sweep {target: m, values: [1, 2, 3]}\n"
    )
    assert found.base == {"last": [1, 2], "l": [{"b": 1}, {"b": [1, 2]}], "n": [1, 2], "m": "x", "o": 1}
    assert found.dependencies["l"] == [{}, {"b": "n"}]


def built(tmp_path: Path, text: str, params: dict[str, Any]) -> Any:
    """Return the settings of a trial."""
    file = tmp_path / "config.yaml"
    file.write_text(text)
    return tune.build_search_space(file, FixedTrial(params))


@pytest.mark.parametrize(
    ("stored", "m", "o"),
    [
        pytest.param("[1,2]", "x", 1, id="a list"),
        pytest.param(True, {"k": "it's"}, 2, id="true"),
        pytest.param(None, None, 3, id="null"),
    ],
)
def test_coupled_values_of_any_kind(tmp_path: Path, stored: Any, m: Any, o: int) -> None:
    """Upstream raises for lists, and takes 1 for true."""
    text = (
        "n: !sweep {values: [[1, 2], true, null]}\n"
        "m: !coupled-sweep {target: n, values: [x, {k: 'it''s'}, null]}\n"
        "o: !coupled-sweep {target: m, values: [1, 2, 3]}\n"
    )
    found = built(tmp_path, text, {"n": stored})
    assert (found["m"], found["o"]) == (m, o)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: !sweep {values: []}", "line 1: it needs `values`", id="no values"),
        pytest.param("a: !sweep [1]", "!sweep needs a mapping", id="no mapping"),
        pytest.param("\na: !range {start: 1}", "!range in line 2: it needs `start` and `stop`", id="no end"),
        pytest.param("a: !range {start: 1.0, stop: 2.0, log: true, step: 1}", "takes no step", id="log and step"),
        pytest.param("a: !reference {target: b}\nbc: 1", "there is no b. Did you mean 'bc'?", id="no target"),
        pytest.param("a: !reference {}", "it needs `target`", id="target left out"),
        pytest.param(
            "a: !reference {target: b}\nb: !reference {target: a}", "it follows itself: a -> b -> a", id="cycle"
        ),
        pytest.param(
            "a: !sweep {values: [1, 2]}\nb: !coupled-sweep {target: a, values: [1]}",
            "has 1 values, and a has 2",
            id="lengths",
        ),
        pytest.param("a: 1\nb: !coupled-sweep {target: a, values: [1]}", "a is no !sweep", id="coupled to a value"),
        pytest.param("a: !sweep {values: [!reference {target: b}]}\nb: 1", "not carried over", id="inside of values"),
        pytest.param(
            "a: !sweep {values: [{a b: 1}, 2]}\nb: !coupled-sweep {target: a, values: [1, 2]}", "key 'a b'", id="key"
        ),
        pytest.param("a: !grid {values: [1]}", "the tag '!grid' is none of !sweep", id="another tag"),
        pytest.param("a: !pyobject 'os.system(1)'", "!pyobject needs a name", id="no name"),
        pytest.param("a: !!python/object/apply:os.system [x]", "is none of", id="python's own"),
    ],
)
def test_what_means_nothing_is_named_with_its_line(text: str, words: str) -> None:
    """Before anything runs."""
    with pytest.raises(QGTuneError) as caught:
        apart(text)
    assert words in str(caught.value)


def test_a_file_of_today(tmp_path: Path) -> None:
    """It builds a trial; the best config has its tags again, reads back as the same, and upstream's loader reads it."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(PARAMS)
    trial = study.ask()
    found = tune.build_search_space(TAGGED, trial)
    assert trial.params == PARAMS
    assert found["training"]["num_epochs"] == 3
    assert found["validation"]["batch_size"] == 16
    layers = found["model"]["encoder_args"][0]
    assert layers[0][1] == [2, 32]
    assert layers[0][2]["norm_args"] == [32]
    assert layers[1][1] == [32, 16]
    study.tell(trial, 0.5)
    output = tmp_path / "best.yaml"
    tune.save_best_config(TAGGED, study.best_trial, output)
    assert "optimizer_type: !pyobject torch.optim.SGD" in output.read_text()
    assert load_yaml(output.read_text(), "it", tags=True) == found
    tune.save_best_config(config_file=TAGGED, best_trial=study.best_trial, output_file=tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_text() == output.read_text()

    class Theirs(yaml.SafeLoader):
        """A loader such as upstream's."""

    Theirs.add_constructor("!pyobject", lambda loader, node: f"!pyobject {loader.construct_scalar(node)}")  # type: ignore[arg-type]
    assert yaml.load(output.read_text(), Loader=Theirs)["training"]["optimizer_type"] == "!pyobject torch.optim.SGD"  # noqa: S506


def test_objects_come_from_where_they_may() -> None:
    """They are imported, never called; other packages are refused by name."""
    config = OmegaConf.create({"a": ["!pyobject math.sqrt", {"b": "!pyobject math.pi"}], "c": "${a.0}", "d": "math.e"})
    found = qgtune.objects(config, allow=("math",))
    assert found == {"a": [math.sqrt, {"b": math.pi}], "c": math.sqrt, "d": "math.e"}
    with pytest.raises(QGTuneError) as caught:
        qgtune.objects(
            {"x": "!pyobject os.system", "y": "!pyobject mathx.y", "z": "!pyobject math.nope"}, allow=("math",)
        )
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "Cannot take os.system for x",
        "Cannot take mathx.y for y",
        "Cannot take math.nope for z",
    ]
    with pytest.raises(TypeError, match="not one text"):
        qgtune.objects({}, allow="math")


def test_convert_writes_three_files_that_fit(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """They are checked, what is lost is named with its line, and nothing is written over."""
    assert run(["convert", str(TAGGED), "--out", str(tmp_path / "conf")]) == 0
    out = capfd.readouterr().out
    assert "line 12: training.optimizer_kwargs.lr loses its size=5" in out
    assert "6 hyperparameters, 4 dependencies." in out
    files = [tmp_path / "conf" / f"{name}.yaml" for name in ("search_space", "dependency_mapping", "base_settings")]
    space, mapping, base = (yaml.safe_load(file.read_text()) for file in files)
    trial = FixedTrial(PARAMS)
    found = tune.build_search_space_with_dependencies(files[0], files[1], trial, True, True, files[2])
    assert found == tune.build_search_space(TAGGED, FixedTrial(PARAMS))
    assert base["validation"]["batch_size"] == 8
    assert "criterion" not in space
    assert mapping["validation"] == {"batch_size": "training.batch_size"}
    assert run(["convert", str(TAGGED), "--out", str(tmp_path / "conf")]) == 1
    assert "there already. Give another --out, or --force." in capfd.readouterr().err
    assert run(["convert", str(TAGGED), "--out", str(tmp_path / "conf"), "--force"]) == 0
    assert run(["convert", str(files[2])]) == 1
    assert "holds no tag" in capfd.readouterr().err


def test_check_reads_tags(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Alone a file is all three; a mistake stands with its line."""
    assert run(["check", str(TAGGED)]) == 0
    assert "No problems: 6 hyperparameters, 4 dependencies." in capfd.readouterr().out
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: 1\nb: !sweep {values: []}\n")
    assert run(["check", str(bad)]) == 1
    assert f"{bad}:2:1: error: " in capfd.readouterr().out


def test_mappings_are_laid_over_each_other() -> None:
    """What the user gives beside a tagged space comes on top."""
    tags = {"a": "x", "l": [{"b": "y"}, {}]}
    assert laid_over(tags, {"a": "z", "l": [{}, {"c": "w"}]}) == {"a": "z", "l": [{"b": "y"}, {"c": "w"}]}
    assert laid_over(None, {"a": "z"}) == {"a": "z"}
    assert laid_over(tags, None) == tags


def test_texts_that_look_like_tags_stay_quoted_elsewhere() -> None:
    """Only where tags are wanted are they written."""
    assert dump_yaml({"a": "!pyobject b.C"}) == "a: '!pyobject b.C'\n"
