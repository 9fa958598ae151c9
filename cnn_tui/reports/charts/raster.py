"""From the points of a curve to rows of characters: filtered, smoothed, reduced, and rasterized by plotext.

plotext keeps one figure for the whole process and is not thread-safe, so each curve is drawn on a cleared figure under
a lock. It draws the curve alone, without colour: colours belong to the theme, axes to the chart.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_PLOTEXT_LOCK = threading.Lock()
_BRAILLE_LINES = ("thin", "thick")
_DOTS = 4  # rows of dots in a Braille cell


@dataclass(frozen=True)
class Polyline:
    """A curve to rasterize: points within two ranges, on a canvas of ``width`` by ``height`` cells.

    Attributes:
        marker: "thin" or "thick" for a line of Braille dots, else the character to draw with.
        joined: whether to draw a line through the points.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: int
    height: int
    marker: str
    joined: bool = True


def drawable(
    xs: Sequence[float], ys: Sequence[float], *, log: bool = False, log_x: bool = False
) -> tuple[FloatArray, FloatArray]:
    """The points with two finite coordinates; for a log scale in y, or x, only the positive ones."""
    count = min(len(xs), len(ys))
    x, y = np.asarray(xs[:count], dtype=np.float64), np.asarray(ys[:count], dtype=np.float64)
    keep = np.isfinite(x) & np.isfinite(y)
    if log:
        keep &= y > 0
    if log_x:
        keep &= x > 0
    return x[keep], y[keep]


def smooth(ys: FloatArray, weight: float) -> FloatArray:
    """The exponential moving average without bias towards its start.

    Args:
        weight: the weight of the previous average, in [0, 1); 0 changes nothing.
    """
    if weight <= 0:
        return ys
    smoothed, average, total = np.empty_like(ys), 0.0, 0.0
    for index, value in enumerate(ys.tolist()):
        average = weight * average + (1 - weight) * value
        total = weight * total + (1 - weight)
        smoothed[index] = average / total
    return smoothed


def reduce(
    xs: FloatArray, ys: FloatArray, low: float, high: float, columns: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The lowest and highest point in each of ``columns`` equal parts of [low, high], in their order.

    Keeps every spike, however short; drops points outside the range.
    """
    inside = (xs >= low) & (xs <= high)
    xs, ys = xs[inside], ys[inside]
    if not len(xs):
        return (), ()
    width = (high - low) or 1.0
    column = np.minimum(((xs - low) / width * columns).astype(np.int64), columns - 1)
    order = np.lexsort((ys, column))
    starts = np.flatnonzero(np.diff(column[order], prepend=-1))
    ends = np.append(starts[1:], len(order)) - 1
    kept = np.unique(np.concatenate((order[starts], order[ends])))
    return tuple(xs[kept].tolist()), tuple(ys[kept].tolist())


@functools.lru_cache(maxsize=16)
def rasterize(line: Polyline) -> tuple[str, ...]:
    """The rows of a curve, each ``width`` characters; cells that it does not cross are blank."""
    if not line.xs or not line.width or not line.height:
        return (" " * line.width,) * line.height
    rows = _plot(line).split("\n")[: line.height]
    return tuple(row.ljust(line.width)[: line.width] for row in rows)


def _plot(line: Polyline) -> str:
    import plotext  # takes a third of a second, so it is imported in the chart's thread and not before the first paint

    with _PLOTEXT_LOCK:
        plotext.terminal.limit(False, False)
        figure = plotext.figure
        figure.clear()
        figure.plot_size(line.width, line.height)
        figure.axes(False)
        figure.ruler("x").frequency(0).lim(*line.x_range)
        figure.ruler("y").frequency(0).lim(*line.y_range)
        marker = plotext.marker("braille" if line.marker in _BRAILLE_LINES else line.marker)
        figure.draw(figure.signal(*_path(line), marker=marker).lines(line.joined))
        return str(figure.build().string(colorless=True))


def _path(line: Polyline) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The points to connect; a thick line returns one dot higher."""
    if line.marker != "thick":
        return line.xs, line.ys
    low, high = line.y_range
    dot = (high - low) / (_DOTS * line.height - 1)
    back = tuple(min(high, y + dot) for y in reversed(line.ys))
    return line.xs + line.xs[::-1], line.ys + back
