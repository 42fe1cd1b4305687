"""What trials reported on their way, and where they were pruned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from qgtune.results.report.excerpt import spread
from qgtune.results.report.figures.plot import KINDS, LEGEND, STAR, Plot, Plots, escaped, padded, shown, span_of
from qgtune.results.report.study_state import sorted_by_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

    from qgtune.results.report.study_state import StudyState

MOST_CURVES = 200
MOST_CURVE_POINTS = 20_000
MOST_STEPS = 2_000


def curves(state: StudyState) -> Plots:
    """Draw the trials' reports over their steps, the best trial on top."""
    told = [trial for trial in state.trials if trial.intermediate_values]
    if not told:
        return Plots(note="No trial has reported an intermediate value.")
    drawn = _some(state, told)
    best = {trial.number for trial in state.best}
    span = span_of([value for trial in drawn for value in trial.intermediate_values.values()])
    layout = {
        "xaxis": {"title": {"text": "Step"}},
        "yaxis": {"title": {"text": escaped(state.objectives[0])}, **({"range": padded(span)} if span else {})},
        "showlegend": True,
        "legend": LEGEND,
    }
    figure = {"data": _traces(drawn, best), "layout": layout}
    n_pruned = sum(trial.state == TrialState.PRUNED for trial in drawn)
    text = f"Reported values over steps of {len(drawn):,} trials, {n_pruned:,} of them pruned."
    note = shown("trials", len(drawn), len(told), "the best ones, and the latest of the others")
    return Plots((Plot("intermediate", "Intermediate values", figure, text, height_px=400),), note)


def _some(state: StudyState, told: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Choose the trials whose curves are drawn: the best completed ones, and the latest others."""
    n_steps = max(len(trial.intermediate_values) for trial in told)
    most = max(10, min(MOST_CURVES, MOST_CURVE_POINTS // n_steps))
    if len(told) <= most:
        return list(told)
    completed = [trial for trial in told if trial.state == TrialState.COMPLETE]
    others = [trial for trial in told if trial.state != TrialState.COMPLETE]
    kept = sorted_by_value(state, completed)[: max(most // 2, most - len(others))]
    return sorted([*kept, *others[-(most - len(kept)) :]], key=lambda trial: trial.number)


def _traces(trials: Sequence[FrozenTrial], best: set[int]) -> list[dict[str, Any]]:
    """Return a curve a trial, coloured by its end; a pruned one ends in a cross, the best ones are on top."""
    seen: set[str] = set()
    traces = []
    for trial in sorted(trials, key=lambda trial: trial.number in best):
        is_best = trial.number in best
        kind, colour = ("best", STAR) if is_best else KINDS[trial.state]
        points = spread(sorted(trial.intermediate_values.items()), MOST_STEPS)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [x for x, _ in points],
                "y": [y for _, y in points],
                "name": kind,
                "legendgroup": kind,
                "showlegend": kind not in seen,
                "opacity": 1.0 if is_best else 0.8 if trial.state == TrialState.PRUNED else 0.45,
                "line": {"color": colour, "width": 3 if is_best else 1.3},
                "marker": _end_marker(trial, len(points), colour),
                "customdata": [trial.number] * len(points),
                "hovertemplate": f"trial {trial.number}, {kind}<br>step %{{x}}<br>%{{y}}<extra></extra>",
            }
        )
        seen.add(kind)
    return traces


def _end_marker(trial: FrozenTrial, n_points: int, colour: str) -> dict[str, Any]:
    """Return the marker of a curve: none but at the end of a pruned trial, or of a single point."""
    size = 8 if trial.state == TrialState.PRUNED or n_points == 1 else 0
    symbol = "x" if trial.state == TrialState.PRUNED else "circle"
    return {"color": colour, "symbol": symbol, "size": [0] * (n_points - 1) + [size], "line": {"width": 0}}
