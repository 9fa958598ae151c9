"""Charts in character cells: their axes and rasterized curves, computed outside the event loop.

Laid out here because plotext can neither follow a theme nor repaint only the cells that changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnn_tui.reports.charts.axis import Axis, Tick, fixed_axis, linear_axis, log_axis, ticked_axis
from cnn_tui.reports.charts.raster import FloatArray, Polyline, drawable, rasterize, reduce, smooth
from cnn_tui.reports.charts.series import CurveStyle, Dash, Marker, Role, Series

_LINES: dict[Dash, str] = {"solid": "thin", "dashed": "thick", "dotted": "·"}
_CHARACTERS: dict[Marker, str] = {
    "none": "•",
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "triangle": "▲",
    "cross": "×",
    "plus": "+",
}
_DISTINCT_MARKERS = ("diamond", "cross", "plus")  # drawn along the whole line, because dashes alone are only three
_LINE_SAMPLES = {"thin": "⠤⠤", "thick": "⠶⠶"}
SMALLEST = (20, 5)
_SINGLE_POINTS = {"thin": "•", "thick": "●"}  # one Braille dot would be overlooked, or hidden by another curve
_LEAST_GUTTER = 4  # as wide as "100%", so that charts above each other are aligned
_ROWS_AROUND = 3  # the legend, the axis and its labels


@dataclass(frozen=True)
class ChartPlan:
    """The content and appearance of a chart, without colours; sizes in cells, ``smoothing`` in [0, 1).

    ``x_range`` and ``best`` are logarithms if the x axis is logarithmic.
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
        """Whether the chart is too small for axes and curves."""
        return self.width < SMALLEST[0] or self.height < SMALLEST[1]


@dataclass(frozen=True)
class ChartLayout:
    """A plan with its axes and the rows of each curve, the topmost last; only the plan if nothing can be drawn.

    ``gutter``, ``width`` and ``height`` are the cells left of the y axis and those of the canvas.
    """

    plan: ChartPlan
    x_axis: Axis | None = None
    y_axis: Axis | None = None
    gutter: int = 0
    width: int = 0
    height: int = 0
    curves: tuple[tuple[str, ...], ...] = ()
    roles: tuple[Role, ...] = ()


def lay_out(plan: ChartPlan) -> ChartLayout:
    """Compute axes and curves. Takes milliseconds, so call it outside the event loop."""
    finite = [drawable(series.xs, series.ys, log=plan.log, log_x=plan.log_x) for series in plan.series]
    smoothed = [(xs, smooth(ys, plan.smoothing)) for xs, ys in finite]
    points = [(np.log10(xs) if plan.log_x else xs, np.log10(ys) if plan.log else ys) for xs, ys in smoothed]
    if plan.is_tiny or not any(len(xs) for xs, _ in points):
        return ChartLayout(plan)
    height = plan.height - _ROWS_AROUND
    y_axis = _y_axis(plan, np.concatenate([ys for _, ys in points]), height)
    gutter = max(_LEAST_GUTTER, *(len(tick.label) for tick in y_axis.ticks))
    width = plan.width - gutter - 1
    x_axis = _x_axis(plan, np.concatenate([xs for xs, _ in points]), width)
    lines: list[tuple[tuple[str, ...], Role]] = []
    single_points: list[tuple[tuple[str, ...], Role]] = []
    for series, (xs, ys) in zip(plan.series, points, strict=True):
        reduced = reduce(xs, ys, x_axis.low, x_axis.high, width)
        ranges = (x_axis.low, x_axis.high), (y_axis.low, y_axis.high)
        usual = cell_marker(series)
        marker = _SINGLE_POINTS.get(usual, usual) if len(reduced[0]) == 1 else usual
        rows = rasterize(Polyline(*reduced, *ranges, width, height, marker, series.dash != "none"))
        (lines if marker == usual else single_points).append((rows, series.role))
    curves, roles = zip(*lines, *single_points, strict=True)
    return ChartLayout(plan, x_axis, y_axis, gutter, width, height, curves, roles)


def cell_marker(series: Series | CurveStyle) -> str:
    """The marker of a curve: "thin" or "thick" for a line of Braille dots, or a character."""
    if series.dash == "none" or series.marker in _DISTINCT_MARKERS:
        return _CHARACTERS[series.marker]
    return _LINES[series.dash]


def sample(series: Series | CurveStyle) -> str:
    """The sample of a curve in a legend, two cells wide."""
    marker = cell_marker(series)
    return _LINE_SAMPLES.get(marker, marker * 2)


def _x_axis(plan: ChartPlan, xs: FloatArray, width: int) -> Axis:
    low, high, count = float(xs.min()), float(xs.max()), max(1, width // 10)
    whole = bool((xs == np.round(xs)).all())
    if plan.x_range is not None:
        return fixed_axis(*plan.x_range, count, whole=whole)
    return ticked_axis(low, high, count, log=plan.log_x, whole=whole, ticks=plan.x_ticks)


def _y_axis(plan: ChartPlan, ys: FloatArray, height: int) -> Axis:
    low, high, count = float(ys.min()), float(ys.max()), max(1, height // 3)
    return log_axis(low, high, count) if plan.log else linear_axis(low, high, count, percent=plan.percent)
