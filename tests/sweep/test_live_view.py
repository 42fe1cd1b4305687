"""The lines of the live view, on terminals of any size."""

from __future__ import annotations

import os
import pty
import select
import socket
from dataclasses import replace

import pyte
import pytest

from qgtune.progress.table import short_names
from qgtune.progress.view import LiveView, speaks_ascii, terminal_size, view
from qgtune.study.attempts.owner import Owner
from qgtune.study.status import Activity, Status

HERE = socket.gethostname()
PARAMETERS = {"training.lr": 0.00123, "model.dropout": 0.25, "training.batch_size": 64, "model.name": "resnet"}


def status(n_active: int = 2) -> Status:
    """Return a study in the middle."""
    active = tuple(
        Activity(Owner(HERE, 100 + index, None, HERE), 12 + index, 3.0, index, 0.5 + index, PARAMETERS, 2.0)
        for index in range(n_active)
    )
    return Status(40, 8, 3, 1, active, best=(0.983, 7), left_s=240.0, elapsed_s=95.0)


def shown(
    found: Status, columns: int = 100, rows: int = 30, current: dict[int, str] | None = None, *, is_ascii: bool = False
) -> list[str]:
    """Return the view's lines as text."""
    lines = view(found, "train", columns, rows, current or {}, is_ascii=is_ascii)
    return [line.plain.rstrip() for line in lines]


def test_view_says_everything() -> None:
    """The counts, the best value, the times, and of each trial what it has, has reported and prints."""
    assert shown(status(), current={13: "epoch 3"}) == [
        "",
        "train  " + "━" * 12 + "─" * 28 + "  12 of 40  2 min elapsed, about 4 min left",
        "8 complete, 3 pruned, 1 failed  2 running  best 0.983 (trial 7)",
        "  trial  lr       dropout  batch_size  name    last report  age",
        "  12     0.00123  0.25     64          resnet  step 0: 0.5  3 s",
        "  13     0.00123  0.25     64          resnet  step 1: 1.5  3 s  epoch 3",
    ]


def test_wide_view_says_more() -> None:
    """On 160 columns there is room for the process and how old a report is, and the bar is longer."""
    assert shown(status(), columns=160)[1:] == [
        "train  " + "━" * 15 + "─" * 38 + "  12 of 40  2 min elapsed, about 4 min left",
        "8 complete, 3 pruned, 1 failed  2 running  best 0.983 (trial 7)",
        "  trial  process  lr       dropout  batch_size  name    last report           age",
        "  12     100      0.00123  0.25     64          resnet  step 0: 0.5, 2 s ago  3 s",
        "  13     101      0.00123  0.25     64          resnet  step 1: 1.5, 2 s ago  3 s",
    ]


def test_view_is_plain_ascii_where_the_terminal_is() -> None:
    """No glyph of ours is another one, nor of what jobs print; bars of theirs stay bars."""
    lines = shown(status(), columns=80, current={12: " 40%|██▌  | größe " + "x" * 30}, is_ascii=True)
    assert lines[1] == "train  #########---------------------  12 of 40  2 min elapsed, about 4 min left"
    assert lines[4] == "  12     0.00123  0.25     step 0: 0.5  3 s  40%|### | gr??e xxxxx"


