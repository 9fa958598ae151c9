"""A study's curves as the chart draws them."""

from __future__ import annotations

from cnn_tui.metrics import ACCURACY
from cnn_tui.reports.chart_plan import Role, Series
from cnn_tui.reports.study_plot import FactorAxis, Points, drawn_series, factor_axis
from cnn_tui.reports.study_table import StudyTable
from cnn_tui.tui.widgets.line_chart import LineChart

_MARKS = {"circle": "●", "diamond": "◆", "triangle": "▲", "square": "■"}
_ROLES: tuple[Role, ...] = ("test", "validation", "train", "extra-1", "extra-2", "extra-3")
_LINES = ("thin", "thick", "◆", "▲", "■", "×")
_POINTS = ("●", "○", "◆", "▲", "■", "×")


def show_study(chart: LineChart, table: StudyTable) -> None:
    """Draw what there is of a study: all figures, or for two factors the accuracy for each value of the second."""
    axis = factor_axis(table)
    chart.title = f"accuracy on test by {table.second_factor.lower()}" if table.second_factor else "on test"
    chart.x_label, chart.log_x, chart.x_ticks = axis.label.lower(), axis.log, axis.ticks
    chart.empty_text = "no run has finished yet"
    chart.series = tuple(_curve(table, axis, place, points) for place, points in enumerate(drawn_series(table)))


def _curve(table: StudyTable, axis: FactorAxis, place: int, points: Points) -> Series:
    if points.reported:
        name = f"{points.second} reported".strip()
        return Series(name, points.xs, points.ys, "validation", "+", joined=False)
    style = points.metric.curve
    if table.second_factor or style is None:
        at = place % len(_ROLES)
        joined = axis.continuous and len(points.xs) > 1
        marker = (_LINES if joined else _POINTS)[at]
        return Series(points.second, points.xs, points.ys, _ROLES[at], marker, joined)
    joined = axis.continuous and points.metric is ACCURACY and len(points.xs) > 1
    marker = "thin" if joined else _MARKS[style.marker]
    return Series(points.metric.heading, points.xs, points.ys, style.role, marker, joined)
