"""A study as curves: the points of each figure over the factor, and the axis that the values ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10

from cnn_tui.config.fields import field
from cnn_tui.config.study import Value
from cnn_tui.metrics import ACCURACY, SCORES, Metric
from cnn_tui.reports.axis import Tick
from cnn_tui.reports.chart import CUES, Cue, Series
from cnn_tui.reports.study_table import StudyRow, StudyTable, value_text

_LEAST_SPAN = 30  # from the smallest value to the largest, for a log axis
_MOST_TICKS = 12
_PUBLISHED = Cue("neutral", "dashed", "cross")


@dataclass(frozen=True)
class Points:
    """One curve: a figure over the factor, for one value of the second factor.

    Attributes:
        second: the second factor's value as text, empty where there is none.
        reported: whether the figures are those published elsewhere.
        spreads: the standard deviation at each point, 0 where there was one run.
    """

    metric: Metric
    second: str
    reported: bool
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    spreads: tuple[float, ...]


@dataclass(frozen=True)
class FactorAxis:
    """The axis of a study's plot.

    Attributes:
        continuous: whether the values are numbers, so that there is something between them.
        places: where each value lies: at itself, or at 0, 1, 2, ... where values are no numbers.
        ticks: the places to label, empty where there are too many values; not logarithms, also on a log axis.
    """

    label: str
    log: bool
    continuous: bool
    places: dict[Value, float]
    ticks: tuple[Tick, ...]


def drawn_series(table: StudyTable) -> tuple[Points, ...]:
    """What charts draw: accuracy alone for each value of a second factor, else every metric with a curve style.

    Of published figures only the accuracies, so that no more curves than can be told apart are drawn.
    """
    metrics = (ACCURACY,) if table.second_factor else tuple(metric for metric in SCORES if metric.curve)
    return tuple(one for one in series(table, metrics) if not one.reported or one.metric is ACCURACY)


def series(table: StudyTable, metrics: Sequence[Metric] = SCORES) -> tuple[Points, ...]:
    """The curves of a table, in the order of the metrics and then of the second factor's values; empty ones left out.

    A curve of published figures follows ours.
    """
    places = factor_axis(table).places
    seconds = dict.fromkeys(row.second_label for row in table.rows)
    curves = [
        _points(metric, second, reported, table.rows, places)
        for metric in metrics
        for second in seconds
        for reported in (False, True)
    ]
    return tuple(curve for curve in curves if curve.xs)


def curve(axis: FactorAxis, index: int, points: Points) -> Series:
    """The points as the curve of a chart; ``index`` is its position among the curves."""
    metric = points.metric
    name = ", ".join(part for part in (points.second or metric.heading, points.reported * "reported") if part)
    cue = CUES[index % len(CUES)]
    if metric.curve is not None and not points.second:
        cue = Cue(metric.curve.role, metric.curve.dash, metric.curve.marker)
    if points.reported:
        cue = _PUBLISHED
    # Error bars of four scores at one x would hide each other.
    spreads = points.spreads if metric is ACCURACY and any(points.spreads) else ()
    dash = cue.dash if axis.continuous else "none"
    return Series(name, points.xs, points.ys, cue.role, dash, cue.marker, spreads)


def factor_axis(table: StudyTable) -> FactorAxis:
    """Where the values lie: numbers where they are, texts one after the other."""
    values = table.study.values
    spec = field(table.study.factor)
    label = f"{spec.title} ({spec.unit})" if spec.unit and spec.unit != spec.title.lower() else spec.title
    numbers = [value for value in values if isinstance(value, int | float)]
    numeric = len(numbers) == len(values)
    places = {
        value: float(value) if isinstance(value, int | float) and numeric else float(place)
        for place, value in enumerate(values)
    }
    ticks = tuple(Tick(place, value_text(value)) for value, place in places.items())
    shown = ticks if len(ticks) <= _MOST_TICKS or not numeric else ()
    return FactorAxis(label, numeric and wants_log(numbers), numeric, places, shown)


def wants_log(values: Sequence[Value]) -> bool:
    """Whether values belong on a log axis: positive numbers far apart that it spreads more evenly than a linear one."""
    numbers = sorted(value for value in values if isinstance(value, int | float) and value > 0)
    if len(numbers) < max(2, len(values)) or numbers[-1] < _LEAST_SPAN * numbers[0]:
        return False
    return _widest_gap([log10(number) for number in numbers]) < _widest_gap(numbers)


def _widest_gap(numbers: Sequence[float]) -> float:
    """The largest part of a range in which no value lies."""
    return max(after - before for before, after in pairwise(numbers)) / (numbers[-1] - numbers[0])


def _points(
    metric: Metric, second: str, reported: bool, rows: Sequence[StudyRow], places: dict[Value, float]
) -> Points:
    found: list[tuple[float, float, float]] = []
    for row in rows:
        figure, published = row.figure(metric), row.published(metric)
        if row.second_label != second:
            continue
        if reported and published is not None:
            found.append((places[row.value], published, 0.0))
        elif not reported and figure is not None:
            found.append((places[row.value], figure.mean, figure.spread or 0.0))
    found.sort()
    return Points(
        metric,
        second,
        reported,
        tuple(x for x, _, _ in found),
        tuple(y for _, y, _ in found),
        tuple(spread for _, _, spread in found),
    )
