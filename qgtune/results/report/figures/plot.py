"""What all figures share: their form, their colours, and how values and texts are put into them."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from qgtune.space.wording import choice_text, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

MOST_POINTS = 2_000
WORST, BEST = (240, 163, 90), (47, 127, 214)
SCALE = [[0.0, f"rgb{WORST}"], [1.0, f"rgb{BEST}"]]
GOOD, DROPPED, BAD, RUNNING = "rgb(47,127,214)", "rgb(240,163,90)", "rgb(214,69,65)", "rgb(70,170,110)"
STAR, GREY = "rgb(150,80,200)", "rgb(150,150,150)"
LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
KINDS = {
    TrialState.COMPLETE: ("complete", GOOD),
    TrialState.PRUNED: ("pruned", DROPPED),
    TrialState.FAIL: ("failed", BAD),
    TrialState.RUNNING: ("running", RUNNING),
    TrialState.WAITING: ("waiting", GREY),
}
LONGEST_CHOICE = 32
_FAR = 4.0


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot.

    Attributes:
        key: its name in the page, letters, digits and dashes.
        label: what it shows, as plain text.
        figure: plotly's `data` and `layout`; texts in it are escaped as HTML.
        told: what a reader sees in it, as plain text for those who cannot see it.
        height_px: how high it is drawn.
        width_px: how wide it is at least; on narrower screens it scrolls in its own box.
    """

    key: str
    label: str
    figure: dict[str, Any]
    told: str = ""
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


def escaped(text: str) -> str:
    """Return a text as plotly shows it literally: plotly reads a few tags and entities in its texts."""
    return html.escape(text, quote=False)


def shown(what: str, n_shown: int, n_all: int, which: str) -> str:
    """Say which part of the trials a plot shows; empty if it shows all."""
    return f"Showing {n_shown:,} of {n_all:,} {what}: {which}." if n_shown < n_all else ""


def value_of(trial: FrozenTrial, objective: int) -> float | None:
    """Return a complete trial's value, or what a pruned one reported last; None for others."""
    if trial.state == TrialState.COMPLETE:
        return float(trial.values[objective])
    reports = trial.intermediate_values if trial.state == TrialState.PRUNED else {}
    return reports[max(reports)] if reports else None


def choices_of(distribution: CategoricalDistribution) -> list[str]:
    """Return choices as they are drawn: short, and told from each other by their place where they are cut."""
    return [_short(choice, place) for place, choice in enumerate(map(choice_text, distribution.choices))]


def _short(choice: str, place: int) -> str:
    return escaped(choice if len(choice) <= LONGEST_CHOICE else f"{choice[: LONGEST_CHOICE - 5]}… #{place}")


def text_of(value: Any) -> str:
    """Return a hyperparameter's value as text beside the pointer."""
    text = f"{value:.6g}" if isinstance(value, float) else choice_text(value)
    return escaped(cut(text, LONGEST_CHOICE))


def placing(distribution: BaseDistribution) -> Callable[[Any], Any]:
    """Return what gives a hyperparameter's value as it is on an axis: itself, or its choice's text."""
    if not isinstance(distribution, CategoricalDistribution):
        return lambda value: value
    texts = {
        (isinstance(choice, bool), choice): text
        for choice, text in zip(distribution.choices, choices_of(distribution), strict=True)
    }
    return lambda value: (
        texts.get((isinstance(value, bool), value)) or text_of(value)
    )  # earlier sweeps had other choices


def is_log(distribution: BaseDistribution) -> bool:
    """Say whether a range is logarithmic."""
    return isinstance(distribution, (FloatDistribution, IntDistribution)) and distribution.log


def span_of(values: Sequence[float], must: Sequence[float] = ()) -> tuple[float, float] | None:
    """Return the ends of an axis on which most values can be told apart: those far off are drawn at its ends.

    Args:
        values: what is drawn; infinite ones are far off.
        must: what has to lie inside, such as the best value.

    Returns:
        The ends, or None where no value is finite.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    first, third = np.quantile(finite, [0.25, 0.75])
    reach = _FAR * float(third - first) or abs(float(first)) or 1.0
    inside = [value for value in finite if first - reach <= value <= third + reach]
    inside += [value for value in must if math.isfinite(value)]
    return min(inside), max(inside)


def padded(span: tuple[float, float]) -> list[float]:
    """Return the range of an axis for a span, with some room at both ends."""
    room = 0.06 * (span[1] - span[0]) or abs(span[0]) * 0.1 or 1.0
    return [span[0] - room, span[1] + room]


def placed(value: float, span: tuple[float, float] | None) -> tuple[float, str | None]:
    """Return where a value is drawn, and the symbol of one that is beyond an end of its axis; None for none."""
    if span is None or span[0] <= value <= span[1]:
        return value, None
    return (span[1], "triangle-up") if value > span[1] else (span[0], "triangle-down")


def points(
    trials: Sequence[FrozenTrial], x: Sequence[Any], y: Sequence[float], told: Sequence[str], **given: Any
) -> dict[str, Any]:
    """Return a trace of points that know their trials, so that a click on one opens its trial."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(x),
        "y": list(y),
        "text": list(told),
        "customdata": [trial.number for trial in trials],
        "hovertemplate": "%{text}<extra></extra>",
        "cliponaxis": False,
        **given,
    }
