"""Line charts as data: the curves with their colours, dashes and markers, for every output that draws them.

Terminals draw them in character cells (``layout``, ``painting``), reports with matplotlib (``figures``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cnn_tui.reports.charts.axis import Tick

_MOST_DESCRIBED = 8  # curves in the alternative text

Role = Literal["train", "validation", "test", "extra-1", "extra-2", "extra-3", "neutral"]
Dash = Literal["solid", "dashed", "dotted", "none"]
"""How the points of a series are joined; "none" draws the points alone."""
Marker = Literal["none", "circle", "square", "diamond", "triangle", "cross", "plus"]


@dataclass(frozen=True)
class Colour:
    """One colour for dark backgrounds, light backgrounds and terminals with 16 colours."""

    dark: str
    light: str
    ansi: str


COLOURS: dict[Role, Colour] = {
    "train": Colour("#ff6b6b", "#c92a2a", "red"),
    "validation": Colour("#5eb1ff", "#1864ab", "blue"),
    "test": Colour("#5fd38d", "#2b7a3d", "green"),
    "extra-1": Colour("#e5b95c", "#8a5a00", "yellow"),
    "extra-2": Colour("#c792ea", "#7b2d9b", "magenta"),
    "extra-3": Colour("#56d4d0", "#0b7285", "cyan"),
    "neutral": Colour("#a3a3a3", "#6b6b6b", "bright_black"),
}
"""The colour of each role. Colours for light backgrounds have a contrast of at least 4.5 to white."""


@dataclass(frozen=True)
class CurveStyle:
    """The appearance of a curve. Curves of a chart differ in more than colour."""

    role: Role
    dash: Dash
    marker: Marker


CURVE_STYLES = (
    CurveStyle("extra-1", "solid", "circle"),
    CurveStyle("extra-2", "dashed", "square"),
    CurveStyle("extra-3", "dotted", "triangle"),
    CurveStyle("extra-1", "dashed", "diamond"),
    CurveStyle("extra-2", "dotted", "cross"),
    CurveStyle("extra-3", "solid", "plus"),
)
"""The styles for curves of one kind, such as those of several sessions, in rotation."""


@dataclass(frozen=True)
class Series:
    """One curve of a chart. Points with a coordinate that is not finite are not drawn.

    Attributes:
        name: any text, for the legend; a series without a name is not in the legend.
        deviations: the length of the error bar above and below each point; empty for none.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    role: Role = "train"
    dash: Dash = "solid"
    marker: Marker = "none"
    deviations: Sequence[float] = ()

    @property
    def last(self) -> float | None:
        """The last finite value, None without one."""
        return next((y for y in reversed(self.ys) if math.isfinite(y)), None)


@dataclass(frozen=True)
class Chart:
    """Curves with their axes, the later ones on top. Texts may contain anything.

    Attributes:
        log_x: whether the x axis is logarithmic; points at or below 0 are not drawn then.
        percent: whether a y of 1 is labelled as 100 %.
        x_ticks: the labels of the x axis instead of round numbers, at values of the points.
    """

    title: str
    series: tuple[Series, ...]
    x_label: str
    y_label: str
    log_x: bool = False
    percent: bool = False
    x_ticks: tuple[Tick, ...] = ()

    @property
    def alt(self) -> str:
        """Alternative text for screen readers: the first and last point of each curve."""
        curves = [text for series in self.series[:_MOST_DESCRIBED] if (text := self._described(series))]
        others = len(self.series) - _MOST_DESCRIBED
        more = (f"and {others} more curves",) if others > 0 else ()
        content = "; ".join((*curves, *more)) or "no data"
        return f"{self.title}. Line chart of {self.y_label} by {self.x_label}: {content}."

    def _described(self, series: Series) -> str:
        """A curve's name and ends, empty without a point."""
        points = [(x, y) for x, y in zip(series.xs, series.ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
        labels = {tick.value: tick.label for tick in self.x_ticks}
        ends = [
            f"{y:.1%} at {labels.get(x, f'{x:g}')}" if self.percent else f"{y:.4g} at {labels.get(x, f'{x:g}')}"
            for x, y in dict.fromkeys((*points[:1], *points[-1:]))
        ]
        return f"{series.name} {' to '.join(ends)}".strip() if ends else ""
