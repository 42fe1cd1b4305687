"""The table of all trials, a trial's own view, the page on paper, and the page for those who cannot see it."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState

from qgtune.results.report import Facts
from qgtune.results.table import duration
from tests.results.pages import cells, text
from tests.results.studies import START, study, trial, usual

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser import Page

pytestmark = pytest.mark.slow  # each opens a page of several megabytes
NUMBERS = "[...document.querySelectorAll('table.trials tbody tr')].map(row => Number(row.cells[0].innerText))"
A4_POINTS = (595, 842)


def filtered(page: Page, words: str) -> list[int]:
    """Return the trials that the table shows for some words."""
    page.evaluate(f"document.getElementById('filter').value = {json.dumps(words)}")
    page.evaluate("document.getElementById('filter').dispatchEvent(new Event('input'))")
    return list(page.evaluate(NUMBERS))


def test_every_trial_is_in_the_table_and_it_sorts(show: Callable[..., Any]) -> None:
    """Pruned, failed and running trials, too; a click on a heading sorts, again the other way; empty cells are last."""
    with show(usual()) as page:
        assert page.evaluate(NUMBERS) == list(range(12))
        assert [row[1] for row in cells(page, "table.trials")].count("pruned") == 2
        page.click("table.trials th:nth-child(3) button")
        assert page.evaluate(NUMBERS)[:3] == [2, 3, 4]
        page.click("table.trials th:nth-child(3) button")
        assert page.evaluate(NUMBERS)[:2] == [5, 0]
        assert page.evaluate(NUMBERS)[-1] == 11
        assert page.evaluate("document.querySelectorAll('[aria-sort=descending]').length") == 1


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        pytest.param("pruned", [6, 7], id="a state"),
        pytest.param("gelu complete", [1, 3, 5], id="two words"),
        pytest.param("lr>=0.5", [6, 7, 8], id="a comparison"),
        pytest.param("lr<0.003, act=relu", [0], id="two comparisons"),
        pytest.param("SIGKILL", [9], id="a reason"),
        pytest.param("nothing", [], id="nothing"),
    ],
)
def test_the_table_filters(show: Callable[..., Any], words: str, numbers: list[int]) -> None:
    """Words are looked for in all cells and in reasons, comparisons in their column."""
    with show(usual()) as page:
        assert filtered(page, words) == numbers
        assert text(page, "#n-rows") == f"{len(numbers)} of {len(numbers)} shown"


def test_times_read_as_the_command_s(show: Callable[..., Any]) -> None:
    """Rounded before they are split into units: no part of one is a full unit."""
    seconds = [0.5, 59.996, 119.7, 3599.6, 7199.0, 7230.0, 90_000.0, 86_399.7]
    trials = [trial(number) for number in range(len(seconds))]
    for one, took in zip(trials, seconds, strict=True):
        one.datetime_complete = START + timedelta(seconds=one.number + took)
    with show(study(trials)) as page:
        head = [
            cell.lower()
            for cell in page.evaluate("[...document.querySelectorAll('table.trials th')].map(e => e.innerText)")
        ]
        shown = [row[head.index("time")] for row in cells(page, "table.trials")]
    assert shown == [duration(took) for took in seconds]
    assert shown[1:3] == ["1 min 0 s", "2 min 0 s"]


def test_a_trial_has_a_view_of_its_own(show: Callable[..., Any], tmp_path: Path) -> None:
    """Its values beside the best ones, its curve, its log, the differences of its config, and how to run it again."""
    configs = {2: {"lr": 0.003, "model": {"act": "relu"}}, 6: {"lr": 0.9, "model": {"act": "relu"}}}
    facts = Facts(
        folder=tmp_path,
        place=(str(tmp_path),),
        is_recorded=True,
        log_of=lambda number: tmp_path / str(number) / "train.log",
        config_of=lambda one: configs.get(one.number),
    )
    with show(usual(), facts) as page:
        page.click("table.trials tbody tr:nth-child(7) a")
        page.wait_for("document.getElementById('trial').open")
        shown = text(page, "#trial")
        assert "Trial 6" in shown
        assert "lr: 0.003, now 0.9" in shown
        assert "best (trial 2)" in shown
        assert f"qgtune rerun {tmp_path} --trial 6" in shown
        assert page.evaluate("document.querySelector('#trial dd a').getAttribute('href')") == "6/train.log"
        assert page.evaluate("document.querySelector('#trial .plot').data.map(trace => trace.y)") == [
            [1.25, 0.75, 0.25],
            [9, 8.5],
        ]
        page.click("#trial .close")
        page.wait_for("!document.getElementById('trial').open && location.hash === ''")


def test_failures_come_first_where_nothing_else_is(show: Callable[..., Any], tmp_path: Path) -> None:
    """A study that only failed opens with why, and each log is a link."""
    failed = [trial(n, TrialState.FAIL, reason="ValueError: no") for n in range(3)]
    with show(study(failed), Facts(log_of=lambda number: tmp_path / f"{number}.log")) as page:
        assert page.evaluate("document.querySelectorAll('main section')[1].id") == "failures"
        links = page.evaluate("[...document.querySelectorAll('table.failures td:last-child a')].map(a => a.href)")
        assert links[0] == (tmp_path / "2.log").as_uri()


def test_pages_on_paper_hold_everything(show: Callable[..., Any]) -> None:
    """On A4 the first page has the summary, no figure is wider than the paper, and texts stand for what hovers."""
    with show(usual()) as page:
        page.call("Emulation.setEmulatedMedia", media="print")
        page.call("Emulation.setDeviceMetricsOverride", width=703, height=1031, deviceScaleFactor=1, mobile=False)
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        page.wait_for("[...document.querySelectorAll('[data-figure]')].every(box => box.dataset.drawn === 'yes')")
        wide = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > 703).length"
        assert page.evaluate(wide) == 0
        assert page.evaluate("document.getElementById('summary').getBoundingClientRect().bottom") < 1031
        assert "The best so far starts at 3" in text(page, "#history")
        pdf = base64.b64decode(page.call("Page.printToPDF", preferCSSPageSize=True)["data"])
        assert pdf.startswith(b"%PDF")
        width, height = map(float, pdf.split(b"/MediaBox [0 0 ")[1].split(b"]")[0].split())
        assert (width, height) == pytest.approx(A4_POINTS, abs=1)


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 390)], ids=["light desk", "dark phone"])
def test_pages_can_be_used_without_eyes_or_a_mouse(show: Callable[..., Any], width: int, *, dark: bool) -> None:
    """Axe finds nothing: names for plots and fields, contrast, order of headings, what can be reached by keys."""
    axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    with show(usual(), dark=dark, width=width) as page:
        page.evaluate(axe)
        for is_open in (False, True):
            page.evaluate("location.hash = '#trial-6'" if is_open else "0")
            page.wait_for(f"document.getElementById('trial').open === {str(is_open).lower()}")
            found = page.evaluate("axe.run().then(done => done.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
            assert found == []
