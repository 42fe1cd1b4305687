"""`qgtune show`: the table, and its forms for programs."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
from datetime import datetime
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState
from rich.cells import cell_len

from qgtune.command.layout import lay_out, number, reasons
from qgtune.results.columns import sort
from qgtune.results.table import duration, table_of
from qgtune.space.wording import broken, short_names
from tests.command.conftest import in_terminal
from tests.studies import PARAMS, make_study, make_sweep, mixed_trials, trial

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command.conftest import Command

WORDS = ("0.25", "0.001", "0.01235", "128", "[3,4]", "adam", "1 min 30 s", "pruned", "failed", "running", "waiting")


def test_the_table_holds_every_trial(qgtune: Command, tmp_path: Path) -> None:
    """Number, state, value, time and hyperparameters of each trial, and below why one failed."""
    done = qgtune("show", make_sweep(tmp_path / "sweep", mixed_trials()))
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "Study 'train', minimize: 6 trials (2 complete, 1 failed, 1 pruned, 1 running, 1 waiting)"
    assert lines[1] == "- 1 of 4 trials failed with: ValueError: it, of all things, went wrong."
    del lines[1]
    assert lines[1].split()[:4] == ["trial", "state", "value", "time"]
    assert lines[1].split()[4:] == ["layers.0.width", "layers.1.width", "sizes", "optimizer", "lr"]
    assert " ".join(lines[3].split()) == "0 complete 0.5 1 min 30 s 128 64 [3,4] adam 0.01235"
    states = [line.split()[1] for line in lines[3:9]]
    assert states == ["complete", "complete", "pruned", "failed", "running", "waiting"]
    assert lines[9:] == ["Why trials failed:", "  3: ValueError: it, of all things, went wrong"]


def test_without_a_terminal_there_is_no_colour_and_no_cut(qgtune: Command, tmp_path: Path) -> None:
    """In a pipe each trial is one line, however long, and the text is plain."""
    choice = "a choice with a name of many words " * 10
    distribution = optuna.distributions.CategoricalDistribution([choice])
    study = make_study(tmp_path / "study.log", [])
    study.add_trial(optuna.trial.create_trial(value=1.0, params={"p": choice}, distributions={"p": distribution}))
    done = qgtune("show", "study.log")
    assert "\x1b" not in done.out
    assert choice.strip() in done.out


@pytest.mark.slow
@pytest.mark.parametrize("width", [80, 160])
def test_a_terminal_gets_colours_and_lines_that_fit(tmp_path: Path, width: int) -> None:
    """No line is longer than the terminal, every value is there, and the best trial stands out."""
    text = in_terminal(width, "show", make_sweep(tmp_path / "sweep", mixed_trials()))
    assert "\x1b[1;32m    1" in text
    plain = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert max(map(len, plain.splitlines())) <= width
    assert all(word in plain for word in WORDS)


@pytest.mark.parametrize("width", range(50, 200, 7))
def test_nothing_is_cut_at_any_width(tmp_path: Path, width: int) -> None:
    """However narrow, all values are there and no line is too long."""
    table = table_of(make_study(tmp_path / "study.log", mixed_trials()))
    heading, rows = lay_out(table, width)
    text = "\n".join([*heading, *rows])
    assert max(map(cell_len, text.splitlines())) <= width
    assert all(word in text for word in WORDS)


def test_names_are_as_short_as_they_can_be() -> None:
    """The shortest end that is the end of no other path, and begins with no number."""
    paths = ["model.layers.0.width", "model.layers.1.width", "training.lr", "lr", "model.0"]
    assert short_names(paths) == {
        "model.layers.0.width": "layers.0.width",
        "model.layers.1.width": "layers.1.width",
        "training.lr": "training.lr",
        "lr": "lr",
        "model.0": "model.0",
    }


@pytest.mark.parametrize(
    ("name", "width", "expected"),
    [
        pytest.param("lr", 1, "lr", id="whole"),
        pytest.param("nn.0.out_dim", 3, "nn.\n0.\nout_\ndim", id="narrow"),
        pytest.param("nn.0.out_dim", 8, "nn.0.\nout_dim", id="wider"),
        pytest.param("nn.0.out_dim", 20, "nn.0.out_dim", id="wide"),
        pytest.param("_a..b", 1, "_\na.\n.\nb", id="odd"),
    ],
)
def test_headings_break_behind_dots_and_underscores(name: str, width: int, expected: str) -> None:
    """A heading in lines is as narrow as asked, or as its longest piece."""
    longest = max(width, *map(len, expected.split("\n")))
    assert all(len(line) <= longest for line in broken(name, width).split("\n"))
    assert broken(name, width).replace("\n", "") == name
    if name != "_a..b":
        assert broken(name, width) == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.004, "0.00 s"),
        (1.5, "1.50 s"),
        (59.996, "1 min 0 s"),
        (90.4, "1 min 30 s"),
        (7325, "2 h 2 min"),
        (180000, "2 d 2 h"),
    ],
    ids=str,
)
def test_durations_are_words(seconds: float, text: str) -> None:
    """Two units at most."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00012346, "0.0001235"), (128, "128"), ("adam", "adam"), (True, "true"), (None, "null"), ([1, "a"], '[1,"a"]')],
    ids=str,
)
def test_values_are_short(value: object, text: str) -> None:
    """Floats lose digits, all else is written as in YAML."""
    assert number(value, 4) == text


