"""The page's plots: Optuna's own figures, thinned out and recoloured so that they read on light and dark paper."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import optuna.visualization as optuna_plots
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import TrialState

from qgtune.results.report.excerpt import Excerpt, drawable, escaped, spread
from qgtune.results.report.snapshot import is_infeasible, sorted_by_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from qgtune.results.report.snapshot import Snapshot

MOST_POINTS = 2_000
MOST_LINES = 300
MOST_CURVES = 200
MOST_CURVE_POINTS = 20_000
MOST_SLICES = 48
MOST_SLICE_POINTS = 24_000
MOST_OBJECTIVES = 4
WORST, BEST = (240, 163, 90), (47, 127, 214)
SCALE = [[0.0, f"rgb{WORST}"], [1.0, f"rgb{BEST}"]]
GOOD, DROPPED, BAD, RUNNING = "rgb(47,127,214)", "rgb(240,163,90)", "rgb(214,69,65)", "rgb(70,170,110)"
STAR, GREY = "rgb(150,80,200)", "rgb(150,150,150)"
FRONT = {"Best Trial": ("front", STAR), "Infeasible Trial": ("violates a constraint", GREY)}
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "title": None}


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


@dataclass(slots=True)
class Drawer:
    """Draws the plots of one snapshot.

    Attributes:
        snapshot: the study.
    """

    snapshot: Snapshot
    _importances: dict[int, dict[str, Any] | None] = field(default_factory=dict)

    def history(self) -> Plots:
        """Draw the objective's value over the trials, with the best so far."""
        if not (trials := self.snapshot.completed):
            return Plots(note="No trial has completed yet.")
        study = self._excerpt(drawable(self.snapshot.trials))  # Optuna looks values up by the trials' numbers
        plots = [
            self._plot("history", index, _thinned(optuna_plots.plot_optimization_history(study, **self._target(index))))
            for index in self._objectives()
        ]
        return Plots(tuple(plots), _shown("points", min(len(trials), MOST_POINTS), len(trials), "evenly spread ones"))

    def front(self) -> Plots:
        """Draw the Pareto front of two or three objectives."""
        n = len(self.snapshot.directions)
        if not (completed := self.snapshot.completed):
            return Plots(note="No trial has completed yet.")
        if n > 3:  # noqa: PLR2004 - Optuna draws no more
            return Plots(note=f"A front of {n} objectives cannot be drawn; the best trials below are the front.")
        front = [trial for trial in completed if trial.number in {best.number for best in self.snapshot.best}]
        others = [trial for trial in completed if trial.number not in {best.number for best in self.snapshot.best}]
        shown = [*front[:MOST_POINTS], *spread(others, max(MOST_POINTS - len(front), 2))]
        names = [escaped(name) for name in self.snapshot.objectives]
        figure = optuna_plots.plot_pareto_front(self._excerpt(drawable(shown)), target_names=names)
        plot = Plot("front", "Pareto front", _front(_plain(figure)), height_px=420)
        return Plots((plot,), _shown("trials", len(shown), len(completed), "the front and evenly spread ones"))

    def importances(self) -> Plots:
        """Draw how much each hyperparameter matters."""
        figures = {index: self._importance_figure(index) for index in self._objectives()}
        plots = [
            self._plot("importances", index, figure, height_px=84 + 26 * len(self.importance(index)))
            for index, figure in figures.items()
            if figure is not None
        ]
        if not plots:
            return Plots(
                note="Importances need completed trials of different values, and a hyperparameter that varies."
            )
        return Plots(tuple(plots), "By PED-ANOVA: what decides whether a trial is among the best tenth.")

    def importance(self, index: int) -> Mapping[str, float]:
        """Return the importances for objective `index`, by escaped name, the highest first; or nothing."""
        figure = self._importance_figure(index)
        if figure is None:
            return {}
        (bar,) = figure["data"]
        return dict(reversed(list(zip(bar["y"], bar["x"], strict=True))))

    def _importance_figure(self, index: int) -> dict[str, Any] | None:
        if index not in self._importances:
            self._importances[index] = self._computed(index)
        return self._importances[index]

    def _computed(self, index: int) -> dict[str, Any] | None:
        trials = self._finite(index)
        if len({trial.values[index] for trial in trials}) < 2:  # noqa: PLR2004 - it takes two to differ
            return None
        study = self._excerpt(drawable(trials))
        try:
            target = self._target(index)
            figure = optuna_plots.plot_param_importances(study, PedAnovaImportanceEvaluator(), **target)
        except (ValueError, RuntimeError):
            return None
        plain = _plain(figure)
        if not plain["data"] or not any(plain["data"][0]["x"]):
            return None
        plain["data"][0] |= {"marker": {"color": GOOD}, "hovertemplate": "%{y}: %{x:.4f}<extra></extra>"}
        plain["data"][0]["text"] = [escaped(text) for text in plain["data"][0]["text"]]
        plain["layout"]["xaxis"] = {"title": {"text": "Importance"}, "range": [0, max(plain["data"][0]["x"]) * 1.18]}
        plain["layout"]["yaxis"] = {"type": "category"}
        plain["layout"]["margin"] = {"t": 8}
        return plain

    def parallel(self) -> Plots:
        """Draw each trial as a line over its hyperparameters, the best ones in blue."""
        trials = self._finite(0)
        if not trials or not any(trial.params for trial in trials):
            return Plots(note="No trial with hyperparameters has completed yet.")
        shown = sorted_by_value(self.snapshot, trials)[:MOST_LINES]
        study = self._excerpt(drawable(sorted(shown, key=lambda trial: trial.number)))
        figure = _recoloured(
            _plain(optuna_plots.plot_parallel_coordinate(study, **self._target(0))),
            maximize=self.snapshot.directions[0] == "maximize",
        )
        n_axes = 1 + len({name for trial in shown for name in trial.params})
        plot = Plot("parallel", "Parallel coordinates", figure, height_px=400, width_px=110 * n_axes + 90)
        return Plots((plot,), _shown("trials", len(shown), len(trials), "the best ones"))

    def slices(self) -> Plots:
        """Draw the objective over each hyperparameter."""
        names = self._by_importance()
        trials = self._finite(0)
        if not trials or not names:
            return Plots(note="No trial with hyperparameters has completed yet.")
        most = max(200, min(MOST_POINTS, MOST_SLICE_POINTS // (len(names) * len(self._objectives()))))
        shown = sorted_by_value(self.snapshot, trials)[:most]
        study = self._excerpt(drawable(sorted(shown, key=lambda trial: trial.number)))
        plots = [
            Plot(f"slice-{place}-{index}", _sliced(name, self.snapshot, index), self._slice(study, name, index), 270)
            for place, name in enumerate(names[:MOST_SLICES])
            for index in self._objectives()
        ]
        notes = [_shown("trials", len(shown), len(trials), "the best ones")]
        if len(names) > MOST_SLICES:
            notes.append(f"Showing the {MOST_SLICES} most important of {len(names)} hyperparameters.")
        return Plots(tuple(plots), " ".join(["Late trials are blue, early ones orange.", *filter(None, notes)]))

    def _slice(self, study: Excerpt, name: str, index: int) -> dict[str, Any]:
        figure = _plain(optuna_plots.plot_slice(study, params=[escaped(name)], **self._target(index)))
        for trace in figure["data"]:
            if "colorscale" in trace["marker"]:
                trace["marker"] |= {"colorscale": SCALE, "showscale": False, "size": 6, "opacity": 0.75}
                trace["text"] = [f"trial {number}" for number in trace["marker"]["color"]]
                trace["hovertemplate"] = "%{text}<br>%{x}<br>%{y}<extra></extra>"
        figure["layout"]["yaxis"]["title"] = {"text": escaped(self.snapshot.objectives[index])}
        figure["layout"]["xaxis"]["title"] = {"text": ""}  # it stands above the plot
        figure["layout"]["margin"] = {"t": 8, "b": 30}
        return figure

    def _by_importance(self) -> list[str]:
        """Return the names of the hyperparameters that completed trials have, the most important first."""
        found = {name: None for trial in self._finite(0) for name in trial.params}
        ranks = {name: rank for rank, name in enumerate(self.importance(0))}
        return sorted(found, key=lambda name: ranks.get(escaped(name), len(ranks)))

    def intermediate(self) -> Plots:
        """Draw what trials reported on their way, and where they were pruned."""
        told = [trial for trial in self.snapshot.trials if trial.intermediate_values]
        if not told:
            return Plots(note="No trial has reported an intermediate value.")
        shown = curves(self.snapshot, told)
        figure = _plain(optuna_plots.plot_intermediate_values(self._excerpt(drawable(shown))))
        by_number = {f"Trial{trial.number}": trial for trial in shown}
        figure["data"] = _coloured_curves(figure["data"], by_number, {trial.number for trial in self.snapshot.best})
        figure["layout"] |= {"showlegend": True, "legend": LEGEND, "hovermode": "closest"}
        note = _shown("trials", len(shown), len(told), "the best ones, and the latest of the others")
        return Plots((Plot("intermediate", "Intermediate values", figure, height_px=400),), note)

    def _finite(self, index: int) -> list[FrozenTrial]:
        return [trial for trial in self.snapshot.completed if math.isfinite(trial.values[index])]

    def _objectives(self) -> range:
        return range(min(len(self.snapshot.directions), MOST_OBJECTIVES))

    def _target(self, index: int) -> dict[str, Any]:
        """Return the arguments that tell Optuna's plots which objective is meant."""
        name = escaped(self.snapshot.objectives[index])
        if not self.snapshot.is_multi_objective:
            return {"target_name": name}
        return {"target": lambda trial: trial.values[index], "target_name": name}

    def _excerpt(self, trials: Sequence[FrozenTrial]) -> Excerpt:
        return Excerpt(self.snapshot.directions, trials)

    def _plot(self, key: str, index: int, figure: dict[str, Any], height_px: int = 340) -> Plot:
        label = self.snapshot.objectives[index] if self.snapshot.is_multi_objective else key.capitalize()
        return Plot(f"{key}-{index}", label, figure, height_px)


def _sliced(name: str, snapshot: Snapshot, index: int) -> str:
    return f"{name} → {snapshot.objectives[index]}" if snapshot.is_multi_objective else name


def _plain(figure: Any) -> dict[str, Any]:
    """Return a figure as plain data without title, size and template: the page has its own."""
    plain: dict[str, Any] = figure.to_plotly_json()
    for key in ("title", "template", "width", "height"):
        plain["layout"].pop(key, None)
    plain["data"] = list(plain["data"])
    return plain


def _thinned(figure: Any) -> dict[str, Any]:
    """Keep at most `MOST_POINTS` of each trace of a history; of a line, every step."""
    plain = _plain(figure)
    for trace in plain["data"]:
        points = list(zip(trace["x"] or (), trace["y"] or (), strict=True))
        is_line = "lines" in trace.get("mode", "")
        kept = _steps(points) if is_line else spread(points, MOST_POINTS)
        trace["x"], trace["y"] = [x for x, _ in kept], [y for _, y in kept]
        if is_line:
            trace |= {"line": {"shape": "hv", "color": DROPPED, "width": 2.5}, "mode": "lines"}
        else:
            trace["marker"] = {**trace.get("marker", {"color": GOOD}), "size": 6}
            trace["marker"].setdefault("color", GOOD)
    plain["data"] = [trace for trace in plain["data"] if trace["x"]]
    plain["layout"]["legend"] = LEGEND
    plain["layout"]["xaxis"] |= {"tickformat": ",d", "rangemode": "nonnegative"}
    return plain


def _front(figure: dict[str, Any]) -> dict[str, Any]:
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


def _recoloured(figure: dict[str, Any], *, maximize: bool) -> dict[str, Any]:
    """Colour the lines of parallel coordinates by the objective, which is their first axis."""
    scale = SCALE if maximize else [[0.0, SCALE[1][1]], [1.0, SCALE[0][1]]]
    for trace in figure["data"]:
        line, marker = trace.get("line") or {}, trace.get("marker") or {}
        if trace["type"] == "scatter" and trace.get("mode") == "lines" and trace["y"][0] is not None:
            share = trace["y"][0] if maximize else 1 - trace["y"][0]
            line["color"] = _mixed(min(max(share, 0.0), 1.0))
        for holder in (line, marker):  # Optuna before 5 draws them with plotly's own parallel coordinates
            if "colorscale" in holder:
                holder |= {"colorscale": scale, "reversescale": False}
    figure["layout"].pop("plot_bgcolor", None)
    figure["layout"]["margin"] = {"t": 24}
    for annotation in figure["layout"].get("annotations", ()):
        annotation["font"] = {"size": 11}  # in the page's colour
    return figure


def _mixed(share: float) -> str:
    """Return the colour between the worst (0) and the best (1)."""
    return f"rgb({','.join(str(round(low + share * (high - low))) for low, high in zip(WORST, BEST, strict=True))})"


def curves(snapshot: Snapshot, told: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Choose the trials whose curves are shown: the best completed ones, and the latest others."""
    n_steps = max(len(trial.intermediate_values) for trial in told)
    most = max(10, min(MOST_CURVES, MOST_CURVE_POINTS // n_steps))
    if len(told) <= most:
        return list(told)
    completed = [trial for trial in told if trial.state == TrialState.COMPLETE]
    others = [trial for trial in told if trial.state != TrialState.COMPLETE]
    kept = sorted_by_value(snapshot, completed)[: max(most // 2, most - len(others))]
    return sorted([*kept, *others[-(most - len(kept)) :]], key=lambda trial: trial.number)


KINDS = {
    TrialState.COMPLETE: ("complete", GOOD),
    TrialState.PRUNED: ("pruned", DROPPED),
    TrialState.FAIL: ("failed", BAD),
    TrialState.RUNNING: ("running", RUNNING),
    TrialState.WAITING: ("waiting", GREY),
}


def _coloured_curves(
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


def _shown(what: str, n_shown: int, n_all: int, which: str) -> str:
    """Say which part of the trials a plot shows; empty if it shows all."""
    return f"Showing {n_shown:,} of {n_all:,} {what}: {which}." if n_shown < n_all else ""


def infeasible_note(snapshot: Snapshot) -> str:
    """Say how many completed trials violate a constraint; empty if none does."""
    n = sum(is_infeasible(trial) for trial in snapshot.completed)
    return f"{n:,} completed trials violate a constraint; plots show them in grey or dotted." if n else ""
