"""Which plots a page has, and which trials they show."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import optuna.visualization as optuna_plots
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import TrialState

from qgtune.results.report.excerpt import Excerpt, bare, drawable, escaped, spread
from qgtune.results.report.figures import (
    GOOD,
    LEGEND,
    MOST_CURVE_POINTS,
    MOST_POINTS,
    SCALE,
    Plot,
    Plots,
    coloured_curves,
    front_coloured,
    plain,
    recoloured,
    thinned,
)
from qgtune.results.report.study_state import sorted_by_value
from qgtune.study.attempts.ledger import is_feasible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from qgtune.results.report.study_state import StudyState
MOST_LINES = 300
MOST_LINE_POINTS = 6_000
MOST_TOLD = 10
MOST_CURVES = 200
MOST_SLICES = 48
MOST_SLICE_POINTS = 24_000
MOST_OBJECTIVES = 4


@dataclass(slots=True)
class Drawer:
    """Draws the plots of one study_state.

    Attributes:
        study_state: the study.
    """

    study_state: StudyState
    _drawn: dict[int, FrozenTrial] = field(default_factory=dict)
    _importances: dict[int, dict[str, Any] | None] = field(default_factory=dict)

    def history(self) -> Plots:
        """Draw the objective's value over the trials, with the best so far."""
        if not (trials := self.study_state.completed):
            return Plots(note="No trial has completed yet.")
        study = self._excerpt([bare(trial) for trial in self.study_state.trials])  # all: it looks values up by number
        plots = [
            self._plot("history", index, thinned(optuna_plots.plot_optimization_history(study, **self._target(index))))
            for index in self._objectives()
        ]
        return Plots(tuple(plots), _shown("points", min(len(trials), MOST_POINTS), len(trials), "evenly spread ones"))

    def front(self) -> Plots:
        """Draw the Pareto front of two or three objectives."""
        n = len(self.study_state.directions)
        if not (completed := self.study_state.completed):
            return Plots(note="No trial has completed yet.")
        if n > 3:  # noqa: PLR2004 - Optuna draws no more
            return Plots(note=f"A front of {n} objectives cannot be drawn; the best trials below are the front.")
        front = [trial for trial in completed if trial.number in {best.number for best in self.study_state.best}]
        others = [trial for trial in completed if trial.number not in {best.number for best in self.study_state.best}]
        shown = [*front[:MOST_POINTS], *spread(others, max(MOST_POINTS - len(front), 2))]
        names = [escaped(name) for name in self.study_state.objectives]
        told = self._drawable(shown)
        if len(self.study_state.space) > MOST_TOLD:  # Optuna writes all of them beside each point
            told = [bare(trial) for trial in told]
        figure = optuna_plots.plot_pareto_front(self._excerpt(told), target_names=names)
        plot = Plot("front", "Pareto front", front_coloured(plain(figure)), height_px=420)
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
        study = self._excerpt(self._drawable(trials))
        try:
            target = self._target(index)
            figure = optuna_plots.plot_param_importances(study, PedAnovaImportanceEvaluator(), **target)
        except (ValueError, RuntimeError):
            return None
        data = plain(figure)
        if not data["data"] or not any(data["data"][0]["x"]):
            return None
        data["data"][0] |= {"marker": {"color": GOOD}, "hovertemplate": "%{y}: %{x:.4f}<extra></extra>"}
        data["data"][0]["text"] = [escaped(text) for text in data["data"][0]["text"]]
        data["layout"]["xaxis"] = {"title": {"text": "Importance"}, "range": [0, max(data["data"][0]["x"]) * 1.18]}
        data["layout"]["yaxis"] = {"type": "category"}
        data["layout"]["margin"] = {"t": 8}
        return data

    def parallel(self) -> Plots:
        """Draw each trial as a line over its hyperparameters, the best ones in blue."""
        trials = self._finite(0)
        if not trials or not any(trial.params for trial in trials):
            return Plots(note="No trial with hyperparameters has completed yet.")
        n_axes = 1 + len({name for trial in trials for name in trial.params})
        shown = sorted_by_value(self.study_state, trials)[: max(50, min(MOST_LINES, MOST_LINE_POINTS // n_axes))]
        study = self._excerpt(self._drawable(sorted(shown, key=lambda trial: trial.number)))
        figure = recoloured(
            plain(optuna_plots.plot_parallel_coordinate(study, **self._target(0))),
            maximize=self.study_state.directions[0] == "maximize",
        )
        plot = Plot("parallel", "Parallel coordinates", figure, height_px=400, width_px=110 * n_axes + 90)
        return Plots((plot,), _shown("trials", len(shown), len(trials), "the best ones"))

    def slices(self) -> Plots:
        """Draw the objective over each hyperparameter."""
        names = self._by_importance()
        n_shown = MOST_SLICES // len(self._objectives())
        trials = self._finite(0)
        if not trials or not names:
            return Plots(note="No trial with hyperparameters has completed yet.")
        most = max(200, min(MOST_POINTS, MOST_SLICE_POINTS // (min(len(names), n_shown) * len(self._objectives()))))
        shown = sorted_by_value(self.study_state, trials)[:most]
        study = self._excerpt(self._drawable(sorted(shown, key=lambda trial: trial.number)))
        plots = [
            Plot(f"slice-{place}-{index}", _sliced(name, self.study_state, index), self._slice(study, name, index), 270)
            for place, name in enumerate(names[:n_shown])
            for index in self._objectives()
        ]
        notes = [_shown("trials", len(shown), len(trials), "the best ones")]
        if len(names) > n_shown:
            notes.append(f"Showing the {n_shown} most important of {len(names)} hyperparameters.")
        return Plots(tuple(plots), " ".join(["Late trials are blue, early ones orange.", *filter(None, notes)]))

    def _slice(self, study: Excerpt, name: str, index: int) -> dict[str, Any]:
        figure = plain(optuna_plots.plot_slice(study, params=[escaped(name)], **self._target(index)))
        for trace in figure["data"]:
            if "colorscale" in trace["marker"]:
                trace["marker"] |= {"colorscale": SCALE, "showscale": False, "size": 6, "opacity": 0.75}
                trace["text"] = [f"trial {number}" for number in trace["marker"]["color"]]
                trace["hovertemplate"] = "%{text}<br>%{x}<br>%{y}<extra></extra>"
        figure["layout"]["yaxis"]["title"] = {"text": escaped(self.study_state.objectives[index])}
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
        told = [trial for trial in self.study_state.trials if trial.intermediate_values]
        if not told:
            return Plots(note="No trial has reported an intermediate value.")
        shown = curves(self.study_state, told)
        figure = plain(optuna_plots.plot_intermediate_values(self._excerpt(self._drawable(shown))))
        by_number = {f"Trial{trial.number}": trial for trial in shown}
        figure["data"] = coloured_curves(figure["data"], by_number, {trial.number for trial in self.study_state.best})
        figure["layout"] |= {"showlegend": True, "legend": LEGEND, "hovermode": "closest"}
        note = _shown("trials", len(shown), len(told), "the best ones, and the latest of the others")
        return Plots((Plot("intermediate", "Intermediate values", figure, height_px=400),), note)

    def _finite(self, index: int) -> list[FrozenTrial]:
        return [trial for trial in self.study_state.completed if math.isfinite(trial.values[index])]

    def _objectives(self) -> range:
        return range(min(len(self.study_state.directions), MOST_OBJECTIVES))

    def _target(self, index: int) -> dict[str, Any]:
        """Return the arguments that tell Optuna's plots which objective is meant."""
        name = escaped(self.study_state.objectives[index])
        if not self.study_state.is_multi_objective:
            return {"target_name": name}
        return {"target": lambda trial: trial.values[index], "target_name": name}

    def _excerpt(self, trials: Sequence[FrozenTrial]) -> Excerpt:
        return Excerpt(self.study_state.directions, trials)

    def _drawable(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Return trials in the form to draw; each is made once."""
        missing = [trial for trial in trials if trial.number not in self._drawn]
        self._drawn.update((trial.number, trial) for trial in drawable(missing))
        return [self._drawn[trial.number] for trial in trials]

    def _plot(self, key: str, index: int, figure: dict[str, Any], height_px: int = 340) -> Plot:
        label = self.study_state.objectives[index] if self.study_state.is_multi_objective else key.capitalize()
        return Plot(f"{key}-{index}", label, figure, height_px)


def _sliced(name: str, study_state: StudyState, index: int) -> str:
    return f"{name} → {study_state.objectives[index]}" if study_state.is_multi_objective else name


def curves(study_state: StudyState, told: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Choose the trials whose curves are shown: the best completed ones, and the latest others."""
    n_steps = max(len(trial.intermediate_values) for trial in told)
    most = max(10, min(MOST_CURVES, MOST_CURVE_POINTS // n_steps))
    if len(told) <= most:
        return list(told)
    completed = [trial for trial in told if trial.state == TrialState.COMPLETE]
    others = [trial for trial in told if trial.state != TrialState.COMPLETE]
    kept = sorted_by_value(study_state, completed)[: max(most // 2, most - len(others))]
    return sorted([*kept, *others[-(most - len(kept)) :]], key=lambda trial: trial.number)


def _shown(what: str, n_shown: int, n_all: int, which: str) -> str:
    """Say which part of the trials a plot shows; empty if it shows all."""
    return f"Showing {n_shown:,} of {n_all:,} {what}: {which}." if n_shown < n_all else ""


def infeasible_note(study_state: StudyState) -> str:
    """Say how many completed trials violate a constraint; empty if none does."""
    n = sum(not is_feasible(trial) for trial in study_state.completed)
    return f"{n:,} completed trials violate a constraint; plots show them in grey or dotted." if n else ""
