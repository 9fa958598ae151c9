"""What a model said of each test picture, as arrays in ``predictions.npz``."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cnn_tui.errors import StorageError
from cnn_tui.store.files import replace_atomic

PREDICTIONS_FILE = "predictions.npz"


@dataclass(frozen=True, eq=False)
class Predictions:
    """One row for each test picture, all arrays of shape (pictures,).

    Attributes:
        actual: the class that it is.
        predicted: the class that the model took it for.
        confidence: the probability that the model gave to that class, 0 to 1.
        index: the picture's place in the test split.
    """

    actual: NDArray[np.int64]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float32]
    index: NDArray[np.int64]

    def __post_init__(self) -> None:
        shapes = {array.shape for array in (self.actual, self.predicted, self.confidence, self.index)}
        if len(shapes) != 1 or len(self.actual.shape) != 1:
            raise ValueError(f"predictions of shapes {sorted(shapes)} do not pair up")

    def save(self, folder: Path) -> None:
        """Write them into a session's folder.

        Raises:
            StorageError: the file cannot be written.
        """
        replace_atomic(folder / PREDICTIONS_FILE, self._write)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read them from a session's folder.

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
                )
        except (OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
            detail = f"{path}: {error}."
            raise StorageError("Cannot read the predictions", detail, "Run the session again to make them.") from error

    def _write(self, path: Path) -> None:
        with path.open("xb") as file:
            np.savez(file, actual=self.actual, predicted=self.predicted, confidence=self.confidence, index=self.index)
