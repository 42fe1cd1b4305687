"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
import warnings
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from qgtune.results.report import tables
from qgtune.results.report.excerpt import optuna_quiet
from qgtune.results.report.figures import Plots
from qgtune.results.report.markup import Html, joined, tag
from qgtune.results.report.plots import Drawer
from qgtune.results.report.study_state import read_state
from qgtune.results.report.workers import timeline

if TYPE_CHECKING:
    import optuna

    from qgtune.results.report.facts import Facts
    from qgtune.results.report.figures import Plot
    from qgtune.results.report.study_state import StudyState

# Nothing may be fetched from anywhere, and no script runs but the page's own: not even one that slipped in as text.
POLICY = "default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; form-action 'none'"


NO_TEXT, NO_PLOTS = Html(), Plots()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        key: its id.
        title: its heading.
        text: HTML above the plots.
        plots: its plots.
        columns: whether the plots stand side by side where there is room.
    """

    key: str
    title: str
    text: Html = NO_TEXT
    plots: Plots = NO_PLOTS
    columns: bool = False


def render(study: optuna.Study, facts: Facts) -> str:
    """Return the page of a study."""
    study_state = read_state(study)
    with optuna_quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's plots warn of what they leave out
        sections = _sections(study_state, facts)
    figures = {plot.key: plot.figure for section in sections for plot in section.plots.plots}
    script = _asset("page.js")
    scripts = [_plotly(), script] if figures else [script]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            tag("title", f"{study_state.name} · qgtune"),
            f"<style>{_asset('page.css')}</style></head><body>",
            _header(study_state, sections),
            tag("main", _summary(study_state, facts), *map(_section, sections)),
            tag("footer", f"Written by qgtune on {study_state.taken:%Y-%m-%d %H:%M:%S}."),
            f'<script type="application/json" id="figures">{_json(figures)}</script>',
            *(f"<script>{text}</script>" for text in scripts),
            "</body></html>\n",
        ]
    )


def _sections(study_state: StudyState, facts: Facts) -> list[Section]:
    drawer = Drawer(study_state)
    found = [Section("best", "Best config", tables.best(study_state, facts))]
    if study_state.is_multi_objective:
        found.append(Section("front", "Pareto front", plots=drawer.front()))
    found += [
        Section("history", "Optimisation history", plots=drawer.history()),
        Section("importances", "Hyperparameter importances", plots=drawer.importances()),
        Section("slices", "Slices", plots=drawer.slices(), columns=True),
        Section("parallel", "Parallel coordinates", plots=drawer.parallel()),
    ]
    if not study_state.is_multi_objective:  # Optuna takes no intermediate values of several objectives
        found.append(Section("intermediate", "Intermediate values", plots=drawer.intermediate()))
    found += [
        Section("timeline", "Workers", plots=timeline(study_state)),
        Section("failures", "Failures", tables.failures(study_state, facts)),
        Section("space", "Search space", tables.search_space(study_state)),
    ]
    return [*found, Section("commands", "Going on", tables.commands(facts))] if facts.commands else found


def _header(study_state: StudyState, sections: list[Section]) -> Html:
    links = [tag("a", section.title, href=f"#{section.key}") for section in sections]
    return tag("header", tag("h1", study_state.name), tag("nav", joined(links)))


def _summary(study_state: StudyState, facts: Facts) -> Html:
    return tag("section", tables.summary(study_state, facts), id="summary")


def _section(section: Section) -> Html:
    is_many = len(section.plots.plots) > 1
    note = [tag("p", section.plots.note, class_="note")] if section.plots.note else []
    plots = [_plot(plot, is_labelled=is_many or section.columns) for plot in section.plots.plots]
    box = [tag("div", *plots, class_="grid" if section.columns else "stack")] if plots else []
    return tag("section", tag("h2", section.title), section.text, *note, *box, id=section.key)


def _plot(plot: Plot, *, is_labelled: bool) -> Html:
    style = f"height:{plot.height_px}px" + (f";min-width:{plot.width_px}px" if plot.width_px else "")
    drawing = tag("div", class_="plot", id=f"plot-{plot.key}", data_figure=plot.key, style=style)
    label = [tag("figcaption", plot.label)] if is_labelled else []
    return tag("figure", *label, tag("div", drawing, class_="scroll"))


def _policy(scripts: list[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    return POLICY.format(hashes=" ".join(f"'sha256-{digest}'" for digest in digests))


def _json(figures: dict[str, Any]) -> str:
    """Return figures as JSON that stands inside a script element: no `<` can end it."""
    import plotly.io

    parts = (f"{json.dumps(key)}:{plotly.io.to_json(figure, validate=False)}" for key, figure in figures.items())
    return ("{" + ",\n".join(parts) + "}").replace("<", "\\u003c")


def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _asset(name: str) -> str:
    return files("qgtune.results.report").joinpath(name).read_text(encoding="utf-8")
