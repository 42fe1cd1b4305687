"""Figures of Optuna's, thinned out and recoloured so that they read on light and dark paper, as plain data."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from qgtune.results.report.excerpt import spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

MOST_POINTS = 2_000
MOST_CURVE_POINTS = 20_000
WORST, BEST = (240, 163, 90), (47, 127, 214)
SCALE = [[0.0, f"rgb{WORST}"], [1.0, f"rgb{BEST}"]]
GOOD, DROPPED, BAD, RUNNING = "rgb(47,127,214)", "rgb(240,163,90)", "rgb(214,69,65)", "rgb(70,170,110)"
STAR, GREY = "rgb(150,80,200)", "rgb(150,150,150)"
FRONT = {"Best Trial": ("front", STAR), "Infeasible Trial": ("violates a constraint", GREY)}
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "title": None}
KINDS = {
    TrialState.COMPLETE: ("complete", GOOD),
    TrialState.PRUNED: ("pruned", DROPPED),
    TrialState.FAIL: ("failed", BAD),
    TrialState.RUNNING: ("running", RUNNING),
    TrialState.WAITING: ("waiting", GREY),
}


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot of the page.

    Attributes:
        key: its name in the page, letters, digits and dashes.
        label: what it shows, as plain text.
        figure: plotly's `data` and `layout`.
        height_px: how high it is drawn.
        width_px: how wide it is at least; on narrower screens it scrolls in its own box.
    """

    key: str
    label: str
    figure: dict[str, Any]
    height_px: int = 340
    width_px: int = 0


@dataclass(frozen=True, slots=True)
class Plots:
    """The plots of one section.

    Attributes:
        plots: in order; empty if there is nothing to show.
        note: plain text: which trials are shown, or why there is no plot.
    """

    plots: tuple[Plot, ...] = ()
    note: str = ""


def plain(figure: Any) -> dict[str, Any]:
    """Return a figure as plain data without title, size and template: the page has its own."""
    data: dict[str, Any] = figure.to_plotly_json()
    for key in ("title", "template", "width", "height"):
        data["layout"].pop(key, None)
    data["data"] = list(data["data"])
    return data


def thinned(figure: Any) -> dict[str, Any]:
    """Keep at most `MOST_POINTS` of each trace of a history; of a line, every step."""
    data = plain(figure)
    for trace in data["data"]:
        points = list(zip(trace["x"] or (), trace["y"] or (), strict=True))
        is_line = "lines" in trace.get("mode", "")
        kept = _steps(points) if is_line else spread(points, MOST_POINTS)
        trace["x"], trace["y"] = [x for x, _ in kept], [y for _, y in kept]
        if is_line:
            trace |= {"line": {"shape": "hv", "color": DROPPED, "width": 2.5}, "mode": "lines"}
        else:
            trace["marker"] = {**trace.get("marker", {"color": GOOD}), "size": 6}
            trace["marker"].setdefault("color", GOOD)
            trace["cliponaxis"] = False
    data["data"] = [trace for trace in data["data"] if trace["x"]]
    data["layout"]["legend"] = LEGEND
    data["layout"]["xaxis"] |= {"tickformat": ",d", "rangemode": "nonnegative"}
    return data


def front_coloured(figure: dict[str, Any]) -> dict[str, Any]:
    """Give the front a colour of its own, in place of two scales of trial numbers."""
    for trace in figure["data"]:
        # Optuna names its traces beside the pointer only.
        kind = trace["hovertemplate"].partition("<extra>")[2].partition("</extra>")[0]
        name, colour = FRONT.get(kind, ("others", GOOD))
        size = 9 if colour == STAR else 6
        trace |= {"marker": {"color": colour, "size": size, "opacity": 0.8}, "name": name, "showlegend": True}
    figure["data"] = [trace for trace in figure["data"] if trace["x"]]
    figure["layout"] |= {"legend": LEGEND, "showlegend": True}
    return figure


def _steps(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Keep where a line changes, and its end."""
    kept = [point for place, point in enumerate(points) if place == 0 or point[1] != points[place - 1][1]]
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def recoloured(figure: dict[str, Any], *, maximize: bool) -> dict[str, Any]:
    """Colour the lines of parallel coordinates by the objective, which is their first axis."""
    scale = SCALE if maximize else [[0.0, SCALE[1][1]], [1.0, SCALE[0][1]]]
    figure["layout"]["margin"] = {"t": 24}
    for trace in figure["data"]:
        if trace["type"] == "parcoords":  # Optuna before 5; plotly shows its ticks as they are
            figure["layout"]["margin"] = {"t": 40, "b": 70}
            for dimension in trace["dimensions"]:
                if "ticktext" in dimension:
                    dimension["ticktext"] = [html.unescape(str(text)) for text in dimension["ticktext"]]
        line, marker = trace.get("line") or {}, trace.get("marker") or {}
        if trace["type"] == "scatter" and trace.get("mode") == "lines" and trace["y"][0] is not None:
            share = trace["y"][0] if maximize else 1 - trace["y"][0]
            line["color"] = _mixed(min(max(share, 0.0), 1.0))
        for holder in (line, marker):
            if "colorscale" in holder:
                holder |= {"colorscale": scale, "reversescale": False}
    figure["layout"].pop("plot_bgcolor", None)
    for annotation in figure["layout"].get("annotations", ()):
        annotation["font"] = {"size": 11}  # in the page's colour
    return figure


def _mixed(share: float) -> str:
    """Return the colour between the worst (0) and the best (1)."""
    return f"rgb({','.join(str(round(low + share * (high - low))) for low, high in zip(WORST, BEST, strict=True))})"


def coloured_curves(
    traces: Sequence[dict[str, Any]], by_name: Mapping[str, FrozenTrial], best: set[int]
) -> list[dict[str, Any]]:
    """Colour curves by their trials' ends; mark where a pruned one ends; draw the best on top."""
    seen: set[str] = set()
    coloured: list[dict[str, Any]] = []
    for trace in traces:
        trial = by_name[trace["name"]]
        kind, colour = KINDS[trial.state]
        is_best = trial.number in best
        if is_best:
            kind, colour = "best", STAR
        points = spread(list(zip(trace["x"], trace["y"], strict=True)), MOST_CURVE_POINTS // 10)
        coloured.append(
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
                "hovertemplate": f"trial {trial.number}, {kind}<br>step %{{x}}<br>%{{y}}<extra></extra>",
            }
        )
        seen.add(kind)
    return sorted(coloured, key=lambda trace: trace["name"] == "best")


def _end_marker(trial: FrozenTrial, n_points: int, colour: str) -> dict[str, Any]:
    """Return the marker of a curve: none but at the end of a pruned trial, or of a single point."""
    size = 8 if trial.state == TrialState.PRUNED or n_points == 1 else 0
    symbol = "x" if trial.state == TrialState.PRUNED else "circle"
    return {"color": colour, "symbol": symbol, "size": [0] * (n_points - 1) + [size], "line": {"width": 0}}
