"""The charts of :mod:`cnn_tui.reports.svg` in character cells, for terminals and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast, get_args

from rich.cells import cell_len

from cnn_tui.reports import chart_plan
from cnn_tui.reports.axis import Tick
from cnn_tui.reports.chart_paint import SAMPLES, Row, paint
from cnn_tui.reports.chart_plan import ChartPlan, Role, trace
from cnn_tui.reports.svg import Series
from cnn_tui.reports.texts import shorten

_LINES = {"solid": "thin", "dashed": "thick", "dotted": "·"}
_MARKS = {"none": "•", "circle": "●", "square": "■", "diamond": "◆", "triangle": "▲", "cross": "×", "plus": "+"}
_OUTSTANDING = ("diamond", "cross", "plus")  # a line is drawn with these, since there are only three dashes
_LONGEST_NAME = 40
_GAP = 3


def text_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_label: str,
    log_x: bool = False,
    percent: bool = False,
    x_ticks: Sequence[Tick] = (),
    width: int = 80,
    height: int = 16,
) -> tuple[Row, ...]:
    """The rows of a chart with its title and legend above it; pieces of text, each with the role that colours it.

    The arguments are those of :func:`cnn_tui.reports.svg.line_chart`, but sizes are in cells. Whiskers are left out.
    """
    curves = tuple(in_cells(one) for one in series)
    plan = ChartPlan(
        series=curves,
        width=width,
        height=height,
        x_label=x_label,
        log_x=log_x,
        x_ticks=tuple(x_ticks),
        percent=percent,
        empty_text="nothing to show",
    )
    heading: Row = ((shorten(title, width), "title"),)
    return (heading, *_legend(curves, width), *paint(trace(plan))[1:])


def plain(rows: Sequence[Row]) -> str:
    """Rows as lines without colour."""
    return "".join("".join(text for text, _ in row).rstrip() + "\n" for row in rows)


def in_cells(series: Series) -> chart_plan.Series:
    """A series as a chart of character cells draws it: what its dash and marker are there."""
    role = cast(Role, series.colour) if series.colour in get_args(Role) else "train"
    drawn_with_mark = series.dash == "none" or series.marker in _OUTSTANDING
    marker = _MARKS[series.marker] if drawn_with_mark else _LINES[series.dash]
    return chart_plan.Series(series.name, tuple(series.xs), tuple(series.ys), role, marker)


def _legend(curves: Sequence[chart_plan.Series], width: int) -> Iterator[Row]:
    """The named curves, as many in each row as there is room for."""
    row: list[tuple[str, str]] = []
    taken = 0
    for curve in curves:
        if curve.name:
            sample, name = SAMPLES.get(curve.marker, curve.marker * 2), shorten(curve.name, _LONGEST_NAME)
            wide = cell_len(sample) + 1 + cell_len(name) + _GAP
            if row and taken + wide > width:
                yield tuple(row)
                row, taken = [], 0
            row += [(sample, curve.colour), (f" {name}{' ' * _GAP}", "text")]
            taken += wide
    if row:
        yield tuple(row)