def test_reasons_are_told_once(tmp_path: Path) -> None:
    """Trials that failed for one reason share a line."""
    failed = [trial(TrialState.FAIL, reason=reason) for reason in ("a", "b", "a")]
    assert reasons(table_of(make_study(tmp_path / "study.log", failed))) == ["0, 2: a", "1: b"]


def test_sort_and_limit(qgtune: Command, tmp_path: Path) -> None:
    """Best first: complete trials by value, then pruned ones, then the rest; and only as many as asked for."""
    make_study(tmp_path / "study.log", mixed_trials())
    rows = json.loads(qgtune("show", "study.log", "--sort", "value", "--json").out)["trials"]
    assert [row["number"] for row in rows] == [1, 0, 2, 3, 4, 5]
    done = qgtune("show", "study.log", "--sort", "value", "--limit", 2)
    assert [line.split()[0] for line in done.out.splitlines()[4:6]] == ["1", "0"]
    assert done.out.splitlines()[-1] == "4 more trials are not shown."


def test_sorting_a_study_that_maximizes(tmp_path: Path) -> None:
    """There the highest value is first."""
    trials = [trial(values=[value]) for value in (1.0, 3.0, 2.0)]
    table = table_of(make_study(tmp_path / "study.log", trials, direction="maximize"))
    assert [row.number for row in sort(table, "value").rows] == [1, 2, 0]
    assert [row.number for row in sort(table, "-value").rows] == [0, 2, 1]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param("lr", [1, 0, 2, 3, 4, 5], id="the end of a path"),
        pytest.param("-training.lr", [4, 0, 2, 3, 1, 5], id="a path, reversed"),
        pytest.param("params.training.lr", [1, 0, 2, 3, 4, 5], id="a path, said to be one"),
        pytest.param("state", [0, 1, 3, 2, 4, 5], id="a text"),
        pytest.param("-trial", [5, 4, 3, 2, 1, 0], id="a heading of the table"),
        pytest.param("time", [0, 1, 2, 3, 4, 5], id="a duration"),
        pytest.param("reason", [0, 1, 2, 4, 5, 3], id="none is empty"),
    ],
)
def test_any_column_sorts(tmp_path: Path, key: str, expected: list[int]) -> None:
    """From the least on, or from the greatest; trials without one come last."""
    table = table_of(make_study(tmp_path / "study.log", mixed_trials()))
    assert [row.number for row in sort(table, key).rows] == expected


def without_conclusions(out: str) -> list[str]:
    """Return the lines without what the study says at the top."""
    return [line for line in out.splitlines() if not line.startswith("- ")]


