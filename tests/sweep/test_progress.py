"""When and where progress is shown, and what happens when it cannot be."""

from __future__ import annotations

import io
import logging
import os
import select
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from optuna.trial import Trial

from qgtune.processes.output.dialogue import is_debugged
from qgtune.progress.lines import LogLines
from qgtune.progress.relay.own_output import OwnStreams
from qgtune.progress.show import Bar, chosen_mode, has_terminal
from qgtune.progress.view import LiveView
from qgtune.progress.watched import Budget, Watched
from qgtune.study.attempts.limits import Limits
from qgtune.study.objectives import Objectives
from qgtune.study.opening import open_session
from qgtune.study.outcome import completed
from qgtune.study.spec import StudySpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qgtune.study.session import Session
    from qgtune.study.status import Status

TIMEOUT_S = 60.0


@pytest.mark.parametrize(
    ("setting", "terminal", "debugger", "mode"),
    [
        pytest.param("auto", True, False, "bar", id="auto-on-a-terminal"),
        pytest.param("auto", False, False, "log", id="auto-elsewhere"),
        pytest.param("auto", True, True, "log", id="auto-under-a-debugger"),
        pytest.param("bar", True, True, "bar", id="bar-under-a-debugger"),
        pytest.param("bar", False, False, "log", id="bar-elsewhere"),
        pytest.param("log", True, False, "log", id="log"),
        pytest.param("off", True, False, "off", id="off"),
    ],
)
def test_mode_follows_the_setting_and_the_terminal(setting: str, terminal: object, debugger: object, mode: str) -> None:
    """A live view needs a terminal, and by default leaves that to a debugger."""
    assert chosen_mode(setting, has_terminal=bool(terminal), is_debugged=bool(debugger)) == mode


@pytest.mark.parametrize(
    ("now_s", "spent_s", "next_s"),
    [
        pytest.param(0.0, 0.09, 0.5, id="the-first-look-is-free"),
        pytest.param(0.0, 0.13, 3.0, id="a-dear-first-look"),
        pytest.param(100.0, 0.5, 100.5, id="cheap"),
        pytest.param(100.0, 1.12, 102.0, id="as-much-as-allowed"),
        pytest.param(100.0, 9.0, 105.0, id="not-too-long"),
    ],
)
def test_budget_keeps_to_its_share(now_s: float, spent_s: float, next_s: float) -> None:
    """The next look is when the looks so far are a hundredth of the time, within bounds."""
    assert Budget(0.0, 0.5, 5.0).next_s(now_s, spent_s) == pytest.approx(next_s)


def test_a_traced_process_is_debugged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace function, as debuggers set it, is noticed."""
    monkeypatch.setattr(sys, "gettrace", lambda: print)
    assert is_debugged()


def test_a_dumb_terminal_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that cannot move its cursor gets no live view."""
    monkeypatch.setenv("TERM", "dumb")
    assert not has_terminal()


def test_captured_output_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that goes elsewhere than to descriptor 1 is not ours to draw on."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not has_terminal()


@pytest.fixture
def session() -> Session:
    """Return a study in memory that wants three trials."""
    return open_session(StudySpec("s", None), Limits(3))


def claim(session: Session) -> Trial:
    """Claim a trial."""
    trial = session.next_trial()
    assert isinstance(trial, Trial)
    return trial


class Lines(logging.Handler):
    """Keeps log lines, and knows when the first came."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.came = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.lines.append(record.getMessage())
        self.came.set()


@pytest.fixture
def handler() -> Iterator[Lines]:
    """Return a handler at the root, where Hydra's are."""
    logging.getLogger().addHandler(lines := Lines())
    logging.getLogger("qgtune").setLevel(logging.INFO)
    yield lines
    logging.getLogger().removeHandler(lines)


def test_log_lines_come_from_a_thread(session: Session, handler: Lines) -> None:
    """The study is looked at in the background, and a line is logged when one is due."""
    logged = LogLines(Watched(session, 1), period_s=0.0)
    logging.getLogger().removeHandler(handler)  # as when a job in this process brings its own
    thread = threading.Thread(target=logged.run)
    thread.start()
    session.finish(claim(session), completed(0.25, Objectives()))
    assert handler.came.wait(TIMEOUT_S)
    logged.stop()
    thread.join()
    assert handler.lines[0].startswith("1 of 3 trials (1 complete, 0 pruned, 0 failed), 0 running; ")
    assert "best 0.25 (trial 0)" in handler.lines[0]


class BrokenView(LiveView):
    """A view on a terminal that cannot be painted."""

    def paint(self, status: Status | None, lines: Sequence[str], current: Mapping[int, str]) -> None:
        """Fail."""
        raise RuntimeError(f"no paint for {len(lines)} lines, {status}, {current}")


def test_a_broken_view_loses_no_output(session: Session) -> None:
    """When the view fails, the jobs' output goes on, and a line says so."""
    outer, inner = os.openpty()
    streams = OwnStreams((1,))
    bar = Bar(Watched(session, 1), BrokenView(inner, "s"), streams)
    thread = threading.Thread(target=bar.run)
    thread.start()
    sys.stdout.write("still here\n")
    bar.stop()
    thread.join()
    written = b""
    with suppress(OSError):  # the view has closed the other end: that is the end of all
        while select.select([outer], [], [], 5)[0]:
            written += os.read(outer, 1 << 16)
    assert b"The live view stopped: no paint" in written
    assert b"still here" in written


def test_an_unreadable_study_ends_nothing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study that cannot be read just now is looked at again; the workers say what is wrong."""
    watched = Watched(session, 1)
    monkeypatch.setattr(session.study, "get_trials", _fails)
    logged = LogLines(watched, period_s=0.0)
    thread = threading.Thread(target=logged.run)
    thread.start()
    time.sleep(0.05)
    assert thread.is_alive()
    logged.stop()
    thread.join()


def _fails(**_options: object) -> None:
    raise OSError("gone")


def test_own_streams_take_what_is_printed_and_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints and log handlers that hold the old stream go to the view, and come back after it."""
    handler = logging.StreamHandler(sys.stdout)
    logging.getLogger("test_progress").addHandler(handler)
    streams = OwnStreams((1, 2))
    print("printed")
    logging.getLogger("test_progress").error("logged")
    print("to the other", file=sys.stderr)
    print("half a line", end="")
    kept = sys.stdout
    assert streams.lines() == ["printed", "logged", "to the other"]
    assert streams.current() == {os.getpid(): "half a line"}
    assert streams.close() == ["half a line"]
    assert handler.stream is sys.stdout is not kept
    print("after", file=kept)
    assert capsys.readouterr().out == "after\n"
    logging.getLogger("test_progress").removeHandler(handler)
