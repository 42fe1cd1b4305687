"""Each trial as a line over its hyperparameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution
from optuna.trial import TrialState

from qgtune.results.report.figures.plot import (
    BEST,
    DROPPED,
    LEGEND,
    WORST,
    Plot,
    Plots,
    choices_of,
    escaped,
    is_log,
    placing,
    shown,
    span_of,
    text_of,
    value_of,
)
from qgtune.results.report.figures.slices import some_trials
from qgtune.space.wording import broken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from qgtune.results.report.conclusions import Known

MOST_LINES = 300
MOST_LINE_POINTS = 6_000
N_SHADES = 6
N_TICKS = 4
WIDEST_NAME = 14
LEGEND_NOTE = "The best are blue, the worst orange; dotted lines are pruned ones by what they reported last."


@dataclass(frozen=True, slots=True)
class _Axis:
    """One of the axes that stand side by side.

    Attributes:
        name: what stands below it.
        low: its lower end, in its own scale.
        high: its upper end.
        is_log: whether its scale is logarithmic.
        texts: its choices' texts, where it has choices.
    """

    name: str
    low: float
    high: float
    is_log: bool = False
    texts: tuple[str, ...] = ()

    def height(self, value: Any) -> float:
        """Return where a value lies, from 0 to 1."""
        if self.texts:
            value = self.texts.index(value) if value in self.texts else -1
        at = math.log(value) if self.is_log else value
        share = 0.5 if self.high == self.low else (at - self.low) / (self.high - self.low)
        return min(max(share, 0.0), 1.0) if math.isfinite(share) else float(share > 0)

    def ticks(self) -> list[tuple[float, str]]:
        """Return heights, with what stands there."""
        if self.texts:
            return [(self.height(text), text) for text in self.texts]
        n = N_TICKS if self.high > self.low else 1
        ends = [self.low + (self.high - self.low) * k / max(n - 1, 1) for k in range(n)]
        return [
            (k / max(n - 1, 1) if n > 1 else 0.5, f"{math.exp(end) if self.is_log else end:.3g}")
            for k, end in enumerate(ends)
        ]


def parallel(known: Known) -> Plots:
    """Draw each trial as a line, the best ones blue, pruned ones dotted."""
    state = known.state
    kept = [trial for trial in state.trials if trial.params and value_of(trial, 0) is not None]
    if not kept:
        return Plots(note="No trial with hyperparameters has completed yet.")
    names = list({name: None for trial in kept for name in trial.params})
    drawn = some_trials(known, kept, max(50, min(MOST_LINES, MOST_LINE_POINTS // (len(names) + 1))))
    values = [value for trial in drawn if (value := value_of(trial, 0)) is not None]
    low, high = span_of(values, [trial.values[0] for trial in state.best[:1]]) or (0.0, 0.0)
    axes = [_Axis(state.objectives[0], low, high), *(_axis(known, name) for name in names)]
    figure = {"data": _traces(known, drawn, names, axes), "layout": _layout(axes)}
    told = f"{len(drawn):,} trials as lines over {len(names)} hyperparameters; the table of all trials has the values."
    plot = Plot("parallel", "Parallel coordinates", figure, told, height_px=420, width_px=110 * len(axes) + 90)
    note = shown("trials", len(drawn), len(kept), "the best ones, and the latest pruned ones")
    return Plots((plot,), f"{LEGEND_NOTE} {note}".strip())


def _axis(known: Known, name: str) -> _Axis:
    distribution: BaseDistribution = known.space[name]
    label = known.names[name]
    if isinstance(distribution, CategoricalDistribution):
        texts = tuple(choices_of(distribution))
        return _Axis(label, 0, len(texts) - 1, texts=texts)
    low, high = distribution.low, distribution.high  # type: ignore[attr-defined] # it has no choices
    own = [trial.params[name] for trial in known.state.trials if name in trial.params]
    low, high = min([low, *own]), max([high, *own])  # an earlier sweep had another range
    return _Axis(label, math.log(low), math.log(high), is_log=True) if is_log(distribution) else _Axis(label, low, high)


def _traces(
    known: Known, drawn: Sequence[FrozenTrial], names: Sequence[str], axes: Sequence[_Axis]
) -> list[dict[str, Any]]:
    """Return the lines of one shade as one trace, the best ones on top; axes that a trial lacks leave a gap."""
    maximize = known.state.directions[0] == "maximize"
    shades: dict[int, list[FrozenTrial]] = {}
    for trial in drawn:
        height = axes[0].height(value_of(trial, 0))
        good = height if maximize else 1 - height
        is_pruned = trial.state == TrialState.PRUNED
        shades.setdefault(-1 if is_pruned else min(int(good * N_SHADES), N_SHADES - 1), []).append(trial)
    on_axis = [placing(known.space[name]) for name in names]

    def line(trial: FrozenTrial) -> list[tuple[float | None, str]]:
        """Return a trial's height on each axis with what stands beside the pointer, and a gap behind it."""
        heights: list[float | None] = [axes[0].height(value_of(trial, 0))]
        texts = [f"{value_of(trial, 0):.6g}"]
        for name, axis, place in zip(names, axes[1:], on_axis, strict=True):
            there = name in trial.params
            heights.append(round(axis.height(place(trial.params[name])), 4) if there else None)
            texts.append(text_of(trial.params[name]) if there else "")
        told = (f"trial {trial.number}<br>{escaped(axis.name)}: {text}" for axis, text in zip(axes, texts, strict=True))
        return [*zip(heights, told, strict=True), (None, "")]

    return [_lines(shade, trials, [line(trial) for trial in trials]) for shade, trials in sorted(shades.items())]


