"""The figures as PNG pictures, from the same data as the page.

Drawn with matplotlib: plotly's own pictures need a browser on the machine, which a cluster's nodes do not have.
"""

from __future__ import annotations

import datetime as dt
import html
import math
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.ticker import PercentFormatter

from qgtune.results.report.conclusions import Known
from qgtune.results.report.facts import Facts
from qgtune.results.report.figures.drawer import drawn
from qgtune.results.report.figures.plot import BEST, WORST
from qgtune.results.report.study_state import read_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import optuna
    from matplotlib.axes import Axes

    from qgtune.results.report.figures.plot import Plot

DOTS_PER_INCH = 150
PIXELS_PER_INCH = 80
WIDTH_INCHES = 9.0
MOST_COLUMNS = 4
MARKERS = {
    "circle": "o",
    "x": "x",
    "x-thin-open": "x",
    "line-ns-open": "|",
    "triangle-up": "^",
    "triangle-down": "v",
}
NAMES = {
    "intermediate": "intermediate_values",
    "timeline": "workers",
    "history": "optimization_history",
    "front": "pareto_front",
    "parallel": "parallel_coordinates",
}


def draw(study: optuna.Study, folder: Path) -> list[Path]:
    """Draw what the study has to show, and return the pictures' paths."""
    known = Known(read_state(study), Facts())
    written = []
    with _headless(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that no font has
        for name, plots in _pictures(known):
            _picture(plots)
            path = folder / f"{name}.png"
            plt.gcf().savefig(path, dpi=DOTS_PER_INCH, bbox_inches="tight")
            plt.close("all")
            written.append(path)
    return written


def _pictures(known: Known) -> Iterator[tuple[str, Sequence[Plot]]]:
    """Yield the pictures' names and their plots: slices of one objective share a picture."""
    for key, plots in drawn(known).items():
        name = NAMES.get(key, key)
        if key in ("slices", "history", "importances"):
            for index in dict.fromkeys(plot.key.rpartition("-")[2] for plot in plots.plots):
                own = [plot for plot in plots.plots if plot.key.endswith(f"-{index}")]
                yield (f"{name}_{index}" if known.state.is_multi_objective else name), own
        elif plots.plots:
            yield name, plots.plots


def _picture(plots: Sequence[Plot]) -> None:
    """Draw plots side by side, or one that is as wide as it needs."""
    n_columns = min(len(plots), MOST_COLUMNS)
    n_rows = math.ceil(len(plots) / n_columns)
    height = plots[0].height_px / PIXELS_PER_INCH
    width = max(WIDTH_INCHES, plots[0].width_px / PIXELS_PER_INCH) if n_columns == 1 else 3.2 * n_columns
    figure = plt.figure(figsize=(width, height * n_rows), layout="constrained")
    for place, plot in enumerate(plots, start=1):
        is_deep = any(trace["type"] == "scatter3d" for trace in plot.figure["data"])
        axes = figure.add_subplot(n_rows, n_columns, place, projection="3d" if is_deep else None)
        _fill(axes, plot.figure)
        axes.set_title(literal(plot.label), fontsize=9)


def _fill(axes: Axes, figure: dict[str, Any]) -> None:
    layout = figure["layout"]
    scales = {name: _Scale(layout.get(f"{name}axis", {}), figure["data"], name) for name in ("x", "y")}
    for trace in figure["data"]:
        if trace["type"] == "bar":
            _bars(axes, trace, scales)
        else:
            _scatter(axes, trace, scales)
    for note in layout.get("annotations", ()):
        shift = (note.get("xshift", 0), -3)
        place = (scales["x"].at(note["x"]), scales["y"].at(note["y"]))
        axes.annotate(literal(html.unescape(note["text"])), place, shift, textcoords="offset points", fontsize=7)
    for shape in layout.get("shapes", ()):
        axes.plot([shape["x0"], shape["x1"]], [shape["y0"], shape["y1"]], color="grey", linewidth=0.8)
    for name, scale in scales.items():
        scale.set(axes, name)
    if "scene" in layout:
        for name, axis in layout["scene"].items():
            getattr(axes, f"set_{name[0]}label")(literal(html.unescape(axis["title"]["text"])))
    if layout.get("showlegend"):
        axes.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, 1.05), ncols=6, frameon=False)


