"""Charts as data: curves, their colours, dashes and markers, for every output that draws them.

The terminal draws them in character cells (``chart_plan``, ``text_chart``), reports with matplotlib (``figures``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cnn_tui.reports.axis import Tick

_MOST_IN_WORDS = 8

Role = Literal["train", "validation", "test", "extra-1", "extra-2", "extra-3", "neutral"]
Dash = Literal["solid", "dashed", "dotted", "none"]
"""How the points of a series are joined; "none" draws the points alone."""
Marker = Literal["none", "circle", "square", "diamond", "triangle", "cross", "plus"]


@dataclass(frozen=True)
class Colour:
    """One colour for dark backgrounds, light ones and terminals with 16 colours."""

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
"""The colour of each role. Those for light backgrounds have a contrast of at least 4.5 to white."""


@dataclass(frozen=True)
class Cue:
    """What distinguishes a curve from others: never the colour alone."""

    role: Role
    dash: Dash
    marker: Marker


CUES = (
    Cue("extra-1", "solid", "circle"),
    Cue("extra-2", "dashed", "square"),
    Cue("extra-3", "dotted", "triangle"),
    Cue("extra-1", "dashed", "diamond"),
    Cue("extra-2", "dotted", "cross"),
    Cue("extra-3", "solid", "plus"),
)
"""The cues of curves of one kind, such as those of several sessions, to be taken in turn."""


@dataclass(frozen=True)
class Series:
    """One curve of a chart. Points that cannot be drawn, such as infinite ones, are left out.

    Attributes:
        name: its name in the legend, any text; a series without a name is not in the legend.
        spreads: the length of the error bar above and below each point; empty for none.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    role: Role = "train"
    dash: Dash = "solid"
    marker: Marker = "none"
    spreads: Sequence[float] = ()

    @property
    def last(self) -> float | None:
        """The newest finite value, None without one."""
        return next((y for y in reversed(self.ys) if math.isfinite(y)), None)


@dataclass(frozen=True)
class Chart:
    """Curves with their axes, the later ones on top. Texts may contain anything.

    Attributes:
        log_x: whether the x axis is logarithmic; points at or below 0 are left out then.
        percent: whether a y of 1 is labelled as 100 %.
        x_ticks: what to label on the x axis instead of round numbers; values are those of the points.
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
        """The chart in words, for those who cannot see it: the first and last point of each curve."""
        curves = [words for series in self.series[:_MOST_IN_WORDS] if (words := self._in_words(series))]
        left_out = len(self.series) - _MOST_IN_WORDS
        more = (f"and {left_out} more curves",) if left_out > 0 else ()
        words = "; ".join((*curves, *more)) or "nothing to show"
        return f"{self.title}. Line chart of {self.y_label} by {self.x_label}: {words}."

    def _in_words(self, series: Series) -> str:
        """A curve's ends, empty without a point."""
        points = [(x, y) for x, y in zip(series.xs, series.ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
        labels = {tick.value: tick.label for tick in self.x_ticks}
        shown = [
            f"{y:.1%} at {labels.get(x, f'{x:g}')}" if self.percent else f"{y:.4g} at {labels.get(x, f'{x:g}')}"
            for x, y in dict.fromkeys((*points[:1], *points[-1:]))
        ]
        return f"{series.name} {' to '.join(shown)}".strip() if shown else ""


@dataclass(frozen=True)
class MatrixChart:
    """A confusion matrix as a heat map: rows are actual classes, columns predicted ones."""

    title: str
    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]

    @property
    def alt(self) -> str:
        """The matrix in words, for those who cannot see it."""
        right = sum(row[index] for index, row in enumerate(self.matrix))
        total = sum(map(sum, self.matrix))
        return f"{self.title} of {len(self.classes)} classes as a heat map: {right:,} of {total:,} on the diagonal."
