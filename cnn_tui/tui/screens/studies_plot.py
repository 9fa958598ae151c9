"""A study's curves as the chart in the terminal draws them."""

from __future__ import annotations

from dataclasses import replace

from cnn_tui.metrics import ACCURACY
from cnn_tui.reports.charts.series import Series
from cnn_tui.reports.studies.charts import StudyCurve, charted_curves, curve_series, factor_axis
from cnn_tui.reports.studies.table import StudyTable
from cnn_tui.tui.widgets.line_chart import LineChart


def show_study(chart: LineChart, table: StudyTable) -> None:
    """Draw what there is of a study: all scores, or for two factors the accuracy for each value of the second."""
    axis = factor_axis(table)
    chart.title = f"accuracy on test by {table.second_factor.lower()}" if table.second_factor else "on test"
    chart.x_label, chart.log_x, chart.x_ticks = axis.label.lower(), axis.log, axis.ticks
    chart.empty_text = "no run has finished yet"
    points = charted_curves(table)
    chart.series = tuple(_uncluttered(curve_series(axis, index, one), one) for index, one in enumerate(points))


def _uncluttered(series: Series, points: StudyCurve) -> Series:
    """Points without a line but for our accuracy: four lines so close to each other would hide one another here."""
    joined = points.metric is ACCURACY and not points.reported
    return series if joined else replace(series, dash="none")
