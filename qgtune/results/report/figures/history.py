"""The objective's value over the trials, with the best so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from qgtune.results.report.excerpt import spread
from qgtune.results.report.figures.plot import (
    BAD,
    DROPPED,
    GOOD,
    GREY,
    LEGEND,
    MOST_POINTS,
    STAR,
    Plot,
    Plots,
    escaped,
    padded,
    placed,
    points,
    shown,
    span_of,
    value_of,
)
from qgtune.study.attempts.ledger import is_feasible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

    from qgtune.results.report.study_state import StudyState


def history(state: StudyState, objectives: range) -> Plots:
    """Draw every complete, pruned and failed trial, and the best value so far."""
    kept = [trial for trial in state.trials if trial.state.is_finished()]
    if not any(value_of(trial, 0) is not None for trial in kept):
        return Plots(note="No trial has completed yet.")
    drawn = _some(kept)
    plots = tuple(
        Plot(f"history-{index}", state.objectives[index], _figure(state, drawn, index), _told(state, index))
        for index in objectives
    )
    return Plots(plots, shown("trials", len(drawn), len(kept), "evenly spread ones of each state"))


def _some(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return a part of the trials that has each state's share, at most as many as a plot takes."""
    states = list(dict.fromkeys(trial.state for trial in trials))
    by_state = [[trial for trial in trials if trial.state == state] for state in states]
    found = [spread(own, max(2, MOST_POINTS * len(own) // len(trials))) for own in by_state]
    return sorted((trial for own in found for trial in own), key=lambda trial: trial.number)


def _figure(state: StudyState, drawn: Sequence[FrozenTrial], index: int) -> dict[str, Any]:
    line = _best_so_far(state, index)
    values = [value for trial in state.trials if (value := value_of(trial, index)) is not None]
    span = span_of(values, [y for _, y in line[-1:]])
    complete = [trial for trial in drawn if trial.state == TrialState.COMPLETE]
    traces = [
        _dots([trial for trial in complete if is_feasible(trial)], index, span, "complete", GOOD, "circle"),
        _dots(
            [trial for trial in complete if not is_feasible(trial)],
            index,
            span,
            "violates a constraint",
            GREY,
            "circle",
        ),
        _dots([trial for trial in drawn if trial.state == TrialState.PRUNED], index, span, "pruned", DROPPED, "x"),
        _failed([trial for trial in drawn if trial.state == TrialState.FAIL], span),
    ]
    if line and span is not None:
        xs, ys = [x for x, _ in line], [placed(y, span)[0] for _, y in line]
        shape = {"shape": "hv", "color": STAR, "width": 2}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": xs,
                "y": ys,
                "name": "best so far",
                "line": shape,
                "hoverinfo": "skip",
            }
        )
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "Trial"}, "tickformat": ",d", "rangemode": "nonnegative"},
        "yaxis": {"title": {"text": escaped(state.objectives[index])}},
        "legend": LEGEND,
        "showlegend": True,
    }
    if span is not None:
        layout["yaxis"]["range"] = padded(span)
    return {"data": [trace for trace in traces if trace["x"]], "layout": layout}


def _dots(
    trials: Sequence[FrozenTrial], index: int, span: tuple[float, float] | None, name: str, colour: str, symbol: str
) -> dict[str, Any]:
    known = [(trial, value) for trial in trials if (value := value_of(trial, index)) is not None]
    places = [placed(value, span) for _, value in known]
    told = [f"trial {trial.number}, {name}{_where(trial)}<br>{value:.6g}" for trial, value in known]
    marker = {"color": colour, "size": 6, "symbol": [far or symbol for _, far in places]}
    found = [trial for trial, _ in known]
    return points(found, [trial.number for trial in found], [y for y, _ in places], told, name=name, marker=marker)


def _where(trial: FrozenTrial) -> str:
    is_pruned = trial.state == TrialState.PRUNED and trial.intermediate_values
    return f" at step {max(trial.intermediate_values)}" if is_pruned else ""


def _failed(trials: Sequence[FrozenTrial], span: tuple[float, float] | None) -> dict[str, Any]:
    """Return the trials without a value as marks along the lower end."""
    marker = {"color": BAD, "size": 7, "symbol": "line-ns-open", "line": {"color": BAD, "width": 1.5}}
    y = [padded(span)[0] if span is not None else 0.0] * len(trials)
    told = [f"trial {trial.number}, failed" for trial in trials]
    return points(trials, [trial.number for trial in trials], y, told, name="failed", marker=marker)


def _best_so_far(state: StudyState, index: int) -> list[tuple[int, float]]:
    """Return where the best value changes, by trial number, and where it ends."""
    sign = -1 if state.directions[index] == "maximize" else 1
    found: list[tuple[int, float]] = []
    for trial in state.completed:
        value = trial.values[index]
        if is_feasible(trial) and (not found or sign * value < sign * found[-1][1]):
            found.append((trial.number, value))
    last = state.trials[-1].number
    return found if not found or found[-1][0] == last else [*found, (last, found[-1][1])]


def _told(state: StudyState, index: int) -> str:
    line = _best_so_far(state, index)
    n_pruned = state.counts[TrialState.PRUNED]
    counts = f"{len(state.completed):,} complete and {n_pruned:,} pruned trials"
    if not line:
        return f"{state.objectives[index]} over the trials: {counts}."
    changes = len(line) - (len(line) > 1 and line[-1][1] == line[-2][1])
    last = line[changes - 1]
    return (
        f"{state.objectives[index]} over the trials: {counts}. The best so far starts at {line[0][1]:.6g} in trial "
        f"{line[0][0]} and ends at {last[1]:.6g} in trial {last[0]}, after {changes - 1:,} improvements."
    )
