"""Step curves as SVG: no script, a few kilobytes, and the page's own colours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qgtune.results.report.markup import Html, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = ("#2f7fd6", "#d9822b", "#46aa6e", "#9650c8", "#d64541", "#1aa6a6", "#8a6d3b", "#7a8794")
_WIDTH, _HEIGHT = 1000, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 16, 12, 52
_N_TICKS = 6
_WIDE = 50
"""From which ratio of the greatest to the least value on a logarithmic axis shows more."""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve that keeps its value until the next point.

    Attributes:
        name: what it is of.
        points: in order of x.
        end: how far it goes on.
    """

    name: str
    points: Sequence[tuple[float, float]]
    end: float


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        low, high, place = (math.log10(it) if self.is_log else it for it in (self.low, self.high, value))
        return round(self.start + (place - low) / (high - low) * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Return round values: multiples of 1, 2 or 5 times a power of ten, or the powers of a logarithmic scale."""
        if self.is_log:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            return [10.0**power for power in powers]
        rough = (self.high - self.low) / _N_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough)
        first = math.ceil(self.low / step - 1e-9)
        return [step * place for place in range(first, math.floor(self.high / step + 1e-9) + 1)]


def steps(lines: Sequence[Line], x_title: str, y_title: str) -> Html:
    """Draw curves in one plot; each knows its colour by its place.

    Args:
        lines: those without points are left out.
        x_title: what x is.
        y_title: what y is; it is drawn on a logarithmic scale where the values are far apart.
    """
    ys = [y for line in lines for _, y in line.points if math.isfinite(y)]
    x_high = max((line.end for line in lines if line.points), default=0.0)
    if not ys or x_high <= 0:
        return Html()
    x = _Scale(0.0, x_high, _LEFT, _WIDTH - _RIGHT)
    y = _y_scale(min(ys), max(ys))
    y_title += ", logarithmic" if y.is_log else ""
    return tag(
        "svg",
        *_axis_x(x, x_title),
        *_axis_y(y, y_title),
        *(_curve(line, x, y, COLOURS[place % len(COLOURS)]) for place, line in enumerate(lines) if line.points),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=f"{y_title} against {x_title}",
    )


def _y_scale(low: float, high: float) -> _Scale:
    if low > 0 and high / low > _WIDE:
        return _Scale(low / 1.3, high * 1.3, _HEIGHT - _BOTTOM, _TOP, is_log=True)
    margin = (high - low) * 0.05 or abs(low) * 0.05 or 1.0
    return _Scale(low - margin, high + margin, _HEIGHT - _BOTTOM, _TOP)


def _curve(line: Line, x: _Scale, y: _Scale, colour: str) -> Html:
    finite = [(place, value) for place, value in line.points if math.isfinite(value)]
    path = "".join(
        f"M{x.at(place)},{y.at(value)}" if not index else f"H{x.at(place)}V{y.at(value)}"
        for index, (place, value) in enumerate(finite)
    )
    drawn = tag("path", d=f"{path}H{x.at(line.end)}", stroke=colour, class_="curve")
    dots = (
        tag(
            "circle",
            tag("title", f"{line.name}: {value:.6g}"),
            cx=f"{x.at(p)}",
            cy=f"{y.at(value)}",
            r="3",
            fill=colour,
        )
        for p, value in finite
    )
    return tag("g", drawn, *dots)


def _axis_x(x: _Scale, title: str) -> list[Html]:
    base = _HEIGHT - _BOTTOM
    parts = []
    for value in x.ticks():
        at = f"{x.at(value)}"
        parts.append(tag("line", x1=at, x2=at, y1=f"{_TOP}", y2=f"{base}", class_="rule"))
        parts.append(tag("text", f"{value:.5g}", x=at, y=f"{base + 20}", text_anchor="middle"))
    middle = f"{(_LEFT + _WIDTH - _RIGHT) / 2}"
    return [*parts, tag("text", title, x=middle, y=f"{_HEIGHT - 8}", text_anchor="middle", class_="title")]


def _axis_y(y: _Scale, title: str) -> list[Html]:
    parts = []
    for value in y.ticks():
        at = y.at(value)
        parts.append(tag("line", x1=f"{_LEFT}", x2=f"{_WIDTH - _RIGHT}", y1=f"{at}", y2=f"{at}", class_="rule"))
        parts.append(tag("text", f"{value:.5g}", x=f"{_LEFT - 8}", y=f"{at + 4}", text_anchor="end"))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    turned = f"rotate(-90 14 {middle})"
    return [*parts, tag("text", title, x="14", y=f"{middle}", text_anchor="middle", transform=turned, class_="title")]