@pytest.mark.parametrize(
    ("environment", "is_ascii"),
    [
        pytest.param({"LANG": "de_DE.UTF-8"}, False, id="utf-8"),
        pytest.param({"LANG": "C.utf8"}, False, id="c-utf-8"),
        pytest.param({"LANG": "C"}, True, id="c"),
        pytest.param({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True, id="c-coerced-by-python"),
        pytest.param({"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, True, id="lc-all-wins"),
        pytest.param({"LANG": "en_US.ISO-8859-1", "LC_CTYPE": "en_US.UTF-8"}, False, id="lc-ctype-wins"),
        pytest.param({}, True, id="nothing-chosen"),
    ],
)
def test_the_locale_says_whether_a_terminal_is_plain(environment: dict[str, str], is_ascii: object) -> None:
    """The user's locale counts, not the one that Python puts in its place."""
    assert speaks_ascii(environment) == is_ascii


def test_a_new_best_is_marked() -> None:
    """A value that became the best a moment ago says so."""
    assert "  new best 0.983 (trial 7)" in shown(replace(status(), is_new_best=True))[2]


@pytest.mark.parametrize(
    ("n_stopping", "said"),
    [
        pytest.param(2, "stopping: waiting for 2 trials to stop, 6 s; Ctrl-C again ends all at once", id="two"),
        pytest.param(1, "stopping: waiting for 1 trial to stop, 6 s; Ctrl-C again ends all at once", id="one"),
        pytest.param(0, "stopping: ending the workers, 6 s; Ctrl-C again ends all at once", id="none-left"),
    ],
)
def test_a_view_that_stops_says_what_it_waits_for(n_stopping: int, said: str) -> None:
    """From the first signal on the head says what is done, and for how long."""
    lines = shown(replace(status(n_stopping), stopping_s=6.0, n_stopping=n_stopping))
    assert lines[1] == said
    assert len(lines) == 3 + (n_stopping and n_stopping + 1)


def test_names_are_as_short_as_they_can_be() -> None:
    """The last part of a path, and more where two would be called the same."""
    names = short_names(["training.lr", "model.nn.0.out_dim", "model.nn.1.out_dim", "a.dim", "b.xdim", "lr2"])
    assert list(names.values()) == ["lr", "0.out_dim", "1.out_dim", "dim", "xdim", "lr2"]


def test_hyperparameters_of_one_branch_leave_the_others_cell_empty() -> None:
    """Trials that have other hyperparameters stand in one table, and long values are cut at their start."""
    one = Activity(None, 1, 3.0, parameters={"o.lr": 1e-4, "path": "/a/very/long/path/to/data"})
    other = Activity(None, 2, 3.0, parameters={"o.lr": 0.5, "o.momentum": 0.9})
    assert shown(Status(9, active=(one, other)), columns=105)[3:] == [
        "  trial  process    lr      path              momentum  last report  age",
        "  1      elsewhere  0.0001  …ng/path/to/data            none yet     3 s",
        "  2      elsewhere  0.5                       0.9       none yet     3 s",
    ]


@pytest.mark.parametrize("columns", [1, 5, 20, 40, 60, 100, 160])
@pytest.mark.parametrize("rows", [1, 2, 5, 12, 24, 60])
def test_view_fits(columns: int, rows: int) -> None:
    """No line is wider than the terminal, and at least half of it is left to the jobs' output."""
    lines = view(status(50), "a rather long name of a study", columns, rows, {100: "x" * 300})
    assert all(line.cell_len <= columns for line in lines)
    assert 1 <= len(lines) <= max(1, rows // 2)


def test_narrow_view_leaves_out_the_less_important() -> None:
    """On 40 columns the name and the elapsed time go, and the facts take more lines."""
    assert shown(status(), columns=40) == [
        "",
        "━━━─────────  12 of 40  about 4 min left",
        "8 complete, 3 pruned, 1 failed",
        "2 running  best 0.983 (trial 7)",
        "  trial  last report  age",
        "  12     step 0: 0.5  3 s",
        "  13     step 1: 1.5  3 s",
    ]


def test_more_trials_than_rows_are_counted() -> None:
    """The first ones are shown, and how many are left."""
    lines = shown(status(50), rows=20)
    assert lines[-1] == "  +45 more"
    assert len(lines) == 10


def test_progress_bars_of_jobs_are_shortened() -> None:
    """A bar as wide as the terminal does not hide the numbers after it."""
    line = shown(status(1), current={12: " 40%|" + "█" * 30 + " " * 40 + "| 4/10 [00:04<00:06]"}, columns=105)[-1]
    assert line.endswith(" 40%|█████ | 4/10 [00:04<00:06]")


@pytest.mark.parametrize(
    ("owner", "label"),
    [
        pytest.param(Owner("another-place", 7, None, "elsewhere.example"), "elsewhere.example:7", id="other-host"),
        pytest.param(None, "elsewhere", id="unknown"),
    ],
)
def test_trials_of_others_are_told_apart(owner: Owner | None, label: str) -> None:
    """A trial of another host, or of code that is not ours, says so."""
    assert label in shown(Status(9, active=(Activity(owner, 3, 1.0),)))[-1]


def test_view_without_running_trials_says_what_it_waits_for() -> None:
    """While the workers start, the view says that there is nothing yet."""
    assert shown(Status(9))[-1] == "waiting for a trial to start"


def read(descriptor: int) -> bytes:
    """Return all that a closed terminal still holds."""
    data = b""
    try:
        while chunk := os.read(descriptor, 1 << 16):
            data += chunk
    except OSError:
        pass
    return data


def test_a_plain_terminal_gets_ascii_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a locale without UTF-8 the view itself is bytes that any terminal shows."""
    monkeypatch.setenv("LC_ALL", "C")
    outer, inner = pty.openpty()
    painted = LiveView(inner, "größe")
    painted.paint(status(), [], {12: "größe"})
    painted.close()
    written = read(outer)
    assert b"gr??e" in written
    assert written.isascii()


def test_painted_lines_stay_above_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """What jobs print stays, in order; the view is below it and goes away in the end, and the cursor comes back."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    outer, inner = pty.openpty()
    screen = pyte.Screen(80, 24)
    painted = LiveView(inner, "train")
    painted.paint(status(), ["one", "\x1b[31mtwo\x1b[0m"], {})
    painted.paint(status(), [], {})
    painted.paint(status(1), ["three " + "x" * 100], {})
    stream = pyte.ByteStream(screen)
    while not any("three" in line for line in screen.display) or not screen.cursor.hidden:
        stream.feed(os.read(outer, 1 << 16))  # the system passes it on in its own time
    while select.select([outer], [], [], 0.1)[0]:
        stream.feed(os.read(outer, 1 << 16))
    before = [line.rstrip() for line in screen.display]
    assert before[:4] == ["one", "two", "three " + "x" * 74, "x" * 26]
    assert before[5].startswith("train  ━")
    assert sum(line.startswith("train ") for line in before) == 1
    assert screen.cursor.hidden
    painted.close()
    pyte.Stream(screen).feed(read(outer).decode())
    assert [line.rstrip() for line in screen.display if line.strip()] == before[:4]
    assert not screen.cursor.hidden


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR the view has none."""
    monkeypatch.setenv("NO_COLOR", "1")
    outer, inner = pty.openpty()
    painted = LiveView(inner, "train")
    painted.paint(status(), [], {})
    painted.close()
    assert b"\x1b[3" not in read(outer)


def test_terminal_without_a_size_counts_as_a_common_one() -> None:
    """A terminal that does not know its size is taken to be 80 by 24."""
    _, inner = pty.openpty()
    assert terminal_size(inner) == (80, 24)
    os.close(inner)
