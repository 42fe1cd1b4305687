"""What trials print: kept in a file of each, and shown as lines."""

from __future__ import annotations

import builtins
import json
import os
import re
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from qgtune.processes.output.announcements import FILE, Announcement, announce_end, announce_start
from qgtune.processes.output.capture import captured
from qgtune.processes.output.dialogue import before_dialogue
from qgtune.progress.relay.followed import MOST_BYTES, TrialOutput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qgtune.progress.relay.followed import Style
    from tests.conftest import App
    from tests.sweep.sweeps import Sweep

    MakeApp = Callable[..., App]
    Start = Callable[..., Sweep]


class Trial:
    """A trial that prints into its file, as a worker's does."""

    def __init__(self, sweep: Path, number: int) -> None:
        self.sweep, self.number = sweep, number
        self.path = sweep / f"{number}.log"
        self.path.touch()
        announce_start(sweep, number, self.path, self.path.stat().st_size)

    def prints(self, data: bytes) -> None:
        """Add to the file."""
        with self.path.open("ab") as file:
            file.write(data)

    def ends(self) -> None:
        """Say that there is no more."""
        announce_end(self.sweep, self.number, self.path.stat().st_size)


@pytest.mark.parametrize(
    ("style", "lines"),
    [
        pytest.param("prefix", ["[7] one", "[12] two", "[7] \x1b[31mthree\x1b[0m\x1b[0m"], id="prefix"),
        pytest.param("plain", ["one", "two", "\x1b[31mthree\x1b[0m\x1b[0m"], id="plain"),
        pytest.param("mute", [], id="mute"),
    ],
)
def test_lines_are_shown_as_is_wanted(tmp_path: Path, style: Style, lines: list[str]) -> None:
    """Whole lines come out, in turns, with or without the trial's number, or not at all; colours are kept."""
    output = TrialOutput(tmp_path, style)
    seven, twelve = Trial(tmp_path, 7), Trial(tmp_path, 12)
    found = output.lines()
    for trial, data in ((seven, b"one\nthr"), (twelve, b"two\n"), (seven, b"\r\x1b[31mthree\x1b[0m\n")):
        trial.prints(data)
        found += output.lines()
    assert found + output.close() == lines


def test_colours_are_for_terminals(tmp_path: Path) -> None:
    """Where there is none, a line is bare text."""
    output = TrialOutput(tmp_path, has_colours=False)
    trial = Trial(tmp_path, 3)
    trial.prints(b"\x1b[31mred\x1b[0m\n")
    trial.ends()
    assert output.lines() == ["[3] red"]


def test_a_bar_comes_out_once(tmp_path: Path) -> None:
    """A line that is rewritten shows as the line that the trial is at, and comes out as it was in the end."""
    output = TrialOutput(tmp_path)
    trial = Trial(tmp_path, 3)
    assert output.lines() == []
    for percent in range(0, 100, 10):
        trial.prints(f"\r{percent}%".encode())
        assert output.lines() == []
        assert output.current() == {3: f"{percent}%"}
    trial.prints(b"\r100%\n")
    assert output.lines() == ["[3] 100%"]


def test_an_unfinished_last_line_comes_out_at_the_end(tmp_path: Path) -> None:
    """What has no line end is a line once the trial has ended, and not before."""
    output = TrialOutput(tmp_path)
    trial = Trial(tmp_path, 3)
    trial.prints(b"half")
    assert output.lines() == []
    trial.ends()
    assert output.lines() == ["[3] half"]
    assert output.current() == {}


def test_what_follows_the_end_is_for_readers_of_the_file(tmp_path: Path) -> None:
    """A traceback behind the function's output is not shown."""
    output = TrialOutput(tmp_path)
    trial = Trial(tmp_path, 3)
    trial.prints(b"said\n")
    trial.ends()
    trial.prints(b"Traceback\n")
    assert output.lines() + output.close() == ["[3] said"]


def test_only_what_comes_from_now_on_is_shown(tmp_path: Path) -> None:
    """Neither trials of an earlier run of the sweep, nor what a file had before this attempt."""
    old = Trial(tmp_path, 1)
    old.prints(b"old\n")
    output = TrialOutput(tmp_path)
    again = Trial(tmp_path, 1)
    again.prints(b"new\n")
    again.ends()
    assert output.lines() == ["[1] new"]


