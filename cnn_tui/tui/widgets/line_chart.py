"""A chart of curves in character cells.

By hand: textual-plotext does not work with plotext 6, which is two to five times faster; drawing in a thread and
repainting only changed cells keeps the interface responsive and the output small, as over SSH.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cnn_tui.reports.charts.axis import Tick
from cnn_tui.reports.charts.layout import ChartPlan, lay_out
from cnn_tui.reports.charts.painting import Row, paint
from cnn_tui.reports.charts.series import COLOURS, Series
from cnn_tui.tui.widgets.component_styles import LazyComponentStyles

_ROLES = (*COLOURS, "axis", "title", "text", "best")
_REDRAWN = (
    "series",
    "title",
    "x_label",
    "log_scale",
    "log_x",
    "x_ticks",
    "percent",
    "smoothing",
    "x_range",
    "best",
    "legend",
    "empty_text",
)


def _css(ground: Literal["dark", "light", "ansi"], prefix: str = "") -> str:
    """The colors of the curves on one kind of background."""
    return " ".join(
        f".line-chart--{role} {{ color: {prefix}{getattr(colour, ground)}; }}" for role, colour in COLOURS.items()
    )


class LineChart(LazyComponentStyles, Widget):
    """Curves with axes and a legend, redrawn when one of its reactives changes.

    Values that are not finite are left out, and on a log scale those that are not positive.
    """

    DEFAULT_CSS = f"""
    LineChart {{
        width: 1fr;
        height: 1fr;
        min-height: 1;
        {_css("dark")}
        .line-chart--axis {{ color: $text-muted; }}
        .line-chart--title {{ text-style: bold; }}
        .line-chart--text {{ color: $text; }}
        .line-chart--best {{ color: $warning; }}
        &:light {{ {_css("light")} }}
        &:ansi {{ {_css("ansi", "ansi_")} .line-chart--best {{ color: ansi_yellow; }} }}
    }}
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line-chart--{role}" for role in _ROLES}

    series: reactive[tuple[Series, ...]] = reactive((), repaint=False)
    """The curves, the later ones on top."""
    title = reactive("", repaint=False)
    """The quantity on the y axis."""
    x_label = reactive("", repaint=False)
    """The unit of the x axis."""
    log_scale = reactive(False, repaint=False)
    """Whether the y axis is logarithmic."""
    log_x = reactive(False, repaint=False)
    """Whether the x axis is logarithmic; ``x_range`` and ``best`` are logarithms then."""
    x_ticks: reactive[tuple[Tick, ...]] = reactive((), repaint=False)
    """The labels of the x axis; none for round numbers."""
    percent = reactive(False, repaint=False)
    """Whether y values are fractions, labeled in percent."""
    smoothing = reactive(0.0, repaint=False)
    """The weight of the previous points in each point, in [0, 1)."""
    x_range: reactive[tuple[float, float] | None] = reactive(None, repaint=False)
    """The ends of the x axis, None for those of the points."""
    best: reactive[float | None] = reactive(None, repaint=False)
    """The position of the best epoch on the x axis, None for no mark."""
    legend = reactive(True, repaint=False)
    """Whether the names of the curves are beside the title."""
    empty_text = reactive("no epochs yet", repaint=False)
    """Shown while there is nothing to draw."""

    _rows: tuple[Row, ...] = ()
    _strips: list[Strip]
    _outdated = False
    _drawing = False

    def __init__(self, title: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._strips = []
        self.set_reactive(LineChart.title, title)

    def on_mount(self) -> None:
        """Redraw when a reactive changes."""
        for name in _REDRAWN:
            self.watch(self, name, self.redraw, init=False)
        self.redraw()

    def on_resize(self) -> None:
        """Redraw for the new size."""
        self.redraw()

    def notify_style_update(self) -> None:
        """Use the colors of the new theme."""
        super().notify_style_update()
        self._rows = ()
        self.redraw()

    def redraw(self) -> None:
        """Draw the current values; a drawing in progress is followed by one more, never by several."""
        self._outdated = True
        if not self._drawing and self.is_mounted:
            self._drawing = True
            self.run_worker(self._draw(), group="draw")

    def render_line(self, y: int) -> Strip:
        """The last drawn row, cut or padded to the current width."""
        style = self.rich_style
        if y >= len(self._strips):
            return Strip.blank(self.size.width, style)
        return self._strips[y].adjust_cell_length(self.size.width, style)

    async def _draw(self) -> None:
        try:
            while self._outdated:
                self._outdated = False
                self._show(await asyncio.to_thread(lambda plan: paint(lay_out(plan)), self._plan()))
        finally:
            self._drawing = False

    def _plan(self) -> ChartPlan:
        return ChartPlan(
            series=self.series,
            width=self.size.width,
            height=self.size.height,
            title=self.title,
            x_label=self.x_label,
            log=self.log_scale,
            log_x=self.log_x,
            x_ticks=self.x_ticks,
            percent=self.percent,
            smoothing=self.smoothing,
            x_range=self.x_range,
            best=self.best,
            legend=self.legend,
            empty_text=self.empty_text,
        )

    def _show(self, rows: tuple[Row, ...]) -> None:
        """Show rows, repainting only the cells that differ from the previous rows."""
        before, self._rows = self._rows, rows
        if len(before) != len(rows):
            before = ((),) * len(rows)
            self._strips = [Strip([])] * len(rows)
        changed = [y for y, (old, new) in enumerate(zip(before, rows, strict=True)) if old != new]
        styles = self._styles()
        for y in changed:
            self._strips[y] = Strip([Segment(text, styles[role]) for text, role in rows[y]])
        if changed:
            spans = [(y, *_changed_span(before[y], rows[y])) for y in changed]
            self.refresh(*(Region(start, y, end - start, 1) for y, start, end in spans if end > start))

    def _styles(self) -> dict[str, Style]:
        roles = {role: self.get_component_rich_style(f"line-chart--{role}") for role in _ROLES}
        return {"": self.rich_style, **roles}


def _changed_span(old: Row, new: Row) -> tuple[int, int]:
    """The range of columns in which two rows differ; every character is one cell wide."""
    before, after = _cells(old), _cells(new)
    if len(before) != len(after):
        return 0, max(len(before), len(after))
    different = [column for column, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    return (different[0], different[-1] + 1) if different else (0, 0)


def _cells(row: Row) -> list[tuple[str, str]]:
    return [(character, role) for text, role in row for character in text]
