"""Which worker ran which trial, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qgtune.results.report.figures.plot import KINDS, LEGEND, Plot, Plots, escaped
from qgtune.results.report.study_state import end_of, reason_of
from qgtune.study.attempts.attempt import Attempt

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial, TrialState

    from qgtune.results.report.study_state import StudyState
    from qgtune.study.attempts.owner import Owner

MOST_BARS = 2_000
MOST_WORKERS = 60
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Bar:
    """One trial on a worker's row.

    Attributes:
        worker: the row's name.
        place: the row, from 1; 0 for trials whose worker is not known.
        trial: the trial's number.
        state: how it ended, or that it runs.
        start: when it started.
        end: when it ended; for one that runs, when the study was read.
        repeats: the first attempt's number, if the trial ran one again.
        reason: why it failed; empty if it did not.
    """

    worker: str
    place: int
    trial: int
    state: TrialState
    start: dt.datetime
    end: dt.datetime
    repeats: int | None
    reason: str

    @property
    def seconds(self) -> float:
        """How long it took, in seconds."""
        return (self.end - self.start).total_seconds()


def bars(study_state: StudyState) -> list[Bar]:
    """Return the latest trials as bars, in the order of their starts; workers are numbered by their first trial."""
    started = [trial for trial in study_state.trials if trial.datetime_start is not None]
    started.sort(key=lambda trial: (trial.datetime_start, trial.number))
    names = worker_names(started)
    found = [
        Bar(
            *names[attempt.owner],
            trial.number,
            trial.state,
            trial.datetime_start,
            end_of(trial, study_state.taken),
            attempt.repeats if attempt.turn else None,
            reason_of(trial) if KINDS[trial.state][0] == "failed" else "",
        )
        for trial in started[-MOST_BARS:]
        for attempt in [Attempt.of(trial)]
        if trial.datetime_start is not None
    ]
    found = found if any(bar.place for bar in found) else _in_lanes(found)
    shown = set(list(dict.fromkeys(bar.worker for bar in reversed(found)))[:MOST_WORKERS])
    return [bar for bar in found if bar.worker in shown]


def _in_lanes(found: Sequence[Bar]) -> list[Bar]:
    """Put the bars of workers that nobody knows into as few rows as hold them side by side."""
    ends: list[dt.datetime] = []
    placed = []
    for bar in found:
        lane = next((lane for lane, end in enumerate(ends) if end <= bar.start), len(ends))
        ends[lane : lane + 1] = [bar.end]
        placed.append(replace(bar, worker=f"{lane + 1}", place=lane + 1))
    return placed


def worker_names(started: Sequence[FrozenTrial]) -> dict[Owner | None, tuple[str, int]]:
    """Return the workers' names and places: a number each, the process id, and the host if there are several."""
    owners = dict.fromkeys(Attempt.of(trial).owner for trial in started)
    hosts = {owner.host for owner in owners if owner is not None}
    names: dict[Owner | None, tuple[str, int]] = {None: (UNKNOWN, 0)}
    for place, owner in enumerate(filter(None, owners), start=1):
        where = f"{owner.host} {owner.pid}" if len(hosts) > 1 else f"pid {owner.pid}"
        names[owner] = (f"{place} · {where}", place)
    return names


def timeline(study_state: StudyState) -> Plots:
    """Draw one row a worker, one bar a trial; trials that ran another one again are hatched."""
    found = bars(study_state)
    if not found:
        return Plots(note="No trial has started yet.")
    rows = [worker for _place, worker in sorted({(bar.place, bar.worker) for bar in found})]
    first = sorted(found, key=lambda bar: bar.repeats is not None)  # the legend looks like the first bar
    traces = [_trace(state, [bar for bar in first if bar.state == state]) for state in KINDS]
    layout = {
        "barmode": "overlay",
        "xaxis": {"type": "date", "title": {"text": ""}},
        "yaxis": {"type": "category", "categoryarray": [escaped(row) for row in reversed(rows)], "title": {"text": ""}},
        "legend": LEGEND,
        "showlegend": True,
        "hovermode": "closest",
    }
    figure = {"data": [trace for trace in traces if trace["y"]], "layout": layout}
    n_started = sum(trial.datetime_start is not None for trial in study_state.trials)
    notes = [f"Showing the latest {len(found):,} of {n_started:,} trials."] if len(found) < n_started else []
    if any(bar.repeats is not None for bar in found):
        notes.append("Hatched bars run an earlier trial again.")
    if all(Attempt.of(trial).owner is None for trial in study_state.trials):
        notes.append("The study does not say which process ran a trial: rows show what ran at the same time.")
    told = f"{len(found):,} trials as bars over time, a row for each of {len(rows):,} workers."
    plot = Plot("timeline", "Timeline", figure, told, height_px=130 + 30 * len(rows))
    return Plots((plot,), " ".join(notes))


def _trace(state: TrialState, found: Sequence[Bar]) -> dict[str, Any]:
    kind, colour = KINDS[state]
    return {
        "type": "bar",
        "orientation": "h",
        "name": kind,
        "y": [escaped(bar.worker) for bar in found],
        "base": [bar.start.isoformat() for bar in found],
        "x": [max(bar.seconds, 0.001) * 1000 for bar in found],
        "width": 0.7,
        "marker": {
            "color": colour,
            "line": {"width": 0.5, "color": "rgba(128,128,128,0.9)"},
            "pattern": {"shape": ["" if bar.repeats is None else "/" for bar in found]},
        },
        "text": [_told(bar) for bar in found],
        "customdata": [bar.trial for bar in found],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
    }


def _told(bar: Bar) -> str:
    """Return what stands beside the pointer."""
    lines = [f"trial {bar.trial}, {KINDS[bar.state][0]}", f"{bar.seconds:.1f} s"]
    if bar.repeats is not None:
        lines.append(f"runs trial {bar.repeats} again")
    if bar.reason:
        lines.append(escaped(bar.reason[:100]))
    return "<br>".join(lines)
