"""Curves as SVG pictures that stand on their own: axes, ticks, legend, and a second cue beside every colour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rich.cells import cell_len

from cnn_tui.reports.axis import Axis, Tick, linear_axis, varied_axis
from cnn_tui.reports.svg_parts import INK, Dash, Marker, cut, line, mark, safe, stroke, text

COLOURS = {
    "train": "#c92a2a",
    "validation": "#1864ab",
    "test": "#2b7a3d",
    "extra-1": "#8a5a00",
    "extra-2": "#7b2d9b",
    "extra-3": "#0b7285",
    "grey": "#757575",
}
"""The colours that have a name; each has a contrast of at least 4.5 to white."""
CUES: tuple[tuple[str, Dash, Marker], ...] = (
    ("extra-1", "solid", "circle"),
    ("extra-2", "dashed", "square"),
    ("extra-3", "dotted", "triangle"),
    ("extra-1", "dashed", "diamond"),
    ("extra-2", "dotted", "cross"),
    ("extra-3", "solid", "plus"),
)
"""Colours, dashes and markers that tell curves of one kind apart, to be taken in turn."""
_GRID = "#e3e3e3"
_FONT, _TITLE_FONT = 12, 14
_CELL = 6.8  # the width of an average character, rather more than less: nobody can measure text in here
_ROW, _SAMPLE, _GAP = 18, 26, 16  # of the legend
_HEAD, _FOOT, _SIDE, _INSET = 34, 46, 20, 10
_LONGEST_NAME, _LONGEST_TICK = 48, 20
_TILT = 35  # degrees by which labels that would touch are turned
_WORTH_TILTING = 6 * _CELL  # shorter labels touch as much when they are turned


@dataclass(frozen=True)
class Series:
    """One curve of a chart. Points that cannot be drawn, such as infinite ones, are left out.

    Attributes:
        name: what the legend calls it, any text; a series without a name is not in the legend.
        colour: a key of :data:`COLOURS`, or a colour as ``#rrggbb``.
        dash: how points are joined, a cue beside colour.
        marker: what stands at each point, another one.
        spreads: how far a whisker reaches above and below each point; empty for none.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    colour: str = "train"
    dash: Dash = "solid"
    marker: Marker = "none"
    spreads: Sequence[float] = ()


@dataclass(frozen=True)
class _Point:
    """A point as drawn, so with a logarithm for its x on a log scale; ``spread`` is 0 for no whisker."""

    x: float
    y: float
    spread: float


@dataclass(frozen=True)
class _Frame:
    """The part of a picture that holds the curves, in pixels, and the two axes along it."""

    x_axis: Axis
    y_axis: Axis
    left: float
    right: float
    top: float
    bottom: float
    tilted: bool

    def x(self, value: float) -> float:
        """Where a drawn x lies; the ends of the axis keep away from the frame, so that markers fit."""
        share = (value - self.x_axis.low) / (self.x_axis.high - self.x_axis.low)
        return self.left + _INSET + share * (self.right - self.left - 2 * _INSET)

    def y(self, value: float) -> float:
        """Where a drawn y lies."""
        share = (value - self.y_axis.low) / (self.y_axis.high - self.y_axis.low)
        return self.bottom - share * (self.bottom - self.top)


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    percent: bool = False,
    x_ticks: Sequence[Tick] = (),
    width: int = 640,
    height: int = 360,
) -> str:
    """An ``<svg>`` element with the curves, the later ones on top. Texts may hold anything.

    Args:
        title: stands above the chart, and is what a screen reader says.
        log_x: make the x axis logarithmic; points at or below 0 are left out.
        percent: label a y of 1 as 100 %.
        x_ticks: label these places of the x axis instead of round numbers; values are those of the points.
        width: pixels, as is ``height``; the picture can be scaled.
    """
    curves = [_drawable(one, log_x) for one in series]
    points = [point for curve in curves for point in curve]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="system-ui, sans-serif" font-size="{_FONT}">',
        f"<title>{safe(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        text(width / 2, 20, title, f'text-anchor="middle" font-weight="600" font-size="{_TITLE_FONT}"'),
    ]
    if points:
        legend = _legend_rows(series, width)
        x_axis = _x_axis(points, width, log_x, x_ticks)
        frame = _frame(x_axis, _y_axis(points, height, percent), (width, height), len(legend))
        parts += [*_grid(frame), *_labels(frame, x_label, y_label, height), *_legend(legend, frame.left)]
        for one, curve in zip(series, curves, strict=True):
            parts += _curve(one, curve, frame)
    else:
        parts.append(text(width / 2, height / 2, "nothing to show", 'text-anchor="middle"'))
    return "\n".join([*parts, "</svg>"])


def _drawable(series: Series, log_x: bool) -> list[_Point]:
    spreads = series.spreads or [0.0] * len(series.xs)
    kept = []
    for x, y, spread in zip(series.xs, series.ys, spreads, strict=True):
        if math.isfinite(x) and math.isfinite(y) and (x > 0 or not log_x):
            kept.append(_Point(math.log10(x) if log_x else x, y, spread if math.isfinite(spread) else 0.0))
    return kept


