"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import math
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgtune.results.report import tables
from qgtune.results.report.conclusions import Known, conclusions
from qgtune.results.report.figures.drawer import drawn
from qgtune.results.report.figures.plot import Plots
from qgtune.results.report.markup import Html, copyable, joined, tag
from qgtune.results.report.study_state import read_state
from qgtune.results.report.trials import trial_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna

    from qgtune.results.report.facts import Facts
    from qgtune.results.report.figures.plot import Plot

# Nothing may be fetched from anywhere, and no script runs but the page's own: not even one that slipped in as text.
POLICY = "default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; form-action 'none'"
TITLES = {
    "front": "Pareto front",
    "history": "Optimisation history",
    "importances": "Hyperparameter importances",
    "slices": "Slices",
    "parallel": "Parallel coordinates",
    "intermediate": "Intermediate values",
    "timeline": "Workers",
}
COLUMNS = ("slices",)
NO_TEXT, NO_PLOTS = Html(), Plots()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        key: its id.
        title: its heading.
        text: HTML above the plots.
        plots: its plots.
    """

    key: str
    title: str
    text: Html = NO_TEXT
    plots: Plots = NO_PLOTS


def render(study: optuna.Study, facts: Facts, path: Path) -> str:
    """Return the page of a study.

    Args:
        study: in any state.
        facts: what is known beside it.
        path: where the page will be.
    """
    known = Known(read_state(study), facts)
    trials, note = trial_data(known, path)
    sections = _sections(known, note, path)
    figures = {plot.key: plot.figure for section in sections for plot in section.plots.plots}
    scripts = [_plotly(), *(_asset(name) for name in ("page.js", "trials.js"))]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            tag("title", f"{known.state.name} · qgtune"),
            f"<style>{_asset('page.css')}</style></head><body>",
            _header(known, sections),
            tag("main", tag("section", tables.summary(known), id="summary"), *map(_section, sections)),
            tag("footer", f"Written by qgtune on {known.state.taken:%Y-%m-%d %H:%M:%S}."),
            f'<script type="application/json" id="figures">{_json(figures)}</script>',
            f'<script type="application/json" id="trial-data">{_json(trials)}</script>',
            *(f"<script>{text}</script>" for text in scripts),
            "</body></html>\n",
        ]
    )


def _sections(known: Known, note: str, path: Path) -> list[Section]:
    facts = known.facts
    failures = Section("failures", "Failures", tables.failures(known.state, facts, path))
    found = [
        *_conclusions(known),
        Section("best", "Best config", tables.best(known)),
        *(Section(key, TITLES[key], plots=plots) for key, plots in _figures(known).items()),
        Section("trials", "All trials", tables.all_trials(known.state, note)),
        failures,
        Section("space", "Search space", tables.search_space(known)),
    ]
    if not known.state.completed and known.state.failures:  # then nothing else is worth reading first
        found.remove(failures)
        found.insert(0, failures)
    return [*found, Section("commands", "Going on", tables.commands(facts))] if facts.commands else found


def _figures(known: Known) -> dict[str, Plots]:
    """Return the figures; of a study without a value, only those that show something."""
    return {key: plots for key, plots in drawn(known).items() if plots.plots or known.finished or key == "timeline"}


def _conclusions(known: Known) -> list[Section]:
    items = [
        tag("li", tag("p", one.text), *([copyable(one.command, f"conclusion-{place}")] if one.command else []))
        for place, one in enumerate(conclusions(known))
    ]
    return [Section("conclusions", "Conclusions", tag("ul", *items))] if items else []


def _header(known: Known, sections: list[Section]) -> Html:
    links = [tag("a", section.title, href=f"#{section.key}") for section in sections]
    return tag("header", tag("h1", known.state.name), tag("nav", joined(links), aria_label="Sections"))


def _section(section: Section) -> Html:
    is_labelled = len(section.plots.plots) > 1 or section.key in COLUMNS
    note = [tag("p", section.plots.note, class_="note")] if section.plots.note else []
    plots = [_plot(plot, is_labelled=is_labelled) for plot in section.plots.plots]
    box = [tag("div", *plots, class_="grid" if section.key in COLUMNS else "stack")] if plots else []
    return tag("section", tag("h2", section.title), section.text, *note, *box, id=section.key)


def _plot(plot: Plot, *, is_labelled: bool) -> Html:
    style = f"height:{plot.height_px}px" + (f";min-width:{plot.width_px}px" if plot.width_px else "")
    told = plot.told or plot.label
    drawing = tag(
        "div", class_="plot", id=f"plot-{plot.key}", data_figure=plot.key, style=style, role="img", aria_label=told
    )
    label = [tag("figcaption", plot.label)] if is_labelled else []
    scrolls = {"class_": "scroll", "tabindex": "0", "role": "group", "aria_label": plot.label} if plot.width_px else {}
    return tag("figure", *label, tag("div", drawing, **scrolls), tag("p", told, class_="told"))


def _policy(scripts: list[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    return POLICY.format(hashes=" ".join(f"'sha256-{digest}'" for digest in digests))


def _json(data: Mapping[str, Any]) -> str:
    """Return plain data as JSON that stands inside a script element: no `<` can end it."""
    try:
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(data), separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c")


def _finite(data: Any) -> Any:
    """Return data without numbers that JSON does not have: plotly draws nothing for a null."""
    if isinstance(data, dict):
        return {key: _finite(item) for key, item in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(item) for item in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def _plotly() -> str:
    """Return plotly's script from its package, which takes half a second to import."""
    found = importlib.util.find_spec("plotly")
    folders = (found and found.submodule_search_locations) or ["plotly"]
    return Path(folders[0], "package_data", "plotly.min.js").read_text(encoding="utf-8")


def _asset(name: str) -> str:
    return files("qgtune.results.report").joinpath(name).read_text(encoding="utf-8")