def test_more_than_anybody_reads_is_passed_over(tmp_path: Path) -> None:
    """Of a flood the end is shown, from the start of a line, and where the rest is."""
    output = TrialOutput(tmp_path)
    trial = Trial(tmp_path, 5)
    output.lines()
    trial.prints(b"first\n" + b"x" * 99 + b"\n" + b"".join(b"%07d\n" % n for n in range(100_000)))
    trial.ends()
    lines = output.lines()
    assert re.fullmatch(r"\[5\] \(525 KiB more are in .*5\.log\)", lines[0])
    assert lines[-1] == "[5] 0099999"
    assert all(re.fullmatch(r"\[5\] \d{7}", line) for line in lines[1:])
    assert len(lines) <= MOST_BYTES // 8 + 1


def test_a_muted_trial_is_still_known_by_its_last_line(tmp_path: Path) -> None:
    """A view shows what a trial is at, whatever it printed before."""
    output = TrialOutput(tmp_path, "mute")
    trial = Trial(tmp_path, 5)
    output.lines()
    trial.prints(b"\x00\xff" * 500_000 + b"\nepoch 3")
    assert output.lines() == []
    assert output.current() == {5: "epoch 3"}


def test_a_file_that_is_not_seen_here_is_no_error(tmp_path: Path) -> None:
    """A worker of another host may write where this one cannot look; and what is torn is passed over."""
    output = TrialOutput(tmp_path)
    announce_start(tmp_path, 3, tmp_path / "elsewhere" / "output.log", 0)
    with (tmp_path / FILE).open("a") as file:
        file.write('{"trial": 4, "fi{"trial": 5, "end": 0}\n{"trial": 6}\nnull\n')
    assert output.lines() == []
    announce_end(tmp_path, 3, 100)
    assert output.lines() + output.close() == []


def test_an_emptied_file_goes_on(tmp_path: Path) -> None:
    """A function may write a file of that name itself."""
    output = TrialOutput(tmp_path)
    trial = Trial(tmp_path, 3)
    trial.prints(b"before\n")
    output.lines()
    assert output.lines() == ["[3] before"]
    os.truncate(trial.path, 0)
    assert output.lines() == []
    trial.prints(b"after\n")
    assert output.lines() == ["[3] after"]


def test_a_process_that_is_gone_is_known() -> None:
    """Only of this host can a process be known to be gone."""
    process = subprocess.Popen(["true"])
    process.wait()
    here = os.uname().nodename
    assert Announcement(1, "f", here, process.pid).is_dead()
    assert not Announcement(1, "f", here, os.getpid()).is_dead()
    assert not Announcement(1, "f", "elsewhere", process.pid).is_dead()


def test_a_choice_that_is_left_to_us_follows_the_view(tmp_path: Path) -> None:
    """Several trials have rows in a view that show where each is: then none of their lines is shown."""
    styles = []
    for has_rows in (True, False):
        output = TrialOutput(tmp_path, "auto")
        output.settle(has_rows=has_rows)
        styles.append(output.style)
    assert styles == ["mute", "prefix"]


def test_output_that_cannot_be_kept_is_printed_as_ever(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever stands in the place of the file costs no trial, and is named."""
    (tmp_path / "7" / "output.log").mkdir(parents=True)
    with captured(tmp_path, 7, tmp_path / "7") as capture:
        assert capture is None
    assert "The output of trial 7 is not kept: [Errno 21] Is a directory" in caplog.text


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    """A link in the place of the file leads nowhere."""
    (tmp_path / "output.log").symlink_to(tmp_path / "precious")
    with captured(tmp_path, 7, tmp_path):
        pass
    assert not (tmp_path / "precious").exists()


def test_the_file_follows_the_umask(tmp_path: Path) -> None:
    """Who may read it is the user's choice."""
    before = os.umask(0o027)
    try:
        with captured(tmp_path, 7, tmp_path / "7"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "7" / "output.log").stat().st_mode) == 0o640


