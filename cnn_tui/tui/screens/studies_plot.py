"""A study's curves as the chart draws them."""

from __future__ import annotations

from cnn_tui.reports.chart_plan import Role, Series
from cnn_tui.reports.study_plot import FactorAxis, Points, factor_axis, series
from cnn_tui.reports.study_table import METRICS, Metric, StudyTable
from cnn_tui.tui.widgets.line_chart import LineChart

_COLOURS: dict[Metric, Role] = {
    "accuracy": "test",
    "macro_precision": "extra-1",
    "macro_recall": "extra-2",
    "macro_f1": "extra-3",
}
_MARKS: dict[Metric, str] = {"accuracy": "●", "macro_precision": "◆", "macro_recall": "▲", "macro_f1": "■"}
_ROLES: tuple[Role, ...] = ("test", "validation", "train", "extra-1", "extra-2", "extra-3")
_LINES = ("thin", "thick", "◆", "▲", "■", "×")
_POINTS = ("●", "○", "◆", "▲", "■", "×")


def show_study(chart: LineChart, table: StudyTable) -> None:
    """Draw what there is of a study: all figures, or for two factors the accuracy for each value of the second."""
    axis = factor_axis(table)
    metrics: tuple[Metric, ...] = ("accuracy",) if table.second_factor else tuple(METRICS)
    curves = [one for one in series(table, metrics) if not one.reported or one.metric == "accuracy"]
    chart.title = f"accuracy on test by {table.second_factor.lower()}" if table.second_factor else "on test"
    chart.x_label, chart.log_x, chart.x_ticks = axis.label.lower(), axis.log, axis.ticks
    chart.empty_text = "no run has finished yet"
    chart.series = tuple(_curve(table, axis, place, points) for place, points in enumerate(curves))


def _curve(table: StudyTable, axis: FactorAxis, place: int, points: Points) -> Series:
    if points.reported:
        name = f"{points.second} reported".strip()
        return Series(name, points.xs, points.ys, "validation", "+", joined=False)
    if table.second_factor:
        at = place % len(_ROLES)
        joined = axis.continuous and len(points.xs) > 1
        marker = (_LINES if joined else _POINTS)[at]
        return Series(points.second, points.xs, points.ys, _ROLES[at], marker, joined)
    joined = axis.continuous and points.metric == "accuracy" and len(points.xs) > 1
    marker = "thin" if joined else _MARKS[points.metric]
    return Series(METRICS[points.metric], points.xs, points.ys, _COLOURS[points.metric], marker, joined)
