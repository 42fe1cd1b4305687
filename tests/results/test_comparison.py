"""`qgtune compare`: what is compared, and the page."""

from __future__ import annotations

import html.parser
import json
import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.command.app import run
from qgtune.errors import QGTuneError
from qgtune.results.comparison.contestants import Curve, contestants
from qgtune.results.comparison.drawing import Line, steps
from qgtune.results.comparison.page import render
from qgtune.results.comparison.tables import notes, rows
from qgtune.results.proof.confirmation import Confirmation
from qgtune.results.source import open_source
from qgtune.study.repeats.measured import ATTRIBUTE as REPEATS
from tests.studies import START, make_study, make_sweep, trial

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial


def timed(value: float | None, start_s: float, end_s: float) -> FrozenTrial:
    """Return a trial that ran from one second to another; without a value, it failed."""
    made = trial(TrialState.FAIL) if value is None else trial(values=[value])
    made.datetime_start, made.datetime_complete = START + timedelta(seconds=start_s), START + timedelta(seconds=end_s)
    return made


def test_the_best_so_far_against_trials_and_time(tmp_path: Path) -> None:
    """Trials count when they end, failed ones too, and time counts while a trial runs: a night between does not."""
    trials = [timed(0.5, 0, 10), timed(0.25, 0, 30), timed(None, 10, 20), timed(0.125, 10_000, 10_040)]
    make_study(tmp_path / "one.log", trials)
    make_study(tmp_path / "two.log", [timed(0.75, 0, 25)])
    one, two = contestants([str(tmp_path / "one.log"), str(tmp_path / "two.log")])
    assert one.curve == Curve((1, 3, 4), (10.0, 30.0, 70.0), (0.5, 0.25, 0.125))
    assert (one.n_ended, one.elapsed_s, one.name) == (4, 70.0, "one.log")
    assert one.curve.at_trials(2) == 0.5
    assert one.curve.at_time(30.0) == 0.25
    assert two.curve.at_time(24.9) is None
    assert [cells[0] for cells in rows([two, one])] == ["one.log", "two.log"]
    assert rows([one, two])[0][-2:] == ("0.5", "0.5")


def test_higher_is_better_where_the_studies_maximize(tmp_path: Path) -> None:
    """The curve rises, and the highest is first."""
    for name, values in (("low", (1.0, 2.0)), ("high", (3.0, 1.0))):
        trials = [timed(value, 0, 1 + place) for place, value in enumerate(values)]
        make_study(tmp_path / f"{name}.log", trials, direction="maximize")
    found = contestants([str(tmp_path / "low.log"), str(tmp_path / "high.log")])
    assert found[0].curve.values == (1.0, 2.0)
    assert found[1].curve.values == (3.0,)
    assert [cells[0] for cells in rows(found)] == ["high.log", "low.log"]


def test_a_single_value_is_said_to_be_one(tmp_path: Path) -> None:
    """The best of many draws is lucky, and nobody knows how much."""
    make_study(tmp_path / "a.log", [timed(0.5, 0, 1)])
    make_study(tmp_path / "b.log", [])
    found = contestants([str(tmp_path / "a.log"), str(tmp_path / "b.log")])
    assert [cells[3] for cells in rows(found)] == ["single value, not confirmed", "no trial completed"]
    assert "on several seeds" in notes(found)[1]


@pytest.mark.parametrize(
    ("values", "half"),
    [
        pytest.param([1.0, 2.0, 3.0], 4.303 / math.sqrt(3), id="3 runs"),
        pytest.param([float(value) for value in range(31)], 2.0423 * 9.0921 / math.sqrt(31), id="31 runs"),
    ],
)
def test_repeats_give_an_interval(tmp_path: Path, values: list[float], half: float) -> None:
    """Student's, of the mean of the runs."""
    repeated = trial(values=[0.5])
    repeated.set_user_attr(REPEATS, {"value": 0.5, "values": {str(place): value for place, value in enumerate(values)}})
    make_study(tmp_path / "a.log", [repeated])
    best = contestants([str(tmp_path / "a.log")])[0].best
    assert best is not None
    assert best.low is not None
    assert best.high is not None
    assert best.n_runs == len(values)
    assert (best.high - best.low) / 2 == pytest.approx(half, rel=1e-3)
    assert (best.high + best.low) / 2 == pytest.approx(sum(values) / len(values))


def test_fresh_seeds_give_an_interval(tmp_path: Path) -> None:
    """What `qgtune confirm` has found of the best trial stands beside it."""
    folder = make_sweep(tmp_path / "sweep", [trial(values=[0.5]), trial(values=[0.7])])
    study = contestants([str(folder)])[0]
    assert study.best is not None
    assert study.best.sureness == "single value, not confirmed"
    opened = open_source(str(folder)).study
    Confirmation.of(opened, "seed", (1, 2, 3), {0: [0.6, 0.62, 0.64], 1: [0.7, 0.72, 0.71]}).write(folder)
    best = contestants([str(folder)])[0].best
    assert best is not None
    assert (best.trial, best.n_runs, best.value) == (0, 3, 0.5)
    assert best.low is not None
    assert best.high is not None
    assert best.low < 0.62 < best.high


