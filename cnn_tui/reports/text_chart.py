"""Charts of reports in character cells, for terminals and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from cnn_tui.formatting import shorten
from cnn_tui.reports.chart import Chart, Series
from cnn_tui.reports.chart_paint import Row, paint
from cnn_tui.reports.chart_plan import ChartPlan, sample, trace

_LONGEST_NAME = 40
_GAP = 3


def text_chart(chart: Chart, width: int = 80, height: int = 16) -> tuple[Row, ...]:
    """The rows of a chart with its title and legend above it; pieces of text, each with the role that colours it.

    Sizes are in cells. Error bars are left out.
    """
    plan = ChartPlan(
        series=chart.series,
        width=width,
        height=height,
        x_label=chart.x_label,
        log_x=chart.log_x,
        x_ticks=chart.x_ticks,
        percent=chart.percent,
        empty_text="nothing to show",
    )
    heading: Row = ((shorten(chart.title, width), "title"),)
    return (heading, *_legend(chart.series, width), *paint(trace(plan))[1:])


def plain(rows: Sequence[Row]) -> str:
    """Rows as lines without colour."""
    return "".join("".join(text for text, _ in row).rstrip() + "\n" for row in rows)


def _legend(series: Sequence[Series], width: int) -> Iterator[Row]:
    """The named curves, as many in each row as there is room for."""
    row: list[tuple[str, str]] = []
    taken = 0
    for one in series:
        if one.name:
            name = shorten(one.name, _LONGEST_NAME)
            wide = cell_len(sample(one)) + 1 + cell_len(name) + _GAP
            if row and taken + wide > width:
                yield tuple(row)
                row, taken = [], 0
            row += [(sample(one), one.role), (f" {name}{' ' * _GAP}", "text")]
            taken += wide
    if row:
        yield tuple(row)
