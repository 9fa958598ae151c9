"""What tables of classes and of confused pairs hold, computed once for command line, reports and workbench."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from cnn_tui.metrics import MACRO_MEANS, Scores

CLASS_FIGURES = tuple(metric.heading for metric in MACRO_MEANS)
"""The headings of a class's figures."""


@dataclass(frozen=True)
class ConfusedPair:
    """How many test images of the class with index ``actual`` were taken for the one with index ``predicted``.

    ``share`` is their part of all images of the actual class, 0 to 1.
    """

    actual: int
    predicted: int
    count: int
    share: float


@dataclass(frozen=True)
class ClassFigures:
    """The figures of one class, or their macro means.

    Attributes:
        index: of the class, None for the macro means.
        figures: under the headings of ``CLASS_FIGURES``.
        support: the number of test images.
        confused: the class that it is taken for most often, None if it never is.
    """

    index: int | None
    name: str
    figures: tuple[float, ...]
    support: int
    confused: ConfusedPair | None = None


def confused_pairs(scores: Scores, most: int | None = None) -> tuple[ConfusedPair, ...]:
    """The pairs of classes that were confused, at most ``most``: by count, then by share, then as classes come."""
    pairs = [pair for actual in range(len(scores.classes)) for pair in _confused_with(scores, actual)]
    return tuple(sorted(pairs, key=_order)[:most])


def class_rows(scores: Scores) -> tuple[ClassFigures, ...]:
    """A row for each class in the dataset's order."""
    read = [attrgetter(metric.per_class) for metric in MACRO_MEANS]
    return tuple(
        ClassFigures(
            index,
            row.name,
            tuple(one(row) for one in read),
            row.support,
            min(_confused_with(scores, index), key=_order, default=None),
        )
        for index, row in enumerate(scores.per_class)
    )


def macro_row(scores: Scores, *, short: bool = False) -> ClassFigures:
    """The macro means, with a name that says how many classes they are over where some were not measured."""
    classes, measured = len(scores.classes), len(scores.classes) - len(scores.unsupported)
    name = "macro mean"
    if scores.unsupported:
        name = f"macro, {measured} of {classes}" if short else f"macro mean of {measured} of {classes} classes"
    means = tuple(scores.value(metric) or 0.0 for metric in MACRO_MEANS)
    return ClassFigures(None, name, means, sum(row.support for row in scores.per_class))


def heat(matrix: Sequence[Sequence[int]]) -> tuple[tuple[float, ...], ...]:
    """Each count as a part of its row; those off the diagonal are negative."""
    return tuple(
        tuple(count / (sum(row) or 1) * (1 if actual == predicted else -1) for predicted, count in enumerate(row))
        for actual, row in enumerate(matrix)
    )


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
