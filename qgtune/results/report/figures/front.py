"""The Pareto front of two or three objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.results.report.excerpt import spread
from qgtune.results.report.figures.plot import (
    GOOD,
    GREY,
    LEGEND,
    MOST_POINTS,
    STAR,
    Plot,
    Plots,
    escaped,
    points,
    shown,
)
from qgtune.study.attempts.ledger import is_feasible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

    from qgtune.results.report.study_state import StudyState

MOST_DRAWN = 3


def front(state: StudyState) -> Plots:
    """Draw the complete trials over their objectives, the front among them."""
    n = len(state.directions)
    if not state.completed:
        return Plots(note="No trial has completed yet.")
    if n > MOST_DRAWN:
        return Plots(note=f"A front of {n} objectives cannot be drawn; the best trials below are the front.")
    best = {trial.number for trial in state.best}
    on_front = [trial for trial in state.completed if trial.number in best]
    others = [trial for trial in state.completed if trial.number not in best]
    others = spread(others, max(MOST_POINTS - len(on_front), 2))
    kinds = [
        ("others", GOOD, 6, [trial for trial in others if is_feasible(trial)]),
        ("violates a constraint", GREY, 6, [trial for trial in others if not is_feasible(trial)]),
        ("front", STAR, 9, on_front[:MOST_POINTS]),
    ]
    traces = [_trace(state, name, colour, size, trials) for name, colour, size, trials in kinds if trials]
    axes = {
        f"{letter}axis": {"title": {"text": escaped(name)}}
        for letter, name in zip("xyz", state.objectives, strict=False)
    }
    layout = {"legend": LEGEND, "showlegend": True, **({"scene": axes} if n == MOST_DRAWN else axes)}
    n_shown = sum(len(trials) for *_, trials in kinds)
    told = f"{len(on_front):,} of {len(state.completed):,} complete trials make the Pareto front."
    plot = Plot("front", "Pareto front", {"data": traces, "layout": layout}, told, height_px=420)
    return Plots((plot,), shown("trials", n_shown, len(state.completed), "the front and evenly spread ones"))


def _trace(state: StudyState, name: str, colour: str, size: int, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    names = [escaped(objective) for objective in state.objectives]
    told = [
        "<br>".join(
            [f"trial {trial.number}", *(f"{one} {value:.6g}" for one, value in zip(names, trial.values, strict=True))]
        )
        for trial in trials
    ]
    x, y, *more = ([trial.values[index] for trial in trials] for index in range(len(names)))
    marker = {"color": colour, "size": size, "opacity": 0.8}
    trace = points(trials, x, y, told, name=name, marker=marker)
    if more:
        trace |= {"type": "scatter3d", "z": more[0]}
        del trace["cliponaxis"]
    return trace