def test_what_cannot_be_compared_is_named(tmp_path: Path) -> None:
    """All of it together: what is not there, and what has several objectives; and directions that differ."""
    make_study(tmp_path / "two.log", [], directions=["minimize", "minimize"])
    with pytest.raises(QGTuneError) as caught:
        contestants([str(tmp_path / "nope"), str(tmp_path / "two.log")])
    assert len(caught.value.problems) == 2
    assert "it has several objectives" in caught.value.problems[1]
    make_study(tmp_path / "up.log", [], direction="maximize")
    make_study(tmp_path / "down.log", [])
    with pytest.raises(QGTuneError, match=r"up.log maximizes, down.log minimizes"):
        contestants([str(tmp_path / "up.log"), str(tmp_path / "down.log")])


def test_sweeps_are_named_by_what_differs(tmp_path: Path) -> None:
    """The folder of the time alone, or with that of the day."""
    for name in ("1/12-00", "2/12-00", "2/13-00"):
        make_sweep(tmp_path / name)
    names = [one.name for one in contestants([str(tmp_path / "1/12-00"), str(tmp_path / "2/13-00")])]
    assert names == ["12-00", "13-00"]
    names = [one.name for one in contestants([str(tmp_path / "1/12-00"), str(tmp_path / "2/12-00")])]
    assert names == ["1/12-00", "2/12-00"]


class _Reader(html.parser.HTMLParser):
    """Collects what a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note scripts, and what has an address."""
        self.foreign += [tag] if tag == "script" else []
        self.foreign += [str(value) for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    """It has both plots with a curve for each sweep, runs no script, and escapes names."""
    make_study(tmp_path / "a.log", [timed(0.5, 0, 60), timed(0.25, 0, 400)], "<b>")
    make_study(tmp_path / "b.log", [timed(1.0, 0, 600)])
    page = render(contestants([str(tmp_path / "a.log"), str(tmp_path / "b.log")]))
    assert page.count("<svg") == 2
    assert page.count('class="curve"') == 4
    assert "wall-clock time in minutes" in page
    assert "<b>" not in page
    reader = _Reader()
    reader.feed(page)
    assert reader.foreign == []


def test_a_page_without_any_value(tmp_path: Path) -> None:
    """Sweeps that have just begun can be compared, too."""
    for name in ("a.log", "b.log"):
        make_study(tmp_path / name, [])
    page = render(contestants([str(tmp_path / "a.log"), str(tmp_path / "b.log")]))
    assert "No trial has completed." in page
    assert "<svg" not in page


@pytest.mark.parametrize(
    ("values", "is_log", "ticks"),
    [
        pytest.param([0.2, 0.9], False, ["0.2", "0.4", "0.6", "0.8"], id="near"),
        pytest.param([0.002, 50.0], True, ["0.01", "0.1", "1", "10"], id="far"),
        pytest.param([-1.0, 100.0], False, ["0", "20", "40", "60", "80", "100"], id="below zero"),
        pytest.param([0.5, 0.5], False, ["0.48", "0.49", "0.5", "0.51", "0.52"], id="equal"),
        pytest.param([0.5, float("inf")], False, ["0.48", "0.49", "0.5", "0.51", "0.52"], id="infinite"),
    ],
)
def test_values_far_apart_have_a_logarithmic_axis(values: list[float], is_log: bool, ticks: list[str]) -> None:  # noqa: FBT001
    """One bad first value would flatten all that follow."""
    drawing = steps([Line("a", list(enumerate(values)), 3.0)], "x", "y")
    assert ("y, logarithmic" in drawing) == is_log
    assert re.findall(r'text-anchor="end">([^<]+)<', drawing) == ticks


def test_the_command_writes_table_and_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The page goes into the working folder; one sweep alone is wrong usage."""
    monkeypatch.chdir(tmp_path)
    make_study(tmp_path / "a.log", [timed(0.5, 0, 60)])
    make_study(tmp_path / "b.log", [timed(1.0, 0, 90)])
    assert run(["compare", "a.log", "b.log"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "Best value, minimize"
    assert [line.split()[0] for line in lines[3:5]] == ["a.log", "b.log"]
    assert lines[-1] == "Page: compare.html"
    assert (tmp_path / "compare.html").read_text().startswith("<!DOCTYPE html>")
    assert run(["compare", "a.log"]) == 2
    assert "give two or more" in capfd.readouterr().err
    assert run(["compare", "a.log", "b.log", "--json", "--output", "nowhere.html/x"]) == 0
    assert json.loads(capfd.readouterr().out)["sweeps"][0]["curve"] == [
        {"n_trials": 1, "elapsed_s": 60.0, "value": 0.5}
    ]
