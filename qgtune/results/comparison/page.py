"""A comparison as one HTML page that needs nothing but itself, not even a script."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files
from typing import TYPE_CHECKING

from qgtune.results.comparison.drawing import COLOURS, Line, steps
from qgtune.results.comparison.tables import HEADS, aim, notes, rows
from qgtune.results.report.markup import Html, tag
from qgtune.results.report.markup import table as html_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qgtune.results.comparison.contestants import Contestant

POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'"
STYLE = """
svg { display: block; width: 100%; min-width: 640px; font-size: 14px; }
svg text { fill: var(--soft); } svg .title { fill: var(--ink); }
svg .rule { stroke: var(--line); stroke-width: 1; } svg .curve { fill: none; stroke-width: 2.5; }
#best td { white-space: nowrap; }
.key { display: inline-block; margin-right: 18px; white-space: nowrap; }
.key span { display: inline-block; width: 14px; height: 4px; margin-right: 6px; vertical-align: middle; }
"""


def render(found: Sequence[Contestant]) -> str:
    """Return the page."""
    style = files("qgtune.results.report").joinpath("page.css").read_text(encoding="utf-8")
    title = " against ".join(one.name for one in found)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            tag("title", f"{title} · qgtune"),
            f"<style>{style}{STYLE}</style></head><body>",
            tag("header", tag("h1", title)),
            tag("main", _best(found), _history(found)),
            tag("footer", f"Written by qgtune on {dt.datetime.now().astimezone():%Y-%m-%d %H:%M:%S}."),
            "</body></html>\n",
        ]
    )


def _best(found: Sequence[Contestant]) -> Html:
    remarks = (tag("p", text, class_="note") for text in notes(found))
    return tag("section", tag("h2", f"Best value, {aim(found)}"), html_table(HEADS, rows(found)), *remarks, id="best")


def _history(found: Sequence[Contestant]) -> Html:
    by_trials = [
        Line(one.name, list(zip(one.curve.n_trials, one.curve.values, strict=True)), one.n_ended) for one in found
    ]
    unit, unit_s = _unit(max(one.elapsed_s for one in found))
    by_time = [
        Line(
            one.name,
            [(at / unit_s, it) for at, it in zip(one.curve.elapsed_s, one.curve.values, strict=True)],
            one.elapsed_s / unit_s,
        )
        for one in found
    ]
    plots = [
        _figure(steps(by_trials, "trials that have ended", "best value so far")),
        _figure(steps(by_time, f"wall-clock time in {unit}", "best value so far")),
    ]
    if not any(plots):
        return tag("section", tag("h2", "How fast"), tag("p", "No trial has completed.", class_="note"), id="history")
    note = "Time counts while a trial runs: pauses of a sweep, and the time before its first trial, are left out."
    plots.append(tag("p", note, class_="note"))
    return tag("section", tag("h2", "How fast"), _keys(found), tag("div", *plots, class_="stack"), id="history")


def _unit(longest_s: float) -> tuple[str, float]:
    """Return the unit in which a time reads best, and how many seconds it has."""
    units = {"hours": 3600.0, "minutes": 60.0}
    return next(((name, size) for name, size in units.items() if longest_s > 2 * size), ("seconds", 1.0))


def _figure(drawing: Html) -> Html:
    return tag("figure", tag("div", drawing, class_="scroll")) if drawing else Html()


def _keys(found: Sequence[Contestant]) -> Html:
    keys = (
        tag("span", tag("span", style=f"background:{COLOURS[place % len(COLOURS)]}"), one.name, class_="key")
        for place, one in enumerate(found)
    )
    return tag("p", *keys)
