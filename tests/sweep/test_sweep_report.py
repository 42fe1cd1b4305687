"""The report that a sweep leaves behind."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from qgtune.results.report.facts import facts_of
from qgtune.results.source import open_source
from tests.conftest import CONFIG, TIMEOUT_S, App

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser import Browser

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow
REPORT = "hydra.sweeper.report=true"
NO_PLOTLY = "import sys; sys.modules['plotly'] = None\n"  # as if it were not installed


def typed(app: App, line: str) -> str:
    """Run a command line that starts with `python`, as a user would in the app's folder; return what it printed."""
    command = [sys.executable, *shlex.split(line)[1:]]
    done = subprocess.run(command, cwd=app.folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    return done.stdout


def test_sweep_leaves_a_report(app: App, browser: Browser) -> None:
    """The page stands in the sweep folder, shows the best config, and its commands run."""
    run = app.sweep(REPORT, "hydra.sweeper.n_jobs=2")
    assert run.code == 0, run.err
    assert run.err == ""
    assert run.out.index("Writing the report.") < run.out.index("Read the report:      sweep/report.html")
    with browser.open(app.path("report.html")) as page:
        copied = page.evaluate("document.getElementById('best-config').textContent")
        commands = page.evaluate("[...document.querySelectorAll('#commands code[id]')].map(e => e.textContent)")
        rows = page.evaluate("JSON.parse(document.getElementById('figures').textContent).timeline.data[0].y")
    assert copied == app.path("best_config.yaml").read_text()
    assert set(rows) <= {row for row in rows if " · pid " in row}
    best, resume, dashboard, again = commands
    typed(app, best.replace("qgtune", "python -m qgtune"))
    assert "4 of 4 trials" in typed(app, resume.replace("qgtune", "python -m qgtune"))
    assert dashboard == f"qgtune dashboard {app.path()}"
    assert again == f"qgtune report {app.path()}"


def test_report_is_on_unless_switched_off(make_app: MakeApp) -> None:
    """Without a word about it the page is written; with `report=false` it is not."""
    app = make_app(config=CONFIG.replace("    report: false\n", ""))
    assert app.sweep().code == 0
    assert app.path("report.html").exists()
    app.path("report.html").unlink()
    assert app.sweep("hydra.sweeper.report=false").code == 0
    assert not app.path("report.html").exists()


def test_missing_plotly_is_a_line(make_app: MakeApp) -> None:
    """Without the extra the sweep says how to get the report, and goes well."""
    app = make_app()
    script = app.folder / "train.py"
    script.write_text(NO_PLOTLY + script.read_text())
    run = app.sweep(REPORT)
    assert run.code == 0, run.err
    assert "Install qgtune[report] for report.html: pip install 'qgtune[report]'" in run.out
    assert not app.path("report.html").exists()


def test_report_that_fails_costs_a_line(app: App) -> None:
    """A folder in the page's place is a warning; the results are there and the sweep succeeds."""
    app.path("report.html").mkdir(parents=True)
    run = app.sweep(REPORT)
    assert run.code == 0, run.err
    assert "Cannot write report.html: QGTuneError: Cannot write the report" in run.out + run.err
    assert "Traceback" not in run.out + run.err
    assert app.path("best_config.yaml").exists()


def test_interrupted_sweep_leaves_a_report(make_app: MakeApp) -> None:
    """After Ctrl-C the page tells of what was done."""
    app = make_app("time.sleep(0.2 if HydraConfig.get().job.num < 2 else 100)")
    process = app.start(REPORT, "hydra.sweeper.n_jobs=2")
    deadline = time.monotonic() + TIMEOUT_S
    while not app.path("3", ".hydra").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert "Read the report:" in out
    assert "2 complete" in app.path("report.html").read_text()


def test_report_of_failures_names_their_logs(make_app: MakeApp) -> None:
    """A sweep in which everything fails leaves a page with the reasons and the logs."""
    app = make_app("raise ValueError('no <luck>')")
    run = app.sweep(REPORT)
    assert run.code == 1
    page = app.path("report.html").read_text()
    assert "no &lt;luck&gt;" in page
    assert str(app.path("0", "train.log")) in page


def test_memory_study_has_a_report_too(app: App) -> None:
    """A study that nothing keeps is still shown, without commands that would need its storage."""
    assert app.sweep(REPORT, "hydra.sweeper.storage=null").code == 0
    page = app.path("report.html").read_text()
    assert "4 complete" in page
    assert "qgtune dashboard" not in page


def test_running_sweep_can_be_looked_at(make_app: MakeApp) -> None:
    """While trials run, the folder already gives the study with what is known of it."""
    app = make_app("time.sleep(0 if HydraConfig.get().job.num < 2 else 100)")
    process = app.start("hydra.sweeper.n_trials=3")
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while not app.path("2", ".hydra").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        source = open_source(str(app.path()))
        assert [trial.state.name for trial in source.study.trials] == ["COMPLETE", "COMPLETE", "RUNNING"]
        assert f"qgtune resume {app.path()}" in [line for _purpose, line in facts_of(source).commands]
    finally:
        process.kill()
        process.communicate()
