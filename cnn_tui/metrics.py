"""The confusion matrix and every figure that follows from it.

Rows are actual classes, columns predicted ones. A division by zero counts as 0. A class without test
images keeps its row but is left out of the macro means, since nothing was measured for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:  # whoever only reads scores, such as the workbench at its start, need not wait for numpy
    import numpy as np
    from numpy.typing import NDArray

    IntArray: TypeAlias = NDArray[np.int64]
    FloatArray: TypeAlias = NDArray[np.float64]


class ClassScores(BaseModel):
    """Precision, recall and F1 of one class; ``support`` is its number of test images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    precision: float
    recall: float
    f1: float
    support: int


class Scores(BaseModel):
    """Everything that one confusion matrix says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    classes: tuple[str, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]
    per_class: tuple[ClassScores, ...]

    @property
    def unsupported(self) -> tuple[str, ...]:
        """The classes without test images, which the macro means leave out."""
        return tuple(row.name for row in self.per_class if row.support == 0)


class Result(Scores):
    """What a run came to: the scores on the test split and what they cost (times in seconds)."""

    test_loss: float
    best_epoch: int | None
    epochs_run: int
    train_seconds: float
    total_seconds: float
    images_per_second: float
    peak_memory_bytes: int


def confusion_matrix(actual: Sequence[int] | IntArray, predicted: Sequence[int] | IntArray, classes: int) -> IntArray:
    """Count predictions into a (classes, classes) matrix of actual by predicted.

    Raises:
        ValueError: the two differ in length, or hold a label outside ``range(classes)``.
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


def score(matrix: IntArray, classes: Sequence[str]) -> Scores:
    """Derive the scores from a square matrix of counts.

    Macro F1 is the mean of the per-class F1, as in scikit-learn's ``average="macro"``.
    """
    if matrix.shape != (len(classes), len(classes)):
        raise ValueError(f"a matrix of shape {matrix.shape} does not fit {len(classes)} classes")
    import numpy as np

    hits = np.diag(matrix).astype(np.float64)
    support = matrix.sum(axis=1)
    precision = _divide(hits, matrix.sum(axis=0))
    recall = _divide(hits, support)
    f1 = _divide(2 * precision * recall, precision + recall)
    seen = support > 0

    def macro(values: FloatArray) -> float:
        return float(values[seen].mean()) if seen.any() else 0.0

    return Scores(
        accuracy=float(_divide(hits.sum(), support.sum())),
        macro_precision=macro(precision),
        macro_recall=macro(recall),
        macro_f1=macro(f1),
        classes=tuple(classes),
        confusion_matrix=tuple(tuple(row) for row in matrix.tolist()),
        per_class=tuple(
            ClassScores(name=name, precision=p, recall=r, f1=f, support=n)
            for name, p, r, f, n in zip(classes, precision, recall, f1, support.tolist(), strict=True)
        ),
    )


def _divide(numerator: FloatArray | np.float64, denominator: FloatArray | IntArray | np.int64) -> FloatArray:
    import numpy as np

    top, bottom = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
