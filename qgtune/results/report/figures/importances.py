"""How much each hyperparameter matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.results.report.conclusions.mattering import basis
from qgtune.results.report.figures.plot import GOOD, Plot, Plots, escaped

if TYPE_CHECKING:
    from qgtune.results.report.conclusions import Known
    from qgtune.results.report.conclusions.importance import Importances

NOT_ESTABLISHED = "not established"


def importance_plots(known: Known, objectives: range) -> Plots:
    """Draw a bar with its interval for what is established to matter, and say it of what is not."""
    found = {index: known.importances[index] for index in objectives}
    plots = [_plot(known, index, one) for index, one in found.items() if one is not None]
    if not plots:
        return Plots(note="Importances need more trials of different values, and hyperparameters that vary.")
    bases = {basis(one) for one in found.values() if one is not None}
    what = "The share of the differences between trials that only this hyperparameter explains, with its 90 % interval."
    return Plots(tuple(plots), f"{what} It rests on {'; '.join(sorted(bases))}.")


def _plot(known: Known, index: int, found: Importances) -> Plot:
    objective = known.state.objectives[index]
    return Plot(
        f"importances-{index}",
        objective,
        _figure(known, found),
        _told(known, objective, found),
        84 + 26 * len(found.of),
    )


def _figure(known: Known, found: Importances) -> dict[str, Any]:
    rows = list(found.of.items())[::-1]
    names = [escaped(known.names[name]) for name, _ in rows]
    sure = [(escaped(known.names[name]), one) for name, one in rows if one.is_established]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [name for name, _ in sure],
        "x": [one.share for _, one in sure],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [max(one.high - one.share, 0) for _, one in sure],
            "arrayminus": [max(one.share - one.low, 0) for _, one in sure],
            "color": "rgb(120,130,145)",
        },
        "text": [f"{one.share:.0%} ({one.low:.0%} to {one.high:.0%})" for _, one in sure],
        "textposition": "none",
        "hovertemplate": "%{y}: %{text}<extra></extra>",
        "marker": {"color": GOOD},
    }
    notes = [
        {
            "x": 0,
            "y": escaped(known.names[name]),
            "text": NOT_ESTABLISHED,
            "showarrow": False,
            "xanchor": "left",
            "font": {"size": 11},
        }
        for name, one in rows
        if not one.is_established
    ]
    most = max((one.high for _, one in sure), default=1.0)
    layout = {
        "xaxis": {"title": {"text": "Importance"}, "range": [0, min(most * 1.1, 1.0)], "tickformat": ".0%"},
        "yaxis": {
            "ticksuffix": " ",
            "type": "category",
            "categoryorder": "array",
            "categoryarray": names,
            "range": [-0.5, len(names) - 0.5],
        },
        "margin": {"t": 8},
        "annotations": notes,
    }
    return {"data": [bars], "layout": layout}


def _told(known: Known, objective: str, found: Importances) -> str:
    texts = [
        f"{known.names[name]} {one.share:.0%}" if one.is_established else f"{known.names[name]} {NOT_ESTABLISHED}"
        for name, one in found.of.items()
    ]
    return f"Importance for {objective}: {', '.join(texts)}."
