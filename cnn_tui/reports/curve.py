"""Curves as rows of characters, drawn by plotext.

plotext keeps one figure for the whole process and is not made for threads, so each curve is drawn on a cleared
figure under a lock. It draws the curve alone, without colour: colours belong to the theme and axes to the chart.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass

_FIGURE = threading.Lock()
_LINES = ("thin", "thick")
_DOTS = 4  # rows of dots in a Braille cell


@dataclass(frozen=True)
class Curve:
    """What to draw: points within the two ranges, on a canvas of ``width`` by ``height`` cells.

    ``marker`` is "thin" or "thick" for a line of Braille dots, or the one character to draw with; ``joined`` is
    whether it draws a line through the points, or the points alone.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: int
    height: int
    marker: str
    joined: bool = True


@functools.lru_cache(maxsize=16)
def draw_curve(curve: Curve) -> tuple[str, ...]:
    """The rows of a curve, each ``width`` characters; blank where it does not pass."""
    blank = (" " * curve.width,) * curve.height
    if not curve.xs or not curve.width or not curve.height:
        return blank
    rows = _plot(curve).split("\n")[: curve.height]
    return tuple(row.ljust(curve.width)[: curve.width] for row in rows)


def _plot(curve: Curve) -> str:
    import plotext  # a third of a second, spent in the chart's thread and not before the first paint

    with _FIGURE:
        plotext.terminal.limit(False, False)
        figure = plotext.figure
        figure.clear()
        figure.plot_size(curve.width, curve.height)
        figure.axes(False)
        figure.ruler("x").frequency(0).lim(*curve.x_range)
        figure.ruler("y").frequency(0).lim(*curve.y_range)
        marker = plotext.marker("braille" if curve.marker in _LINES else curve.marker)
        figure.draw(figure.signal(*_path(curve), marker=marker).lines(curve.joined))
        return str(figure.build().string(colorless=True))


def _path(curve: Curve) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The points to connect; a thick line goes there and comes back one dot higher."""
    if curve.marker != "thick":
        return curve.xs, curve.ys
    low, high = curve.y_range
    dot = (high - low) / (_DOTS * curve.height - 1)
    back = tuple(min(high, y + dot) for y in reversed(curve.ys))
    return curve.xs + curve.xs[::-1], curve.ys + back
