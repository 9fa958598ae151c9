"""The predictions of a session on the test split, and thumbnails of the most interesting test images."""

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
THUMBNAILS_FILE = "thumbnails.npz"
THUMBNAIL_SIDE = 64
THUMBNAIL_BYTES = 32 * 2**20
CORRECT_PER_CLASS = 50
_UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile)


@dataclass(frozen=True, eq=False)
class Predictions:
    """One row for each of N test images. Arrays that files of earlier versions lack are None.

    Attributes:
        actual: the actual class, (N,).
        predicted: the predicted class, (N,).
        confidence: the probability of the predicted class, 0 to 1, (N,).
        index: the image's index in the test split, (N,).
        top_classes: the most probable classes in descending order, (N, min(5, classes)).
        top_probabilities: their probabilities, of the same shape.
        logits: (N, classes); also None if there are too many classes or they were not loaded.
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
            raise ValueError(f"predictions of shapes {sorted(shapes)} do not match")
        tables = [array for array in (self.top_classes, self.top_probabilities, self.logits) if array is not None]
        if any(table.ndim != 2 or len(table) != len(self.actual) for table in tables):
            raise ValueError(f"{len(self.actual)} predictions and tables of {[table.shape for table in tables]}")
        if _shape(self.top_classes) != _shape(self.top_probabilities):
            raise ValueError("the top classes and their probabilities do not match")

    def save(self, folder: Path) -> None:
        """Write ``predictions.npz`` in a session's folder.

        Raises:
            StorageError: the file cannot be written.
        """
        arrays = {name: array for name, array in vars(self).items() if array is not None}
        _save_arrays(folder / PREDICTIONS_FILE, **arrays)

    @classmethod
    def load(cls, folder: Path, *, with_logits: bool = False) -> Self:
        """Read ``predictions.npz`` from a session's folder, without the logits by default: they can take 100 MB.

        Raises:
            StorageError: the file is missing or damaged.
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
        except _UNREADABLE as error:
            detail = f"{path}: {error}."
            raise StorageError("Cannot read the predictions", detail, "Run the session again to make them.") from error


def select_thumbnails(predictions: Predictions, image_bytes: int) -> NDArray[np.int64]:
    """Select the rows of the predictions whose images are saved, as many as fit in ``THUMBNAIL_BYTES``.

    Mistakes come first, the most confident first, then the most confident correct predictions of each class.
    """
    order = np.argsort(-predictions.confidence, kind="stable")
    correct = (predictions.actual == predictions.predicted)[order]
    mistakes, hits = order[~correct], order[correct]
    samples = [hits[predictions.actual[hits] == label][:CORRECT_PER_CLASS] for label in np.unique(predictions.actual)]
    return np.concatenate([mistakes, *samples])[: THUMBNAIL_BYTES // max(1, image_bytes)]


def save_thumbnails(folder: Path, index: NDArray[np.int64], images: NDArray[np.uint8]) -> None:
    """Save images (K, H, W, 3) with their indices in the test split (K,).

    Raises:
        StorageError: the file cannot be written.
    """
    # Not compressed: photographs hardly shrink, and compressing can take longer than training a row of a study.
    _save_arrays(folder / THUMBNAILS_FILE, index=index, pictures=images)


def load_thumbnails(folder: Path) -> dict[int, NDArray[np.uint8]]:
    """The saved images (H, W, 3) by their index in the test split; empty if none were saved.

    Raises:
        StorageError: the file is damaged.
    """
    path = folder / THUMBNAILS_FILE
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(zip(arrays["index"].tolist(), arrays["pictures"], strict=True))
    except _UNREADABLE as error:
        raise StorageError("Cannot read the saved images", f"{path}: {error}.", "Run the session again.") from error


def _save_arrays(path: Path, **arrays: Any) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("xb") as file:
            np.savez(file, **arrays)

    replace_atomic(path, write)


def _shape(array: NDArray[Any] | None) -> tuple[int, ...] | None:
    return None if array is None else array.shape
