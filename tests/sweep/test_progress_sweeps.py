"""Real sweeps on a real terminal, and without one."""

from __future__ import annotations

import re
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow

PRINTS = """
import logging
number = HydraConfig.get().job.num
print(f"mark-{number}-a")
logging.getLogger("train").warning(f"mark-{number}-b")
print(f"mark-{number}-c", file=sys.stderr)
qgtune.current_trial().report(cfg.training.lr, 3)
time.sleep(0.7)
print(f"mark-{number}-d", end="")
"""
WAITS = "qgtune.report(cfg.training.lr, 3)\ntime.sleep(60)"
ROW = r"\n  \d .*step 3: "
MARKS = [f"mark-{number}-{letter}" for number in range(6) for letter in "abcd"]


def on_terminal(app: App, *arguments: str, term: str = "xterm-256color") -> Terminal:
    """Start a sweep into the folder `sweep` on a terminal."""
    return Terminal(app.command("--multirun", "hydra.sweep.dir=sweep", *arguments), app.folder, term=term)


def n_workers_left(app: App) -> int:
    """Count the processes whose working folder is the app's."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += (process / "cwd").readlink() == app.folder and (process / "stat").read_text().split()[2] != "Z"
        except OSError:
            continue
    return found


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_terminal_shows_a_view_and_keeps_every_line(make_app: MakeApp, n_jobs: int) -> None:
    """While the sweep runs the view says how it stands; in the end each line of the jobs is there once, and no view."""
    given = ("hydra.sweeper.n_trials=6", "hydra.sweeper.output=prefix")
    terminal = on_terminal(make_app(PRINTS), f"hydra.sweeper.n_jobs={n_jobs}", *given)
    terminal.wait_for(r"train  ━*─+  \d of 6  \w+")
    terminal.wait_for(r"trial +lr +out_dim +last report +age")
    terminal.wait_for(rf"{ROW}\S+")
    terminal.wait_for(r"[1-5] of 6  \d+ s elapsed, ((up to )?about \d+ \w+ left|nearly done)")
    terminal.wait_for(r"new best \S+ \(trial \d\)")
    terminal.wait_for(r"best \S+ \(trial \d\)")
    assert not terminal.shows_cursor
    assert terminal.finish() == 0
    assert {mark: len(re.findall(mark, terminal.text)) for mark in MARKS} == dict.fromkeys(MARKS, 1)
    assert "of 6" not in terminal.text
    assert "Finished: 6 trials" in terminal.text
    assert terminal.shows_cursor


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("setting", ["log", "off"])
def test_terminal_without_a_view_is_the_jobs_own(make_app: MakeApp, setting: str, n_jobs: int) -> None:
    """With `log` and `off` nothing comes between the jobs and the terminal."""
    terminal = on_terminal(
        make_app(PRINTS),
        f"hydra.sweeper.n_jobs={n_jobs}",
        "hydra.sweeper.n_trials=6",
        f"hydra.sweeper.progress={setting}",
    )
    assert terminal.finish() == 0
    assert b"\x1b[?25l" not in terminal.raw
    assert {mark: len(re.findall(mark, terminal.text)) for mark in MARKS} == dict.fromkeys(MARKS, 1)
    assert ("new best" in terminal.text) == (setting == "log")


def test_a_dumb_terminal_gets_log_lines(app: App) -> None:
    """A terminal that cannot move its cursor gets lines."""
    terminal = on_terminal(app, term="dumb")
    assert terminal.finish() == 0
    assert b"\x1b[?25l" not in terminal.raw


def test_no_terminal_gets_a_line_at_each_new_best(make_app: MakeApp) -> None:
    """Without a terminal a line says how the sweep stands when there is a new best value."""
    run = make_app(PRINTS).sweep("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=6")
    assert run.code == 0, run.err
    line = r"\[HYDRA\] \d of 6 trials \(\d complete, 0 pruned, 0 failed\), \d running; new best \S+ \(trial \d\); "
    assert re.search(line, run.out), run.out
    assert "\x1b" not in run.out


def test_progress_lines_are_not_in_the_jobs_logs(make_app: MakeApp) -> None:
    """What is said of the sweep is no part of the log of a trial that runs in the same process."""
    app = make_app(PRINTS)
    run = app.sweep("hydra.sweeper.n_trials=3")
    assert "new best" in run.out
    assert not any("new best" in path.read_text() for path in app.path().glob("*/train.log"))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_gives_the_terminal_back(make_app: MakeApp, n_jobs: int) -> None:
    """Ctrl-C ends the sweep as ever; the view is gone, the cursor is back, and no process stays."""
    app = make_app(WAITS)
    terminal = on_terminal(app, f"hydra.sweeper.n_jobs={n_jobs}")
    terminal.wait_for(rf"({ROW}.*){{{n_jobs}}}")
    terminal.type("\x03")
    assert terminal.finish() == 130
    assert terminal.shows_cursor
    assert "Interrupted." in terminal.text
    assert not re.search(rf"{ROW}|stopping", terminal.text)
    assert "All workers have stopped. Writing the results." in terminal.text
    assert n_workers_left(app) == 0


def test_second_ctrl_c_gives_the_terminal_back(make_app: MakeApp) -> None:
    """Code that survives the first Ctrl-C ends with the second one, and the cursor is back."""
    app = make_app("try:\n    time.sleep(60)\nexcept BaseException:\n    time.sleep(60)")
    terminal = on_terminal(app, "hydra.sweeper.n_jobs=2")
    terminal.wait_for(r"(\n  \d .*none yet.*){2}")
    terminal.type("\x03")
    terminal.wait_for(r"\^C")
    terminal.type("\x03")
    assert terminal.finish() == 130
    assert terminal.shows_cursor


def test_ctrl_z_shows_the_shell_its_cursor(make_app: MakeApp) -> None:
    """A stopped sweep leaves the terminal to the shell, and goes on with its view."""
    app = make_app(WAITS)
    terminal = Terminal(["bash", "--norc", "-i"], app.folder)
    terminal.type(shlex.join(app.command("--multirun", "hydra.sweep.dir=sweep", "hydra.sweeper.n_jobs=2")) + "\n")
    terminal.wait_for(rf"({ROW}.*){{2}}")
    terminal.type("\x1a")
    terminal.wait_for("Stopped")
    assert terminal.shows_cursor
    terminal.type("fg\n")
    terminal.wait_for(rf"Stopped[^$]*{ROW}")
    terminal.type("\x03")
    terminal.wait_for("Interrupted.")
    terminal.type("exit\n")
    assert terminal.finish() == 130
    assert n_workers_left(app) == 0


def test_sigterm_gives_the_terminal_back(make_app: MakeApp) -> None:
    """SIGTERM ends the sweep in good order, on a terminal, too."""
    app = make_app(WAITS)
    terminal = on_terminal(app, "hydra.sweeper.n_jobs=2")
    terminal.wait_for(rf"({ROW}.*){{2}}")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.finish() == 143
    assert terminal.shows_cursor
    assert n_workers_left(app) == 0


def test_a_dead_workers_last_words_are_shown(make_app: MakeApp) -> None:
    """What a worker printed before it was killed is there, beside the line that it died."""
    body = "n = HydraConfig.get().job.num\nprint(f'last words {n}', end='', flush=True)\n"
    app = make_app(body + "if n == 1: os.kill(os.getpid(), signal.SIGKILL)\ntime.sleep(0.5)")
    terminal = on_terminal(app, "hydra.sweeper.n_jobs=2", "hydra.sweeper.output=prefix")
    assert terminal.finish() == 0
    assert terminal.text.count("[1] last words 1\n") == 1
    assert "its worker was killed by SIGKILL. What it printed is in sweep/1/output.log." in terminal.text.replace(
        "\n", ""
    )
    assert terminal.shows_cursor


def test_an_error_is_shown_after_the_view(make_app: MakeApp) -> None:
    """A sweep that is given up ends with its one line on a terminal that is as before."""
    terminal = on_terminal(make_app("raise ValueError('broken')"), "hydra.sweeper.n_jobs=2")
    assert terminal.finish() == 1
    assert " ".join(terminal.text.split()).count("Its traceback is in") == 1
    assert terminal.shows_cursor


def test_a_breakpoint_has_the_terminal_for_itself(make_app: MakeApp) -> None:
    """With one worker the view goes away for a debugger, which works as ever."""
    app = make_app("secret = 6 * 7\ntime.sleep(1)\nif HydraConfig.get().job.num == 0: breakpoint()")
    terminal = on_terminal(app)
    terminal.wait_for(r"\n  0 .*none yet")
    terminal.wait_for(r"\(Pdb\)$")
    assert terminal.shows_cursor
    assert "last report" not in terminal.text
    terminal.type("p secret\n")
    terminal.wait_for(r"\n42\n")
    terminal.type("c\n")
    assert terminal.finish() == 0
    assert "Finished: 4 trials" in terminal.text


@pytest.mark.parametrize("setting", ["auto", "off"])
def test_a_question_has_the_terminal_for_itself(make_app: MakeApp, setting: str) -> None:
    """With one worker a function may ask the user, and the answers and what it prints then are seen at once."""
    app = make_app("print('first')\nprint('said', input('sure? ')) if HydraConfig.get().job.num == 1 else None")
    terminal = on_terminal(app, f"hydra.sweeper.progress={setting}", "hydra.sweeper.n_trials=3")
    terminal.wait_for(r"sure\?$")
    terminal.type("yes\n")
    terminal.wait_for(r"\nsaid yes\n")
    assert terminal.finish() == 0
    assert [line for line in terminal.text.splitlines() if "first" in line] == ["[0] first", "[1] first", "first"]
    assert app.path("1", "output.log").read_text() == "first\nsaid yes\n"
    assert app.path("2", "output.log").read_text() == "first\n"


def test_a_finished_study_has_no_view(app: App) -> None:
    """Where there is nothing to wait for, nothing is shown."""
    app.sweep()
    terminal = on_terminal(app)
    assert terminal.finish() == 0
    assert b"\x1b[?25l" not in terminal.raw
    assert "is finished: 4 of 4 trials" in terminal.text


def test_joblibs_workers_are_seen_too(make_app: MakeApp) -> None:
    """The study is what is watched: workers that another launcher runs show as well, and their output stays above."""
    terminal = on_terminal(
        make_app(PRINTS),
        "hydra/launcher=joblib",
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.n_trials=6",
        "hydra.sweeper.output=prefix",
    )
    terminal.wait_for(rf"{ROW}\S+")
    assert terminal.finish() == 0
    assert {mark: len(re.findall(mark, terminal.text)) for mark in MARKS} == dict.fromkeys(MARKS, 1)
    assert terminal.shows_cursor


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        pytest.param("hydra.sweeper.progress=fast", "Cannot use hydra.sweeper.progress='fast'", id="unknown"),
        pytest.param("hydra.sweeper.progress=3", "Cannot use hydra.sweeper.progress=3", id="number"),
    ],
)
def test_a_wrong_setting_is_refused(app: App, argument: str, message: str) -> None:
    """The setting is checked with all the others."""
    run = app.sweep(argument)
    assert run.code == 1
    assert message in run.err
    assert "give `auto`, `bar`, `log` or `off`" in run.err


def test_off_in_yaml_is_off(app: App) -> None:
    """YAML reads a bare `off` as false, which means the same."""
    run = app.sweep("hydra.sweeper.progress=false")
    assert run.code == 0, run.err
    assert " running; " not in run.out
