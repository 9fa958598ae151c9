"""The outcome of a test: its confusion matrix, and the counts and ratios from which metrics are computed.

Rows are actual classes, columns predicted classes. Division by zero results in 0. A class without test images keeps its
row but is excluded from macro means, because nothing was measured for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # code that only reads scores, such as the workbench at startup, does not import numpy
    import numpy as np
    from numpy.typing import NDArray

    IntArray: TypeAlias = NDArray[np.int64]

TOP = 5
"""The number of most probable classes that are stored for each image."""


@dataclass(frozen=True)
class Outcome:
    """The data from which metrics are computed.

    Attributes:
        matrix: counts of actual by predicted classes, square.
        loss: mean cross entropy, None if unknown.
        top_hits: the number of images whose class is among the ``TOP`` most probable ones, None if unknown.
    """

    matrix: Sequence[Sequence[int]]
    loss: float | None = None
    top_hits: int | None = None

    @cached_property
    def hits(self) -> tuple[int, ...]:
        """The correct predictions of each class."""
        return tuple(row[index] for index, row in enumerate(self.matrix))

    @cached_property
    def support(self) -> tuple[int, ...]:
        """The test images of each class."""
        return tuple(map(sum, self.matrix))

    @cached_property
    def predicted(self) -> tuple[int, ...]:
        """The predictions of each class."""
        return tuple(map(sum, zip(*self.matrix, strict=True)))

    @cached_property
    def images(self) -> int:
        """The number of test images."""
        return sum(self.support)

    @cached_property
    def precision(self) -> tuple[float, ...]:
        """The share of correct predictions among all predictions of each class."""
        return tuple(map(ratio, self.hits, self.predicted))

    @cached_property
    def recall(self) -> tuple[float, ...]:
        """The share of correct predictions among all images of each class."""
        return tuple(map(ratio, self.hits, self.support))

    @cached_property
    def f1(self) -> tuple[float, ...]:
        """The harmonic mean of precision and recall of each class."""
        return tuple(ratio(2 * p * r, p + r) for p, r in zip(self.precision, self.recall, strict=True))

    def macro(self, values: Sequence[float]) -> float:
        """The mean of one value per class over the classes with test images."""
        measured = [value for value, support in zip(values, self.support, strict=True) if support]
        return ratio(fsum(measured), len(measured))


def confusion_matrix(actual: Sequence[int] | IntArray, predicted: Sequence[int] | IntArray, classes: int) -> IntArray:
    """Count predictions into a (classes, classes) matrix of actual by predicted.

    Raises:
        ValueError: the two differ in length, or contain a label outside ``range(classes)``.
    """
    import numpy as np

    rows, columns = np.asarray(actual, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if rows.shape != columns.shape or rows.ndim != 1:
        raise ValueError(f"labels of shapes {rows.shape} and {columns.shape} do not pair up")
    for labels in (rows, columns):
        if labels.size and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"a label lies outside 0..{classes - 1}")
    counts = np.bincount(rows * classes + columns, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def top_hits(actual: IntArray, top_classes: IntArray) -> int:
    """The number of labels (N,) that are among the most probable classes (N, k)."""
    return int((top_classes == actual[:, None]).any(axis=1).sum())


def ratio(numerator: float, denominator: float) -> float:
    """The quotient, 0 for a denominator of 0."""
    return numerator / denominator if denominator > 0 else 0.0