def test_states(qgtune: Command, tmp_path: Path) -> None:
    """Only the trials in them are shown, and the study is still told of as a whole."""
    make_study(tmp_path / "study.log", mixed_trials())
    done = qgtune("show", "study.log", "--state", "pruned", "--state", "running")
    assert done.out.startswith("Study 'train', minimize: 6 trials")
    lines = without_conclusions(done.out)
    assert [line.split()[1] for line in lines[3:5]] == ["pruned", "running"]
    assert lines[5:] == ["4 more trials are not shown."]


def test_columns(qgtune: Command, tmp_path: Path) -> None:
    """The table and CSV have those that are asked for, in that order."""
    trials = mixed_trials()
    trials[0].intermediate_values = {1: 0.5, 7: 0.25}
    make_study(tmp_path / "study.log", trials)
    names = "lr, number,reports,started"
    lines = without_conclusions(qgtune("show", "study.log", "--columns", names).out)
    assert lines[1].split() == ["lr", "trial", "reports", "started"]
    assert lines[3].split() == ["0.01235", "0", "0.25", "at", "7", "2026-01-02", "03:04:05"]
    (row, *_) = csv.DictReader(io.StringIO(qgtune("show", "study.log", "--csv", "--columns", names).out))
    assert list(row) == ["params.training.lr", "number", "reports", "started"]
    assert json.loads(row["reports"]) == {"1": 0.5, "7": 0.25}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("xyz", "Cannot find 'xyz' in study 'train'. There are number, state", id="none"),
        pytest.param("training.lrr", "Did you mean 'training.lr' or", id="nearly"),
        pytest.param("width", "Cannot tell which 'width' is meant: model.layers.0.width, model.layers.1.w", id="two"),
    ],
)
@pytest.mark.parametrize("option", ["--sort", "--columns"])
def test_a_wrong_column_is_named(qgtune: Command, tmp_path: Path, option: str, name: str, message: str) -> None:
    """With what there is, or which are meant."""
    make_study(tmp_path / "study.log", mixed_trials())
    done = qgtune("show", "study.log", option, name)
    assert (done.code, done.out) == (1, "")
    assert message in done.err


def test_a_study_that_has_just_begun_takes_any_column(qgtune: Command, tmp_path: Path) -> None:
    """Nobody can know yet which hyperparameters it has."""
    make_study(tmp_path / "study.log", [])
    assert qgtune("show", "study.log", "--sort", "lr").code == 0


def test_json_is_complete(qgtune: Command, tmp_path: Path) -> None:
    """Every digit, times with a zone, lists as lists, null for what is missing."""
    make_study(tmp_path / "study.log", mixed_trials())
    rows = json.loads(qgtune("show", "study.log", "--json").out)["trials"]
    assert rows[0]["params"] == {**PARAMS, "model.sizes": [3, 4]}
    assert rows[0]["values"] == {"value": 0.5}
    assert rows[0]["duration_s"] == 90.5
    started, ended = (datetime.fromisoformat(rows[0][key]) for key in ("started", "ended"))
    assert (ended - started).total_seconds() == 90.5
    assert started.tzinfo is not None
    assert rows[0]["reason"] is None
    assert rows[3]["reason"] == "ValueError: it, of all things, went wrong"
    waiting = {"number": 5, "state": "waiting", "end": None, "values": {"value": None}, "params": {}, "reason": None}
    nothing: dict[str, object] = {
        "started": None,
        "ended": None,
        "duration_s": None,
        "repeats": None,
        "intermediate_values": {},
        "measured": None,
    }
    assert rows[5] == {**waiting, **nothing}


