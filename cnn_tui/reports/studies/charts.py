"""The charts of a study: scores and training time over the factor, on an axis that suits its values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10

from cnn_tui.config.fields import field
from cnn_tui.config.study import Value
from cnn_tui.metrics import ACCURACY, SCORES, Metric
from cnn_tui.reports.charts.axis import Tick
from cnn_tui.reports.charts.series import CURVE_STYLES, Chart, CurveStyle, Series
from cnn_tui.reports.labels import value_text
from cnn_tui.reports.studies.table import StudyRow, StudyTable

_LEAST_RATIO = 30  # of the largest value to the smallest, for a log axis
_MOST_TICKS = 12
_CHARTED = tuple(metric for metric in SCORES if metric.charted)
_METRIC_STYLES = (
    CurveStyle("test", "solid", "circle"),
    CurveStyle("extra-1", "dashed", "square"),
    CurveStyle("extra-2", "dotted", "triangle"),
    CurveStyle("extra-3", "solid", "diamond"),
)
_PUBLISHED_STYLE = CurveStyle("neutral", "dashed", "cross")


@dataclass(frozen=True)
class StudyCurve:
    """The points of one metric over the factor, for one value of the second factor.

    Attributes:
        second: the second factor's value as text, empty without a second factor.
        reported: whether the scores are those published elsewhere.
        deviations: the standard deviation at each point, 0 for a single run.
    """

    metric: Metric
    second: str
    reported: bool
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    deviations: tuple[float, ...]


@dataclass(frozen=True)
class FactorAxis:
    """The x axis of a study's charts.

    Attributes:
        continuous: whether the values are numbers, so that lines may join them.
        positions: of each value on the axis: itself, or 0, 1, 2, ... unless all values are numbers.
        ticks: the labelled positions, empty if there are too many values; not logarithms, also on a log axis.
    """

    label: str
    log: bool
    continuous: bool
    positions: dict[Value, float]
    ticks: tuple[Tick, ...]


def charts(table: StudyTable) -> Iterator[Chart]:
    """The scores over the factor, and the training time if each run was trained alone."""
    axis = factor_axis(table)
    curves = charted_curves(table)
    if curves:
        scores = tuple(curve_series(axis, index, curve) for index, curve in enumerate(curves))
        yield _chart(f"{table.factor}: scores on test images", axis, scores, "score")
    if table.study.plain and table.done:
        yield _chart(f"{table.factor}: training time", axis, tuple(_times(table, axis)), "seconds")


def charted_curves(table: StudyTable) -> tuple[StudyCurve, ...]:
    """The curves for charts: accuracy for each value of a second factor, else all metrics that belong in charts.

    Published scores are limited to accuracy, because more curves could not be distinguished.
    """
    metrics = (ACCURACY,) if table.second_factor else _CHARTED
    return tuple(curve for curve in study_curves(table, metrics) if not curve.reported or curve.metric is ACCURACY)


def study_curves(table: StudyTable, metrics: Sequence[Metric] = SCORES) -> tuple[StudyCurve, ...]:
    """All curves with points, by metric, then by the second factor's value, our scores before published ones."""
    positions = factor_axis(table).positions
    seconds = dict.fromkeys(row.second_label for row in table.rows)
    curves = [
        _curve(metric, second, reported, table.rows, positions)
        for metric in metrics
        for second in seconds
        for reported in (False, True)
    ]
    return tuple(curve for curve in curves if curve.xs)


def curve_series(axis: FactorAxis, index: int, curve: StudyCurve) -> Series:
    """A curve as a series of a chart; ``index`` is its position among the curves."""
    metric = curve.metric
    name = ", ".join(part for part in (curve.second or metric.heading, curve.reported * "reported") if part)
    style = CURVE_STYLES[index % len(CURVE_STYLES)]
    if curve.reported:
        style = _PUBLISHED_STYLE
    elif metric in _CHARTED and not curve.second:
        style = _METRIC_STYLES[_CHARTED.index(metric) % len(_METRIC_STYLES)]
    # Error bars of several metrics at one x would overlap.
    deviations = curve.deviations if metric is ACCURACY and any(curve.deviations) else ()
    dash = style.dash if axis.continuous else "none"
    return Series(name, curve.xs, curve.ys, style.role, dash, style.marker, deviations)


def factor_axis(table: StudyTable) -> FactorAxis:
    """The axis of the factor: numbers at their values, other values at equal distances."""
    values = table.study.values
    spec = field(table.study.factor)
    label = f"{spec.title} ({spec.unit})" if spec.unit and spec.unit != spec.title.lower() else spec.title
    numbers = [value for value in values if isinstance(value, int | float)]
    numeric = len(numbers) == len(values)
    positions = {
        value: float(value) if isinstance(value, int | float) and numeric else float(index)
        for index, value in enumerate(values)
    }
    ticks = tuple(Tick(position, value_text(value)) for value, position in positions.items())
    labelled = ticks if len(ticks) <= _MOST_TICKS or not numeric else ()
    return FactorAxis(label, numeric and wants_log(numbers), numeric, positions, labelled)


def wants_log(values: Sequence[Value]) -> bool:
    """Whether values suit a log axis: positive numbers, far apart, that it spreads more evenly than a linear axis."""
    numbers = sorted(value for value in values if isinstance(value, int | float) and value > 0)
    if len(numbers) < max(2, len(values)) or numbers[-1] < _LEAST_RATIO * numbers[0]:
        return False
    return _widest_gap([log10(number) for number in numbers]) < _widest_gap(numbers)


def _widest_gap(numbers: Sequence[float]) -> float:
    """The largest distance between neighbours as a share of the range."""
    return max(after - before for before, after in pairwise(numbers)) / (numbers[-1] - numbers[0])


def _curve(
    metric: Metric, second: str, reported: bool, rows: Sequence[StudyRow], positions: dict[Value, float]
) -> StudyCurve:
    points: list[tuple[float, float, float]] = []
    for row in rows:
        score, published = row.score(metric), row.published(metric)
        if row.second_label != second:
            continue
        if reported and published is not None:
            points.append((positions[row.value], published, 0.0))
        elif not reported and score is not None:
            points.append((positions[row.value], score.mean, score.deviation or 0.0))
    xs, ys, deviations = zip(*sorted(points), strict=True) if points else ((), (), ())
    return StudyCurve(metric, second, reported, xs, ys, deviations)


def _times(table: StudyTable, axis: FactorAxis) -> Iterator[Series]:
    for index, second in enumerate(dict.fromkeys(row.second_label for row in table.rows)):
        points = sorted(
            (axis.positions[row.value], row.train_seconds.mean)
            for row in table.rows
            if row.second_label == second and row.train_seconds is not None
        )
        style = CURVE_STYLES[index % len(CURVE_STYLES)]
        xs, ys = tuple(x for x, _ in points), tuple(y for _, y in points)
        yield Series(second, xs, ys, style.role, style.dash if axis.continuous else "none", style.marker)


def _chart(title: str, axis: FactorAxis, curves: tuple[Series, ...], y_label: str) -> Chart:
    return Chart(title, curves, axis.label, y_label, log_x=axis.log, x_ticks=axis.ticks)
