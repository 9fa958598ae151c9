"""Test scores of a session by class: the confusion matrix, the scores of each class and the most confused pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from cnn_tui.metrics import MACRO_MEANS, Scores
from cnn_tui.reports.charts.heat import signed_shares
from cnn_tui.reports.documents.tables import HeatTable, Table

CLASS_HEADINGS = tuple(metric.heading for metric in MACRO_MEANS)
"""The headings of a class's scores."""
MatrixUnit = Literal["counts", "actual", "predicted"]
"""The content of a confusion matrix: counts, or percentages of the actual class (row) or predicted class (column)."""


@dataclass(frozen=True)
class ConfusedPair:
    """The number of test images of class ``actual`` that were predicted as class ``predicted``, by class index.

    ``share`` is their share of all images of the actual class, 0 to 1.
    """

    actual: int
    predicted: int
    count: int
    share: float


@dataclass(frozen=True)
class ClassSummary:
    """The scores of one class, or their macro means.

    Attributes:
        index: of the class, None for the macro means.
        values: under the headings of ``CLASS_HEADINGS``.
        support: the number of test images.
        confused: the pair with the class that it is most often confused with, None without errors.
    """

    index: int | None
    name: str
    values: tuple[float, ...]
    support: int
    confused: ConfusedPair | None = None


def confused_pairs(scores: Scores, most: int | None = None) -> tuple[ConfusedPair, ...]:
    """Up to ``most`` confused pairs of classes, by count, then share, then class index."""
    pairs = [pair for actual in range(len(scores.classes)) for pair in _confused_with(scores, actual)]
    return tuple(sorted(pairs, key=_order)[:most])


def class_summaries(scores: Scores) -> tuple[ClassSummary, ...]:
    """The scores of each class, in the dataset's order."""
    getters = [attrgetter(metric.per_class) for metric in MACRO_MEANS]
    return tuple(
        ClassSummary(
            index,
            row.name,
            tuple(get(row) for get in getters),
            row.support,
            min(_confused_with(scores, index), key=_order, default=None),
        )
        for index, row in enumerate(scores.per_class)
    )


def macro_summary(scores: Scores, *, short: bool = False) -> ClassSummary:
    """The macro means, with a name that states how many classes they cover if some have no test images."""
    classes, measured = len(scores.classes), len(scores.classes) - len(scores.unsupported)
    name = "macro mean"
    if scores.unsupported:
        name = f"macro, {measured} of {classes}" if short else f"macro mean of {measured} of {classes} classes"
    means = tuple(scores.value(metric) or 0.0 for metric in MACRO_MEANS)
    return ClassSummary(None, name, means, sum(row.support for row in scores.per_class))


def matrix_table(scores: Scores, unit: MatrixUnit = "counts") -> HeatTable:
    """The confusion matrix: actual classes in rows, predicted classes in columns, the diagonal good."""
    columns = list(zip(*scores.confusion_matrix, strict=True))
    rows = [
        (name, *(_cell(count, row, column, unit) for count, column in zip(row, columns, strict=True)))
        for name, row in zip(scores.classes, scores.confusion_matrix, strict=True)
    ]
    heading = ("actual \\ predicted", *scores.classes)
    return HeatTable(heading, tuple(rows), heat=signed_shares(scores.confusion_matrix))


def class_table(scores: Scores) -> Table:
    """The scores of each class, and their macro means in the last row."""
    rows = [
        (summary.name, *(f"{value:.4f}" for value in summary.values), str(summary.support))
        for summary in (*class_summaries(scores), macro_summary(scores))
    ]
    return Table(("class", *CLASS_HEADINGS, "images"), tuple(rows))


def confused_table(scores: Scores, most: int | None = None) -> Table:
    """Up to ``most`` confused pairs, in the order of :func:`confused_pairs`."""
    rows = [
        (scores.classes[pair.actual], scores.classes[pair.predicted], str(pair.count), f"{pair.share:.4f}")
        for pair in confused_pairs(scores, most)
    ]
    return Table(("actual", "predicted", "images", "share of actual"), tuple(rows), labels=2)


def _cell(count: int, row: Sequence[int], column: Sequence[int], unit: MatrixUnit) -> str:
    if unit == "counts":
        return str(count)
    total = sum(row if unit == "actual" else column)
    return f"{100 * count / total if total else 0.0:.2f}"


def _confused_with(scores: Scores, actual: int) -> list[ConfusedPair]:
    row = scores.confusion_matrix[actual]
    images = sum(row)
    return [
        ConfusedPair(actual, predicted, count, count / images)
        for predicted, count in enumerate(row)
        if count and actual != predicted
    ]


def _order(pair: ConfusedPair) -> tuple[float, ...]:
    return -pair.count, -pair.share, pair.actual, pair.predicted