def test_json_has_the_study_and_what_trials_reported(qgtune: Command, tmp_path: Path) -> None:
    """A program need not count states, or look for the best trial and the ranges."""
    trials = mixed_trials()
    trials[0].intermediate_values = {1: 0.5, 7: 0.25}
    make_sweep(tmp_path / "sweep", trials)
    found = json.loads(qgtune("show", "sweep", "--json", "--state", "complete").out)
    assert found["trials"][0]["intermediate_values"] == {"1": 0.5, "7": 0.25}
    study = found["study"]
    assert study["n_trials"] == {"complete": 2, "pruned": 1, "failed": 1, "running": 1, "waiting": 1}
    assert (study["best"], study["state"], study["folder"]) == ([1], "ended", str(tmp_path / "sweep"))
    assert study["hyperparameters"]["model.sizes"]["choices"] == [[1, 2], [3, 4]]
    rate = study["hyperparameters"]["training.lr"]
    assert (rate["type"], rate["low"], rate["high"], rate["log"], rate["step"]) == ("float", 1e-5, 1.0, True, None)


def test_json_of_values_that_are_not_finite(qgtune: Command, tmp_path: Path) -> None:
    """JSON has no infinity: it is a text."""
    make_study(tmp_path / "study.log", [trial(values=[float("inf")])])
    (row,) = json.loads(qgtune("show", "study.log", "--json").out)["trials"]
    assert row["values"] == {"value": "inf"}


def test_csv_is_complete(qgtune: Command, tmp_path: Path) -> None:
    """The same as CSV: empty for what is missing, lists as JSON, every digit."""
    make_study(tmp_path / "study.log", mixed_trials())
    rows = list(csv.DictReader(io.StringIO(qgtune("show", "study.log", "--csv").out)))
    assert [row["state"] for row in rows] == ["complete", "complete", "pruned", "failed", "running", "waiting"]
    assert json.loads(rows[0]["params.model.sizes"]) == [3, 4]
    assert float(rows[0]["params.training.lr"]) == PARAMS["training.lr"]
    assert rows[3]["reason"] == "ValueError: it, of all things, went wrong"
    assert rows[5]["value"] == rows[5]["started"] == rows[5]["params.training.lr"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_csv_holds_no_formulas(qgtune: Command, tmp_path: Path, text: str) -> None:
    """A spreadsheet would run what a study from elsewhere has in its texts."""
    make_study(tmp_path / "study.log", [trial(TrialState.FAIL, reason=text)])
    (row,) = csv.DictReader(io.StringIO(qgtune("show", "study.log", "--csv").out))
    assert row["reason"] == f"'{text}"


def test_escape_sequences_are_spelled_out(qgtune: Command, tmp_path: Path) -> None:
    """A terminal would obey them: whoever wrote the study could hide or fake lines."""
    odd = trial(TrialState.FAIL, params={}, reason="\x1b[2Jgone\x07")
    odd.distributions, odd.params = {"a\x1b[31m": CategoricalDistribution(["b\x9b1m", "c"])}, {"a\x1b[31m": "b\x9b1m"}
    make_study(tmp_path / "study.log", [odd])
    out = qgtune("show", "study.log").out
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", out)
    assert r"\x1b[2Jgone\x07" in out
    assert r"b\x9b1m" in out


def test_several_objectives_have_a_column_each(qgtune: Command, tmp_path: Path) -> None:
    """Under their names, if the study has them."""
    study = make_study(tmp_path / "study.log", [trial(values=[1, 2])], directions=["minimize", "maximize"])
    assert json.loads(qgtune("show", "study.log", "--json").out)["trials"][0]["values"] == {"value_0": 1, "value_1": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(["loss", "accuracy"])
    done = qgtune("show", "study.log")
    assert done.out.startswith("Study 'train', minimize loss, maximize accuracy: 1 trial (1 complete)")
    assert done.out.splitlines()[1].split()[2:4] == ["loss", "accuracy"]


@pytest.mark.parametrize("form", [[], ["--csv"]], ids=["table", "csv"])
def test_a_study_without_trials(qgtune: Command, tmp_path: Path, form: list[str]) -> None:
    """A sweep that has just begun is no error."""
    make_study(tmp_path / "study.log", [])
    done = qgtune("show", "study.log", *form)
    assert (done.code, done.err) == (0, "")
    expected = {"--csv": "number,state,value,started,ended,duration_s,reason\n"}
    assert done.out == expected.get("".join(form), "Study 'train', minimize: no trials yet\n")