def test_streams_that_have_no_descriptor_are_kept_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a notebook or a test prints goes to both, and all is as before in the end."""
    before = sys.stdout
    with captured(tmp_path, 7, tmp_path):
        print("printed")
        sys.stderr.writelines(["to ", "the other\n"])
        kept = sys.stdout
        os.write(1, b"raw\n")
    assert sys.stdout is before
    print("after", file=kept)
    assert (tmp_path / "output.log").read_text() == "printed\nto the other\nraw\n"
    assert capsys.readouterr() == ("printed\nafter\n", "to the other\n")


def test_a_debugger_keeps_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a debugger at work the descriptors stay, and the file has a copy of what Python prints."""
    monkeypatch.setattr(sys, "gettrace", lambda: print)
    with captured(tmp_path, 7, tmp_path):
        print("printed")
        os.write(1, b"raw\n")
    assert (tmp_path / "output.log").read_text() == "printed\n"
    assert sorted(capfd.readouterr().out.split()) == ["printed", "raw"]
    assert not (tmp_path / FILE).exists()


def test_a_question_has_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever calls `input` gets ready first; afterwards it is as it was."""
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "yes"

    monkeypatch.setattr(builtins, "input", answer)
    before = builtins.input
    with before_dialogue(lambda: asked.append("ready")):
        assert input("sure? ") == "yes"
    assert asked == ["ready", "sure? "]
    assert builtins.input is before


NOISE = """
import ctypes, logging, subprocess, warnings
from multiprocessing import get_context

number = HydraConfig.get().job.num
print("python")
print("python err", file=sys.stderr)
os.write(1, b"raw\\n")
os.write(2, b"raw err\\n")
ctypes.CDLL(None).printf(b"c\\n")
subprocess.run(["sh", "-c", "echo child; echo child err >&2"])
child = get_context("fork").Process(target=print, args=("forked",))
child.start()
child.join()
logging.getLogger("x").warning("logged")
warnings.warn("warned", FutureWarning)
os.write(1, bytes(range(128, 256)) + b"\\n")
ctypes.CDLL(None).printf(b"c at the end\\n")
print("unfinished", end="")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        pytest.param(("hydra.sweeper.n_jobs=1",), id="in-process"),
        pytest.param(("hydra.sweeper.n_jobs=2",), id="processes"),
        pytest.param(("hydra.sweeper.n_jobs=2", "hydra/launcher=joblib"), id="joblib"),
    ],
)
def test_each_trials_output_is_in_its_folder(make_app: MakeApp, how: tuple[str, ...]) -> None:
    """Whoever prints, and however, each line is in the file of its trial, in order, and in no other."""
    app = make_app(NOISE)
    run = app.sweep(*how, "hydra.sweeper.output=mute", "hydra.sweeper.n_trials=2")
    assert run.code == 0, run.err
    for number in range(2):
        lines = app.path(str(number), "output.log").read_bytes().splitlines()
        assert lines[:4] == [b"python", b"python err", b"raw", b"raw err"]
        assert lines[4:8] == [b"c", b"child", b"child err", b"forked"]
        assert lines[8].endswith(b"[x][WARNING] - logged")
        assert b"FutureWarning: warned" in lines[9]
        assert lines[-3:] == [bytes(range(128, 256)), b"c at the end", b"unfinished"]
    assert "python" not in run.out + run.err
    assert "trial 1: " in run.out


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_lines_of_a_sweep_never_glue_to_those_of_a_job(make_app: MakeApp, n_jobs: int) -> None:
    """A job's unfinished line is a line of its own, with its number; with one worker all stand in order."""
    app = make_app("print(f'mark {HydraConfig.get().job.num}', end='')\ntime.sleep(0.3)")
    run = app.sweep(f"hydra.sweeper.n_jobs={n_jobs}", "hydra.sweeper.output=prefix")
    assert run.code == 0, run.err
    lines = run.out.splitlines()
    assert [line for line in lines if "mark" in line and not re.fullmatch(r"\[\d\] mark \d", line)] == []
    assert sorted(line for line in lines if "mark" in line) == [f"[{n}] mark {n}" for n in range(4)]
    if n_jobs == 1:
        told = [line.split("] ")[-1][:7] for line in lines if "mark" in line or re.search(r"trial \d: ", line)]
        assert told == [text for n in range(4) for text in (f"mark {n}", f"trial {n}")]


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_traceback_is_in_the_file_and_not_on_the_terminal(make_app: MakeApp, n_jobs: int) -> None:
    """What a function raised stands behind what it printed."""
    app = make_app("print('said', end='')\nif HydraConfig.get().job.num == 1: raise ValueError('broken')")
    run = app.sweep(f"hydra.sweeper.n_jobs={n_jobs}")
    assert run.code == 0, run.err
    text = app.path("1", "output.log").read_text()
    assert text.startswith("said\nTraceback (most recent call last):\n")
    assert text.endswith("ValueError: broken\n")
    assert "Traceback" not in run.out + run.err
    assert "trial 1 failed: ValueError: broken" in run.out


