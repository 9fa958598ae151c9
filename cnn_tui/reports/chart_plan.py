"""Charts in character cells: their axes and curves, computed outside the event loop.

Drawn here because plotext can neither follow a theme nor repaint only the cells that changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cnn_tui.reports.axis import Axis, Tick, fixed_axis, linear_axis, log_axis, varied_axis
from cnn_tui.reports.chart import Cue, Dash, Marker, Role, Series
from cnn_tui.reports.curve import Curve, draw_curve
from cnn_tui.reports.reduce import FloatArray, drawable, reduce, smooth

_LINES: dict[Dash, str] = {"solid": "thin", "dashed": "thick", "dotted": "·"}
_MARKS: dict[Marker, str] = {
    "none": "•",
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "triangle": "▲",
    "cross": "×",
    "plus": "+",
}
_OUTSTANDING = ("diamond", "cross", "plus")  # a line is drawn with these, since there are only three dashes
_SAMPLES = {"thin": "⠤⠤", "thick": "⠶⠶"}
SMALLEST = (20, 5)
_LONE = {"thin": "•", "thick": "●"}  # a line of one point is a dot that nobody sees, or another line covers it
_LEAST_GUTTER = 4  # as wide as "100%", so that charts above each other line up
_ROWS_AROUND = 3  # the legend, the axis and its labels


@dataclass(frozen=True)
class ChartPlan:
    """Everything that decides how a chart looks, but for colours; sizes in cells, ``smoothing`` in [0, 1).

    ``x_range`` and ``best`` are on the x axis as drawn, so logarithms where that is logarithmic.
    """

    series: tuple[Series, ...]
    width: int
    height: int
    title: str = ""
    x_label: str = ""
    log: bool = False
    log_x: bool = False
    x_ticks: tuple[Tick, ...] = ()
    percent: bool = False
    smoothing: float = 0.0
    x_range: tuple[float, float] | None = None
    best: float | None = None
    legend: bool = True
    empty_text: str = "no epochs yet"

    @property
    def is_tiny(self) -> bool:
        """Whether there is room for words only."""
        return self.width < SMALLEST[0] or self.height < SMALLEST[1]


@dataclass(frozen=True)
class Trace:
    """A plan with its axes and the rows of each curve; without them where there is nothing to draw or no room.

    The curves are in the order in which they lie over each other, and ``roles`` are their colours.
    """

    plan: ChartPlan
    x_axis: Axis | None = None
    y_axis: Axis | None = None
    gutter: int = 0
    width: int = 0
    height: int = 0
    curves: tuple[tuple[str, ...], ...] = field(default=())
    roles: tuple[Role, ...] = ()


def trace(plan: ChartPlan) -> Trace:
    """Draw the curves of a plan. Takes milliseconds, so it is called outside the event loop."""
    clean = [drawable(series.xs, series.ys, log=plan.log, log_x=plan.log_x) for series in plan.series]
    smoothed = [(xs, smooth(ys, plan.smoothing)) for xs, ys in clean]
    points = [(np.log10(xs) if plan.log_x else xs, np.log10(ys) if plan.log else ys) for xs, ys in smoothed]
    if plan.is_tiny or not any(len(xs) for xs, _ in points):
        return Trace(plan)
    height = plan.height - _ROWS_AROUND
    y_axis = _y_axis(plan, np.concatenate([ys for _, ys in points]), height)
    gutter = max(_LEAST_GUTTER, *(len(tick.label) for tick in y_axis.ticks))
    width = plan.width - gutter - 1
    x_axis = _x_axis(plan, np.concatenate([xs for xs, _ in points]), width)
    lines: list[tuple[tuple[str, ...], Role]] = []
    alone: list[tuple[tuple[str, ...], Role]] = []
    for series, (xs, ys) in zip(plan.series, points, strict=True):
        kept = reduce(xs, ys, x_axis.low, x_axis.high, width)
        ranges = (x_axis.low, x_axis.high), (y_axis.low, y_axis.high)
        usual = cell_marker(series)
        marker = _LONE.get(usual, usual) if len(kept[0]) == 1 else usual
        drawn = draw_curve(Curve(*kept, *ranges, width, height, marker, series.dash != "none")), series.role
        (lines if marker == usual else alone).append(drawn)
    curves, roles = zip(*lines, *alone, strict=True)
    return Trace(plan, x_axis, y_axis, gutter, width, height, curves, roles)


def cell_marker(series: Series | Cue) -> str:
    """What a series is drawn with: "thin" or "thick" for a line of Braille dots, or a character."""
    if series.dash == "none" or series.marker in _OUTSTANDING:
        return _MARKS[series.marker]
    return _LINES[series.dash]


def sample(series: Series | Cue) -> str:
    """Two cells of a series, as a legend shows it."""
    marker = cell_marker(series)
    return _SAMPLES.get(marker, marker * 2)


def _x_axis(plan: ChartPlan, xs: FloatArray, width: int) -> Axis:
    low, high, count = float(xs.min()), float(xs.max()), max(1, width // 10)
    whole = bool((xs == np.round(xs)).all())
    if plan.x_range is not None:
        return fixed_axis(*plan.x_range, count, whole=whole)
    return varied_axis(low, high, count, log=plan.log_x, whole=whole, ticks=plan.x_ticks)


def _y_axis(plan: ChartPlan, ys: FloatArray, height: int) -> Axis:
    low, high, count = float(ys.min()), float(ys.max()), max(1, height // 3)
    return log_axis(low, high, count) if plan.log else linear_axis(low, high, count, percent=plan.percent)
