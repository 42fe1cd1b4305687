"""The objective over each hyperparameter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from qgtune.results.report.figures.plot import (
    DROPPED,
    MOST_POINTS,
    SCALE,
    Plot,
    Plots,
    choices_of,
    escaped,
    is_log,
    padded,
    placed,
    placing,
    points,
    shown,
    span_of,
    text_of,
    value_of,
)
from qgtune.results.report.study_state import sorted_by_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from qgtune.results.report.conclusions import Known

MOST_SLICES = 48
MOST_SLICE_POINTS = 9_600


def slices(known: Known, objectives: range) -> Plots:
    """Draw complete trials, late ones blue, and pruned ones at what they reported last."""
    state = known.state
    kept = [trial for trial in state.trials if value_of(trial, 0) is not None and trial.params]
    names = _by_importance(known, kept)
    if not kept:
        return Plots(note="No trial with hyperparameters has completed yet.")
    n_shown = MOST_SLICES // len(objectives)
    most = max(200, min(MOST_POINTS, MOST_SLICE_POINTS // (min(len(names), n_shown) * len(objectives))))
    drawn = some_trials(known, kept, most)
    plots = [
        Plot(
            f"slice-{place}-{index}",
            _label(known, name, index),
            _figure(known, drawn, name, index),
            _told(known, name),
            270,
        )
        for place, name in enumerate(names[:n_shown])
        for index in objectives
    ]
    notes = ["Late trials are blue, early ones orange; a cross is a pruned trial at what it reported last."]
    notes.append(shown("trials", len(drawn), len(kept), "the best ones, and the latest pruned ones"))
    if len(names) > n_shown:
        notes.append(f"Showing the {n_shown} most important of {len(names)} hyperparameters.")
    return Plots(tuple(plots), " ".join(filter(None, notes)))


def some_trials(known: Known, kept: Sequence[FrozenTrial], most: int) -> list[FrozenTrial]:
    """Return at most so many trials by number: the best complete ones, and the latest pruned ones by their share."""
    complete = [trial for trial in kept if trial.state == TrialState.COMPLETE]
    others = [trial for trial in kept if trial.state != TrialState.COMPLETE]
    if len(kept) > most:
        n_others = most * len(others) // len(kept)
        others = others[len(others) - n_others :]
        complete = sorted_by_value(known.state, complete)[: most - n_others]
    return sorted([*complete, *others], key=lambda trial: trial.number)


def _by_importance(known: Known, trials: Sequence[FrozenTrial]) -> list[str]:
    """Return the names of the trials' hyperparameters, the most important first."""
    found = {name: None for trial in trials for name in trial.params}
    ranked = known.importances[0]
    ranks = {} if ranked is None else {name: rank for rank, name in enumerate(ranked.of)}
    return sorted(found, key=lambda name: ranks.get(name, len(ranks)))


def _label(known: Known, name: str, index: int) -> str:
    return f"{name} → {known.state.objectives[index]}" if known.state.is_multi_objective else name


def _figure(known: Known, drawn: Sequence[FrozenTrial], name: str, index: int) -> dict[str, Any]:
    distribution = known.space[name]
    have = [(trial, value) for trial in drawn if name in trial.params and (value := value_of(trial, index)) is not None]
    best = [trial.values[index] for trial in known.state.best[:1]]
    span = span_of([value for _, value in have], best)
    traces = [
        _dots([pair for pair in have if (pair[0].state == state)], name, distribution, span, state)
        for state in (TrialState.PRUNED, TrialState.COMPLETE)
    ]
    layout: dict[str, Any] = {
        "xaxis": _axis(distribution),
        "yaxis": {"title": {"text": escaped(known.state.objectives[index])}},
        "margin": {"t": 8, "b": 30},
        "showlegend": False,
    }
    if span is not None:
        layout["yaxis"]["range"] = padded(span)
    return {"data": [trace for trace in traces if trace["x"]], "layout": layout}


def _dots(
    have: Sequence[tuple[FrozenTrial, float]],
    name: str,
    distribution: BaseDistribution,
    span: tuple[float, float] | None,
    state: TrialState,
) -> dict[str, Any]:
    trials = [trial for trial, _ in have]
    places = [placed(value, span) for _, value in have]
    is_pruned = state == TrialState.PRUNED
    symbol = "x-thin-open" if is_pruned else "circle"
    colours: Any = DROPPED if is_pruned else [trial.number for trial in trials]
    marker = {"color": colours, "size": 6, "opacity": 0.75, "symbol": [far or symbol for _, far in places]}
    marker |= {"line": {"color": DROPPED, "width": 1.2}} if is_pruned else {"colorscale": SCALE, "showscale": False}
    told = [
        f"trial {trial.number}{', pruned' if is_pruned else ''}<br>{text_of(trial.params[name])}<br>{value:.6g}"
        for trial, value in have
    ]
    on_axis = placing(distribution)
    x = [on_axis(trial.params[name]) for trial in trials]
    return points(trials, x, [y for y, _ in places], told, name="pruned" if is_pruned else "complete", marker=marker)


def _axis(distribution: BaseDistribution) -> dict[str, Any]:
    if isinstance(distribution, CategoricalDistribution):
        return {"type": "category", "categoryorder": "array", "categoryarray": choices_of(distribution)}
    if not is_log(distribution):
        return {}
    decades = math.log10(distribution.high / distribution.low)  # type: ignore[attr-defined] # as no choice is
    return {"type": "log", **({"dtick": max(1, round(decades / 4))} if decades >= 2 else {})}  # noqa: PLR2004 - else few


def _told(known: Known, name: str) -> str:
    best = known.state.best[0].params.get(name) if known.state.best else None
    value = "" if best is None else f"; the best trial has {best if isinstance(best, str) else text_of(best)}"
    return f"Values over {name}{value}. The table of all trials has each value."
