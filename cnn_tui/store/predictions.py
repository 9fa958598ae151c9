"""What a model said of each test picture, as arrays in ``predictions.npz``."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cnn_tui.errors import StorageError
from cnn_tui.store.files import replace_atomic

PREDICTIONS_FILE = "predictions.npz"


@dataclass(frozen=True, eq=False)
class Predictions:
    """One row for each of N test images. What files of earlier versions do not have is None.

    Attributes:
        actual: the class that it is, (N,).
        predicted: the class that the model took it for, (N,).
        confidence: the probability that the model gave to that class, 0 to 1, (N,).
        index: the picture's place in the test split, (N,).
        top_classes: the most probable classes, the predicted one first, (N, min(5, classes)).
        top_probabilities: their probabilities, of the same shape.
        logits: (N, classes); None as well where there are too many classes, or where they were not asked for.
    """

    actual: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]
    index: NDArray[np.int64]
    top_classes: NDArray[np.int32] | None = None
    top_probabilities: NDArray[np.float32] | None = None
    logits: NDArray[np.float16] | None = None

    def __post_init__(self) -> None:
        shapes = {array.shape for array in (self.actual, self.predicted, self.confidence, self.index)}
        if len(shapes) != 1 or len(self.actual.shape) != 1:
            raise ValueError(f"predictions of shapes {sorted(shapes)} do not pair up")
        tables = [array for array in (self.top_classes, self.top_probabilities, self.logits) if array is not None]
        if any(table.ndim != 2 or len(table) != len(self.actual) for table in tables):
            raise ValueError(f"{len(self.actual)} predictions and tables of {[table.shape for table in tables]}")
        if _shape(self.top_classes) != _shape(self.top_probabilities):
            raise ValueError("the top classes and their probabilities do not pair up")

    def save(self, folder: Path) -> None:
        """Write them into a session's folder.

        Raises:
            StorageError: the file cannot be written.
        """
        replace_atomic(folder / PREDICTIONS_FILE, self._write)

    @classmethod
    def load(cls, folder: Path, *, with_logits: bool = False) -> Self:
        """Read them from a session's folder; logits only where asked for, since they can take 100 MB.

        Raises:
            StorageError: there are none, or the file is damaged.
        """
        path = folder / PREDICTIONS_FILE
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(
                    actual=arrays["actual"].astype(np.int64),
                    predicted=arrays["predicted"].astype(np.int64),
                    confidence=arrays["confidence"].astype(np.float32),
                    index=arrays["index"].astype(np.int64),
                    top_classes=arrays["top_classes"].astype(np.int32) if "top_classes" in arrays else None,
                    top_probabilities=(
                        arrays["top_probabilities"].astype(np.float32) if "top_probabilities" in arrays else None
                    ),
                    logits=arrays["logits"].astype(np.float16) if with_logits and "logits" in arrays else None,
                )
        except (OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
            detail = f"{path}: {error}."
            raise StorageError("Cannot read the predictions", detail, "Run the session again to make them.") from error

    def _write(self, path: Path) -> None:
        with path.open("xb") as file:
            np.savez(file, **{name: array for name, array in vars(self).items() if array is not None})


def _shape(array: NDArray[Any] | None) -> tuple[int, ...] | None:
    return None if array is None else array.shape