class _Scale:
    """One axis: places texts and dates on it as numbers.

    Args:
        axis: as plotly's layout has it.
        traces: whose texts it holds.
        name: `x` or `y`.
    """

    def __init__(self, axis: dict[str, Any], traces: Sequence[dict[str, Any]], name: str) -> None:
        self.axis = axis
        self.first: dt.datetime | None = None
        self.texts: list[str] = []
        if axis.get("type") == "date":
            self.first = min(dt.datetime.fromisoformat(start) for trace in traces for start in trace["base"])
        if axis.get("type") == "category":
            found = [*axis.get("categoryarray", ()), *(text for trace in traces for text in trace[name])]
            self.texts = list(dict.fromkeys(found))

    def at(self, value: Any) -> Any:
        """Return where a value lies."""
        if self.first is not None:
            return (dt.datetime.fromisoformat(value) - self.first).total_seconds()
        if self.texts:
            return self.texts.index(value)
        return math.nan if value is None else value

    def set(self, axes: Axes, name: str) -> None:
        """Give the axis its scale, its ticks and its name."""
        title = self.axis.get("title", {}).get("text", "")
        if self.first is not None:
            title = f"Seconds since {self.first:%Y-%m-%d %H:%M:%S}"
        axes.set(**{f"{name}label": literal(html.unescape(title))})
        if self.axis.get("type") == "log":
            axes.set(**{f"{name}scale": "log"})
        ticks = (
            dict(enumerate(self.texts))
            if self.texts
            else dict(zip(self.axis.get("tickvals", ()), self.axis.get("ticktext", ()), strict=True))
        )
        if ticks:
            texts = [literal(html.unescape(text.replace("<br>", "\n"))) for text in ticks.values()]
            rotation = 30 if name == "x" and max(map(len, texts)) > 6 and self.texts else 0  # noqa: PLR2004 - letters that fit
            axes.set(**{f"{name}ticks": list(ticks)})
            axes.set(**{f"{name}ticklabels": texts})
            axes.tick_params("x" if name == "x" else "y", rotation=rotation)
        if "range" in self.axis:
            axes.set(**{f"{name}lim": tuple(self.axis["range"])})
        if self.axis.get("visible") is False:
            getattr(axes, f"{name}axis").set_visible(b=False)
        if self.axis.get("tickformat") == ".0%":
            getattr(axes, f"{name}axis").set_major_formatter(PercentFormatter(1))
        axes.tick_params(labelsize=7)


def _scatter(axes: Axes, trace: dict[str, Any], scales: dict[str, _Scale]) -> None:
    x, y = ([scales[name].at(value) for value in trace[name]] for name in ("x", "y"))
    deep = [trace["z"]] if "z" in trace else []
    label = literal(html.unescape(trace["name"])) if trace.get("showlegend", True) else "_"
    line = trace.get("line", {})
    if "lines" in trace["mode"]:
        style = "dotted" if line.get("dash") == "dot" else "solid"
        steps = "steps-post" if line.get("shape") == "hv" else "default"
        look = {
            "color": _colour(line["color"]),
            "linewidth": line["width"] * 0.8,
            "linestyle": style,
            "drawstyle": steps,
        }
        axes.plot(x, y, label=label, alpha=trace.get("opacity", 1.0), **look)
    if "markers" in trace["mode"]:
        _markers(axes, trace, [x, y, *deep], "_" if "lines" in trace["mode"] else label)


def _markers(axes: Axes, trace: dict[str, Any], places: Sequence[Sequence[Any]], label: str) -> None:
    """Draw points, those of each symbol together; one of size zero is none."""
    marker, n = trace["marker"], len(trace["x"])
    symbols, sizes, colours = (
        value if isinstance(value, list) else [value] * n
        for value in (marker.get("symbol", "circle"), marker.get("size", 6), marker["color"])
    )
    low, high = (min(colours), max(colours)) if "colorscale" in marker and n else (0, 1)
    scale = LinearSegmentedColormap.from_list("ours", [_colour(f"rgb{WORST}"), _colour(f"rgb{BEST}")])
    for symbol in dict.fromkeys(symbols):
        own = [index for index in range(n) if symbols[index] == symbol and sizes[index]]
        if not own:
            continue
        shades = [
            scale((colours[index] - low) / ((high - low) or 1)) if "colorscale" in marker else _colour(colours[index])
            for index in own
        ]
        areas = [sizes[index] ** 2 * 0.6 for index in own]
        at = [[place[index] for index in own] for place in places]
        scatter: Any = axes.scatter  # of two or three places
        scatter(
            *at,
            s=areas,
            c=shades,
            marker=MARKERS[symbol],
            label=label,
            alpha=marker.get("opacity", 1.0),
            zorder=3,
            linewidths=1.0,
        )
        label = "_"  # once in the legend


def _bars(axes: Axes, trace: dict[str, Any], scales: dict[str, _Scale]) -> None:
    is_dated = scales["x"].first is not None
    lengths = [value / 1000 if is_dated else value for value in trace["x"]]
    marker = trace["marker"]
    shapes = marker.get("pattern", {}).get("shape", [""] * len(lengths))
    error = trace.get("error_x")
    axes.barh(
        [scales["y"].at(text) for text in trace["y"]],
        lengths,
        left=[scales["x"].at(start) for start in trace.get("base", ())] or 0,
        height=0.7,
        color=_colour(marker["color"]),
        edgecolor="grey",
        linewidth=0.4,
        hatch=["//" if shape else "" for shape in shapes],
        xerr=None if error is None else [error["arrayminus"], error["array"]],
        label=trace.get("name", "_"),
    )


def _colour(text: str) -> tuple[float, float, float, float]:
    """Return matplotlib's form of a colour of ours, `rgb(47,127,214)`."""
    red, green, blue = (int(part) / 255 for part in text[text.index("(") + 1 : -1].split(","))
    return to_rgba((red, green, blue))


def literal(text: str) -> str:
    """Return a text as matplotlib shows it literally: what stands between two `$` is a formula to it."""
    return text.replace("$", r"\$")


@contextmanager
def _headless() -> Iterator[None]:
    """Draw without a window, whatever the process draws with otherwise."""
    before = mpl.get_backend()
    plt.switch_backend("agg")
    try:
        with mpl.rc_context():
            yield
    finally:
        plt.close("all")
        plt.switch_backend(before)