def _x_axis(points: Sequence[_Point], width: int, log_x: bool, ticks: Sequence[Tick]) -> Axis:
    xs = [point.x for point in points]
    whole = all(x == round(x) for x in xs)
    return varied_axis(min(xs), max(xs), max(1, width // 80), log=log_x, whole=whole, ticks=ticks)


def _y_axis(points: Sequence[_Point], height: int, percent: bool) -> Axis:
    low, high = min(point.y - point.spread for point in points), max(point.y + point.spread for point in points)
    return linear_axis(low, high, max(1, height // 60), percent=percent)


def _frame(x_axis: Axis, y_axis: Axis, size: tuple[int, int], legend_rows: int) -> _Frame:
    width, height = size
    left = _FONT + _GAP + _CELL * max(cell_len(tick.label) for tick in y_axis.ticks)
    frame = _Frame(x_axis, y_axis, left, width - _SIDE, _HEAD + _ROW * legend_rows, height - _FOOT, tilted=False)
    labels = [(frame.x(tick.value), _tick_width(tick)) for tick in x_axis.ticks]
    longest = max((wide for _, wide in labels), default=0.0)
    touching = any(b - a < (wide_a + wide_b) / 2 + _CELL for (a, wide_a), (b, wide_b) in pairwise(labels))
    if not touching or longest < _WORTH_TILTING:
        return frame
    tilt = math.radians(_TILT)
    left = max(left, labels[0][1] * math.cos(tilt))
    return replace(frame, left=left, bottom=frame.bottom - longest * math.sin(tilt), tilted=True)


def _grid(frame: _Frame) -> Iterator[str]:
    for tick in frame.y_axis.ticks:
        yield line(frame.left, frame.y(tick.value), frame.right, frame.y(tick.value), _GRID)
    for tick in frame.x_axis.ticks:
        yield line(frame.x(tick.value), frame.bottom, frame.x(tick.value), frame.bottom + 5, INK)
    yield line(frame.left, frame.bottom, frame.right, frame.bottom, INK)
    yield line(frame.left, frame.top, frame.left, frame.bottom, INK)


def _labels(frame: _Frame, x_label: str, y_label: str, height: int) -> Iterator[str]:
    for tick in frame.y_axis.ticks:
        yield text(frame.left - 7, frame.y(tick.value) + 4, tick.label, 'text-anchor="end"')
    yield from _turned_labels(frame) if frame.tilted else _level_labels(frame)
    yield text((frame.left + frame.right) / 2, height - 8, x_label, 'text-anchor="middle"')
    x, y = _FONT + 2, (frame.top + frame.bottom) / 2
    yield text(x, y, y_label, f'text-anchor="middle" transform="rotate(-90 {x} {y:.1f})"')


def _turned_labels(frame: _Frame) -> Iterator[str]:
    for tick in frame.x_axis.ticks:
        x, y = frame.x(tick.value) + 4, frame.bottom + 16
        turned = f'text-anchor="end" transform="rotate(-{_TILT} {x:.1f} {y:.1f})"'
        yield text(x, y, cut(tick.label, _LONGEST_TICK), turned)


def _level_labels(frame: _Frame) -> Iterator[str]:
    """The labels of the ticks, those left out that would touch the one before."""
    taken = -math.inf
    for tick in frame.x_axis.ticks:
        x, half = frame.x(tick.value), _tick_width(tick) / 2
        if x - half > taken:
            yield text(x, frame.bottom + 18, cut(tick.label, _LONGEST_TICK), 'text-anchor="middle"')
            taken = x + half


def _tick_width(tick: Tick) -> float:
    return _CELL * cell_len(cut(tick.label, _LONGEST_TICK))


def _legend_rows(series: Sequence[Series], width: int) -> list[list[Series]]:
    """The named series, as many in each row as there is room for."""
    rows: list[list[Series]] = []
    room = 0.0
    for one in series:
        if one.name:
            wide = _legend_width(one)
            if room < wide:
                rows.append([])
                room = width - 4.0 * _SIDE
            rows[-1].append(one)
            room -= wide
    return rows


def _legend_width(series: Series) -> float:
    return _SAMPLE + _GAP + 6 + _CELL * cell_len(cut(series.name, _LONGEST_NAME))


def _legend(rows: Sequence[Sequence[Series]], left: float) -> Iterator[str]:
    for number, row in enumerate(rows):
        x, y = left, _HEAD + 2.0 + number * _ROW
        for one in row:
            yield stroke([(x, y), (x + _SAMPLE, y)], _colour(one), one.dash)
            yield mark(one.marker, x + _SAMPLE / 2, y, _colour(one))
            yield text(x + _SAMPLE + 6, y + 4, cut(one.name, _LONGEST_NAME))
            x += _legend_width(one)


def _curve(series: Series, points: Sequence[_Point], frame: _Frame) -> Iterator[str]:
    places = [(frame.x(point.x), frame.y(point.y)) for point in points]
    colour = _colour(series)
    for (x, _), point in zip(places, points, strict=True):
        if point.spread > 0:
            top, bottom = frame.y(point.y + point.spread), frame.y(point.y - point.spread)
            yield from (line(x, top, x, bottom, colour), line(x - 4, top, x + 4, top, colour))
            yield line(x - 4, bottom, x + 4, bottom, colour)
    yield stroke(places, colour, series.dash)
    # A single point has no line to be seen by.
    marker: Marker = "circle" if len(places) == 1 and series.marker == "none" else series.marker
    yield from (mark(marker, x, y, colour) for x, y in places)


def _colour(series: Series) -> str:
    return COLOURS.get(series.colour, series.colour)
