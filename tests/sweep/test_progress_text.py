"""The words that say how a study stands, and when."""

from __future__ import annotations

import pytest

from qgtune.progress.wording import LogSchedule, duration, log_line, time_left
from qgtune.study.status import Activity, Status

RUNNING = (Activity(None, 12, 3.0), Activity(None, 13, 1.0))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(-1.0, "0 s", id="negative"),
        pytest.param(0.4, "0 s", id="nothing"),
        pytest.param(89.0, "89 s", id="seconds"),
        pytest.param(90.0, "2 min", id="minutes"),
        pytest.param(240.0, "4 min", id="some-minutes"),
        pytest.param(5400.0, "1.5 h", id="hours"),
        pytest.param(86400.0, "24.0 h", id="a-day"),
        pytest.param(5 * 86400.0, "5.0 days", id="days"),
    ],
)
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    """A time span has one number and the unit that fits."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("left_s", "is_bound", "text"),
    [
        pytest.param(None, False, "time left unknown", id="unknown"),
        pytest.param(0.2, False, "nearly done", id="none"),
        pytest.param(240.0, False, "about 4 min left", id="estimate"),
        pytest.param(240.0, True, "at most 4 min left", id="deadline"),
    ],
)
def test_time_left_says_what_it_is(left_s: float | None, is_bound: object, text: str) -> None:
    """An estimate, a bound and not knowing read differently."""
    assert time_left(Status(40, left_s=left_s, is_bound=bool(is_bound))) == text


def test_time_left_that_counts_imports_says_so() -> None:
    """While only first trials of processes are known, the time is rather too long."""
    assert time_left(Status(40, left_s=240.0, is_rough=True)) == "up to about 4 min left"


@pytest.mark.parametrize(
    ("status", "line"),
    [
        pytest.param(
            Status(40, 8, 3, 1, RUNNING, best=(0.983, 7), left_s=240.0, elapsed_s=95.0),
            "12 of 40 trials (8 complete, 3 pruned, 1 failed), 2 running; best 0.983 (trial 7); 2 min elapsed, about "
            "4 min left",
            id="best",
        ),
        pytest.param(
            Status(40),
            "0 of 40 trials (0 complete, 0 pruned, 0 failed), 0 running; 0 s elapsed, time left unknown",
            id="none-yet",
        ),
        pytest.param(
            Status(40, 5, n_pareto=3, left_s=60.0),
            "5 of 40 trials (5 complete, 0 pruned, 0 failed), 0 running; 3 Pareto-optimal; 0 s elapsed, about 60 s "
            "left",
            id="several-objectives",
        ),
    ],
)
def test_log_line_says_everything(status: Status, line: str) -> None:
    """One line holds the counts, the best value and the time left."""
    assert log_line(status) == line


def test_lines_are_due_at_a_new_best_and_after_a_silence() -> None:
    """A line comes at each new best value, which it says is new, and when none came for a period."""
    schedule = LogSchedule(30.0, last_s=0.0)
    first, better = Status(9, 1, best=(2.0, 0)), Status(9, 2, best=(1.0, 1))
    assert schedule.line(Status(9), 29.0) == ""
    assert "0 of 9" in schedule.line(Status(9), 30.0)
    assert "; new best 2 (trial 0); " in schedule.line(first, 31.0)
    assert schedule.line(first, 60.0) == ""
    assert "; best 2 (trial 0); " in schedule.line(first, 61.0)
    assert "; new best 1 (trial 1); " in schedule.line(better, 62.0)


def test_no_line_is_due_at_the_end() -> None:
    """When the last trial is finished, the sweep's own summary says it all."""
    assert LogSchedule(30.0, last_s=0.0).line(Status(1, 1, best=(2.0, 0)), 99.0) == ""