@pytest.mark.slow
def test_a_failure_names_the_output_where_jobs_have_no_log(make_app: MakeApp) -> None:
    """Without a log file of Hydra's the traceback is in the output."""
    run = make_app("raise LookupError('gone')").sweep("hydra/job_logging=none", "hydra.sweeper.n_trials=3")
    assert run.code == 1
    assert "failed: LookupError: gone. Its traceback is in sweep/2/output.log." in run.err


@pytest.mark.slow
def test_a_child_that_lives_on_holds_up_nothing(make_app: MakeApp) -> None:
    """A process that a trial leaves behind keeps the file, and neither the worker nor the sweep waits for it."""
    app = make_app("import subprocess\nprint('pid', subprocess.Popen(['sleep', '300'], start_new_session=True).pid)")
    run = app.sweep("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=2", "hydra.sweeper.output=mute")
    for number in range(2):
        with suppress(ProcessLookupError):  # a worker that is slow to end is ended with all that it has started
            os.kill(int(app.path(str(number), "output.log").read_text().split()[1]), signal.SIGKILL)
    assert run.code == 0, run.err


@pytest.mark.slow
def test_much_output_is_kept_whole(make_app: MakeApp) -> None:
    """A line of 5 MB and a hundred MB cost no byte of the file, and are not all printed."""
    app = make_app("print('x' * 5_000_000)\nfor _ in range(100): os.write(2, b'y' * 999_999 + b'\\n')")
    run = app.sweep("hydra.sweeper.n_trials=1", "hydra.sweeper.output=prefix")
    assert run.code == 0, run.err
    assert app.path("0", "output.log").stat().st_size == 5_000_001 + 100_000_000
    assert "KiB more are in sweep/0/output.log)" in run.out
    assert len(run.out) < 60_000_000


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("progress", ["log", "off"])
def test_ctrl_c_says_what_happens_until_the_end(make_app: MakeApp, start: Start, n_jobs: int, progress: str) -> None:
    """While functions take their time to stop, lines say what is waited for; then, that the results are written."""
    app = make_app(
        "Path(__file__).with_name(f'started-{HydraConfig.get().job.num}').touch()\n"
        "try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    time.sleep(4)\n    raise"
    )
    sweep = start(app, f"hydra.sweeper.n_jobs={n_jobs}", f"hydra.sweeper.progress={progress}")
    sweep.wait_until_started(*range(n_jobs))
    sweep.ctrl_c()
    assert sweep.end() == 130
    said = sweep.output.read_text()
    trials = "1 trial" if n_jobs == 1 else "2 trials"
    assert re.search(rf"\[HYDRA\] Stopping: waiting for {trials} to stop, 0 s; Ctrl-C again ends all at once\.", said)
    assert re.search(rf"\[HYDRA\] Stopping: waiting for {trials} to stop, [3-9] s", said)
    assert said.index("Stopping") < said.index("Writing the results") < said.index("Finished: ")


@pytest.mark.parametrize(
    "argument",
    [pytest.param("hydra.sweeper.output=loud", id="unknown"), pytest.param("hydra.sweeper.output=3", id="3")],
)
@pytest.mark.slow
def test_a_wrong_setting_is_refused(app: App, argument: str) -> None:
    """The setting is checked with all the others."""
    run = app.sweep(argument)
    assert run.code == 1
    assert json.dumps(argument.partition("=")[2]).strip('"') in run.err
    assert "Cannot use hydra.sweeper.output=" in run.err