def _lines(
    shade: int, trials: Sequence[FrozenTrial], lines: Sequence[Sequence[tuple[float | None, str]]]
) -> dict[str, Any]:
    """Return lines of one shade; -1 is that of pruned trials."""
    share = max(shade, 0) / (N_SHADES - 1)
    mixed = [round(low + share * (high - low)) for low, high in zip(WORST, BEST, strict=True)]
    colour = DROPPED if shade < 0 else f"rgb({','.join(map(str, mixed))})"
    n_points = len(lines[0])
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*range(n_points - 1), None] * len(lines),
        "y": [height for line in lines for height, _ in line],
        "text": [text for line in lines for _, text in line],
        "customdata": [trial.number for trial in trials for _ in range(n_points)],
        "hovertemplate": "%{text}<extra></extra>",
        "name": "pruned" if shade < 0 else "worst" if shade == 0 else "best",
        "showlegend": shade in (-1, 0, N_SHADES - 1),
        "opacity": 0.5 if shade < 0 else 0.65,
        "line": {"color": colour, "width": 1 if shade < 0 else 1.5, "dash": "dot" if shade < 0 else "solid"},
    }


def _layout(axes: Sequence[_Axis]) -> dict[str, Any]:
    ticks = [
        {
            "x": place,
            "y": height,
            "text": text,
            "xanchor": "left",
            "xshift": 4,
            "showarrow": False,
            "font": {"size": 10},
        }
        for place, axis in enumerate(axes)
        for height, text in axis.ticks()
    ]
    lines = [
        {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "line": {"width": 1, "color": "rgb(140,150,165)"}}
        for place in range(len(axes))
    ]
    return {
        "xaxis": {
            "tickvals": list(range(len(axes))),
            "ticktext": [escaped(broken(axis.name, WIDEST_NAME)).replace("\n", "<br>") for axis in axes],
            "range": [-0.15, len(axes) - 0.35],
            "showgrid": False,
            "zeroline": False,
        },
        "yaxis": {"visible": False, "range": [-0.04, 1.04]},
        "annotations": ticks,
        "shapes": lines,
        "showlegend": True,
        "legend": LEGEND,
        "margin": {"l": 12, "b": 44},
    }
