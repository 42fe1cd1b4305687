"""The lines of the live view, on terminals of any size."""

from __future__ import annotations

import os
import pty
import socket

import pyte
import pytest

from qgtune.progress.view import LiveView, terminal_size, view
from qgtune.study.attempts.owner import Owner
from qgtune.study.status import Activity, Status

HERE = socket.gethostname()


def status(n_active: int = 2) -> Status:
    """Return a study in the middle."""
    active = tuple(
        Activity(Owner(HERE, 100 + index, None, HERE), 12 + index, 3.0, index, 0.5 + index) for index in range(n_active)
    )
    return Status(40, 8, 3, 1, active, best=(0.983, 7), left_s=240.0)


def shown(found: Status, columns: int = 100, rows: int = 30, current: dict[int, str] | None = None) -> list[str]:
    """Return the view's lines as text."""
    return [line.plain.rstrip() for line in view(found, "train", columns, rows, current or {})]


def test_view_says_everything() -> None:
    """On a wide terminal: the counts, the best value, the time left, and what each worker does and prints."""
    assert shown(status(), current={101: "epoch 3"}) == [
        "",
        "train  " + "━" * 12 + "─" * 28 + "  12 of 40  about 4 min left",
        "8 complete, 3 pruned, 1 failed  2 running  best 0.983 (trial 7)",
        "  worker 100  trial 12  step 0: 0.5  3 s",
        "  worker 101  trial 13  step 1: 1.5  3 s  epoch 3",
    ]


@pytest.mark.parametrize("columns", [1, 5, 20, 40, 60, 100, 160])
@pytest.mark.parametrize("rows", [1, 2, 5, 12, 24, 60])
def test_view_fits(columns: int, rows: int) -> None:
    """No line is wider than the terminal, and at least half of it is left to the jobs' output."""
    lines = view(status(50), "a rather long name of a study", columns, rows, {100: "x" * 300})
    assert all(line.cell_len <= columns for line in lines)
    assert 1 <= len(lines) <= max(1, rows // 2)


def test_narrow_view_leaves_out_the_less_important() -> None:
    """On 40 columns the name goes, and the facts take more lines."""
    assert shown(status(), columns=40) == [
        "",
        "━━━─────────  12 of 40  about 4 min left",
        "8 complete, 3 pruned, 1 failed",
        "2 running  best 0.983 (trial 7)",
        "100  trial 12  step 0: 0.5  3 s",
        "101  trial 13  step 1: 1.5  3 s",
    ]


def test_more_workers_than_rows_are_counted() -> None:
    """The first ones are shown, and how many are left."""
    lines = shown(status(50), rows=20)
    assert lines[-1] == "  +44 more"
    assert len(lines) == 10


def test_progress_bars_of_jobs_are_shortened() -> None:
    """A bar as wide as the terminal does not hide the numbers after it."""
    line = shown(status(1), current={100: " 40%|" + "█" * 30 + " " * 40 + "| 4/10 [00:04<00:06]"})[-1]
    assert line.endswith(" 40%|█████ | 4/10 [00:04<00:06]")


@pytest.mark.parametrize(
    ("owner", "label"),
    [
        pytest.param(
            Owner("another-place", 7, None, "elsewhere.example"), "worker elsewhere.example:7", id="other-host"
        ),
        pytest.param(None, "worker elsewhere", id="unknown"),
    ],
)
def test_workers_of_others_are_told_apart(owner: Owner | None, label: str) -> None:
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


def test_painted_lines_stay_above_the_view() -> None:
    """What jobs print stays, in order; the view is below it and goes away in the end, and the cursor comes back."""
    outer, inner = pty.openpty()
    screen = pyte.Screen(80, 24)
    painted = LiveView(inner, "train")
    painted.paint(status(), ["one", "\x1b[31mtwo\x1b[0m"], {})
    painted.paint(status(), [], {})
    painted.paint(status(1), ["three " + "x" * 100], {})
    pyte.Stream(screen).feed(os.read(outer, 1 << 16).decode())
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
