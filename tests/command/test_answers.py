"""What the verbs answer programs: one document each, whose schema is published."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIServer

import click
import jsonschema
import pytest

from qgtune.command.answers.answer import dumped
from qgtune.command.answers.json_schema import answer_schema, name_of
from qgtune.command.answers.shapes import ANSWERS
from qgtune.command.app import INTERRUPTED, USER_ERROR, VERBS
from qgtune.command.steering import NOT_REACHED
from qgtune.results.invocation import Invocation
from qgtune.results.recorded import Record
from tests.conftest import CONFIG
from tests.studies import make_study, make_sweep, mixed_trials, trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.command.conftest import Command
    from tests.conftest import App

DATA = Path(__file__).parents[1] / "data"
WITHOUT = ("completion", "schema")
"""Their output is a file of its own."""
ARGUMENTS: dict[str, list[str]] = {
    "add": ["sweep", "training.lr=0.5", "model.sizes=[1,2]"],
    "best": ["sweep"],
    "check": [
        *("--space", str(DATA / "search_space.yaml"), "--dependencies", str(DATA / "dependency_mapping.yaml")),
        *("--base", str(DATA / "base_settings.yaml")),
    ],
    "clean": ["sweep", "--dry-run"],
    "compare": ["sweep", "sweep/study.log"],
    "convert": [str(DATA / "tagged.yaml"), "--out", "converted"],
    "dashboard": ["sweep", "--port", "0"],
    "finish": ["sweep"],
    "go": ["sweep"],
    "list": ["."],
    "pause": ["sweep"],
    "report": ["sweep", "--output", "page.html"],
    "resume": ["sweep", "hydra.sweeper.n_trials=9"],
    "settle": ["sweep", "4"],
    "show": ["sweep"],
    "stop": ["sweep", "--trial", "4"],
    "wait": ["sweep"],
}
IN_AN_APP = ("ablate", "collect", "confirm", "rerun", "submit", "workers")
"""They need more than what a sweep has left."""


def check(verb: str, out: str) -> Any:
    """Check an answer against the published schema of its verb; return it."""
    found = json.loads(out)
    schema = answer_schema(verb, ANSWERS[verb])
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(found, schema)
    return found


@pytest.mark.parametrize("verb", sorted({*VERBS} - {*WITHOUT, *IN_AN_APP}))
def test_each_verb_answers_as_its_schema_says(
    qgtune: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """One JSON document on stdout, and nothing else."""

    def interrupted(_server: WSGIServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(WSGIServer, "serve_forever", interrupted)
    folder = make_sweep(tmp_path / "sweep", mixed_trials(), checkpoint_path="${hydra.sweep.dir}/checkpoints")
    (folder / "checkpoints" / "0").mkdir(parents=True)
    Invocation(("python", "train.py"), ("--multirun",), str(tmp_path)).write(folder, None)
    done = qgtune(verb, *ARGUMENTS[verb], "--json")
    assert (done.code, done.err) == (0, "")
    found = check(verb, done.out)
    assert found["schema"] == f"qgtune.{verb}/1"
    assert len(found) > 1


@pytest.mark.slow
def test_rerun_answers_with_its_command(app: App, qgtune: Command) -> None:
    """It is not run: its output would follow."""
    assert app.sweep("hydra.sweeper.n_trials=2").code == 0
    done = qgtune("rerun", app.path(), "training.batch_size=8", "--json")
    found = check("rerun", done.out)
    assert found["command"][-1] == "training.batch_size=8"
    assert found["differences"] == []
    assert not (app.folder / "outputs").exists()


def test_every_verb_has_a_schema(qgtune: Command) -> None:
    """`qgtune schema` prints each; a verb without one is not finished."""
    assert sorted({*VERBS} - {*WITHOUT}) == sorted(ANSWERS)
    for verb in ANSWERS:
        printed = json.loads(qgtune("schema", verb).out)
        assert printed == answer_schema(verb, ANSWERS[verb])
        assert all(found["description"] for found in printed["properties"].values())


@dataclass(frozen=True)
class Shape:
    """A shape.

    Attributes:
        known: in two lines, of which
            the second is deeper.
        unknown: none.
    """

    known: tuple[float, ...]
    unknown: int | None = None


def test_a_schema_is_made_of_types_and_docstring() -> None:
    """A field is declared once."""
    found = answer_schema("it", Shape)
    assert found["properties"]["known"]["description"] == "in two lines, of which the second is deeper."
    assert found["properties"]["unknown"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    assert found["required"] == ["schema", "known", "unknown"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 0.5, 3], ids=str)
def test_numbers_that_json_lacks_are_texts(value: float) -> None:
    """Any reader of JSON takes the answer, and the schema says so."""
    text = dumped({"schema": "qgtune.it/1", "known": (value, Shape((value,))), "unknown": None})
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    jsonschema.validate({**found, "known": found["known"][:1]}, answer_schema("it", Shape))
    assert found["known"][1]["known"] == found["known"][:1]


def test_wrong_answers_do_not_pass(qgtune: Command, tmp_path: Path) -> None:
    """The schema is not one that takes anything."""
    make_study(tmp_path / "study.log", [trial(values=[0.5])])
    found = check("show", qgtune("show", "study.log", "--json").out)
    mistakes: list[dict[str, object]] = [{"trials": [{}]}, {"schema": "qgtune.show/2"}, {"study": None}]
    for wrong in mistakes:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**found, **wrong}, answer_schema("show", ANSWERS["show"]))


@pytest.mark.parametrize("verb", ["show", "best"])
def test_two_forms_at_once_are_refused(qgtune: Command, tmp_path: Path, verb: str) -> None:
    """Nobody can want both."""
    make_study(tmp_path / "study.log", [trial(values=[0.5])])
    done = qgtune(verb, "study.log", "--json", "--csv" if verb == "show" else "--yaml")
    assert (done.code, done.out) == (2, "")
    assert "exclude each other" in done.err


NEWEST = {"show": [], "best": [], "wait": [], "pause": [], "add": ["training.lr=0.5"], "resume": ["lr=0.2"]}


@pytest.mark.parametrize("verb", NEWEST)
def test_without_a_source_the_newest_sweep_is_taken(qgtune: Command, tmp_path: Path, verb: str) -> None:
    """It is said which, beside the answer."""
    for place, name in ((1.0, "old"), (2.0, "new")):
        folder = make_sweep(tmp_path / "multirun" / name, mixed_trials())
        Invocation(("python", "train.py"), ("--multirun",), str(tmp_path)).write(folder, None)
        os.utime(folder / "multirun.yaml", (place, place))
    done = qgtune(verb, *NEWEST[verb], "--json")
    assert (done.code, done.err) == (0, "The newest sweep: multirun/new\n")
    found = check(verb, done.out)
    if verb == "show":
        assert found["study"]["folder"] == str(tmp_path / "multirun" / "new")
    if verb == "resume":
        assert found["command"][-2:] == ["lr=0.2", f"hydra.sweep.dir='{tmp_path}/multirun/new'"]


def test_without_any_sweep_a_source_is_asked_for(qgtune: Command) -> None:
    """One line, and code 1."""
    done = qgtune("show")
    assert (done.code, done.out) == (1, "")
    assert done.err == "Cannot choose a sweep: there is none below this folder. Give a sweep folder or a storage.\n"


@pytest.mark.parametrize("verb", ["clean", "settle"])
def test_what_cannot_be_undone_wants_its_sweep_named(qgtune: Command, tmp_path: Path, verb: str) -> None:
    """The newest one might be another than the user thinks of."""
    make_sweep(tmp_path / "sweep", mixed_trials())
    assert qgtune(verb).code == 2


@pytest.mark.checkout
def test_the_page_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its Python runs, its document starts as it says, and its table has each exit code."""
    text = (DATA.parents[1] / "docs" / "command.md").read_text()
    monkeypatch.chdir(tmp_path)
    Record({"lr": 0.1}).write(make_sweep(tmp_path / "sweep"), 0)
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(block, "command.md", "exec"), {})  # noqa: S102 - the page's own
    assert capsys.readouterr().out.startswith("ended 1\n0 (0.5,) ")
    assert f'"schema": "{name_of("show")}"' in text
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert codes == [0, USER_ERROR, click.UsageError.exit_code, NOT_REACHED, INTERRUPTED]


@pytest.mark.slow
def test_a_sweep_that_was_left_answers(make_app: Callable[..., App], qgtune: Command) -> None:
    """From its start over the number of its workers to its results."""
    app = make_app("time.sleep(0.5)")
    command = app.command("--multirun", "hydra.sweep.dir=sweep", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=8")
    submitted = check("submit", qgtune("submit", "--json", *command).out)
    assert (submitted["launcher"], submitted["n_workers"]) == ("", 2)
    crewed = check("workers", qgtune("workers", "sweep", "3", "--json").out)
    assert [(one["pid"], one["n_workers"]) for one in crewed["sweeps"]] == [(submitted["pid"], 3)]
    assert check("wait", qgtune("wait", "sweep", "--timeout", "90", "--json").out)["reached"]
    assert "train.py" in check("collect", qgtune("collect", "sweep", "--json").out)["command"]
    assert len(app.trials()) == 8


@pytest.mark.slow
def test_confirm_and_ablate_answer(make_app: Callable[..., App], qgtune: Command) -> None:
    """What they have found, and nothing else on stdout."""
    config = CONFIG.replace("training:\n", "seed: 0\ntraining:\n", 1)
    app = make_app("return cfg.training.lr + (cfg.seed * 7919 % 100) / 1e4", config)
    assert app.sweep().code == 0
    confirmed = check("confirm", qgtune("confirm", "sweep", "--top", "2", "--seeds", "2", "--json").out)
    assert len(confirmed["trials"]) == 2
    ablated = check("ablate", qgtune("ablate", "sweep", "--seeds", "2", "--json").out)
    assert ablated["total"]["value"] == pytest.approx(sum(step["gain"]["value"] for step in ablated["steps"]))
