"""Small copies of test pictures beside a session, so that its mistakes can be looked at without the dataset."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnn_tui.errors import StorageError
from cnn_tui.store.files import replace_atomic
from cnn_tui.store.predictions import Predictions

THUMBNAILS_FILE = "thumbnails.npz"
MAX_SIDE = 64
MAX_BYTES = 32 * 2**20
RIGHT_PER_CLASS = 50


def worth_keeping(predictions: Predictions, picture_bytes: int) -> NDArray[np.int64]:
    """Which rows of the predictions to keep pictures of, as many as fit in ``MAX_BYTES``.

    First the mistakes, the most confident first, then the most confident right ones of each class.
    """
    order = np.argsort(-predictions.confidence, kind="stable")
    right = (predictions.actual == predictions.predicted)[order]
    mistakes, hits = order[~right], order[right]
    samples = [hits[predictions.actual[hits] == label][:RIGHT_PER_CLASS] for label in np.unique(predictions.actual)]
    return np.concatenate([mistakes, *samples])[: MAX_BYTES // max(1, picture_bytes)]


def save_thumbnails(folder: Path, index: NDArray[np.int64], pictures: NDArray[np.uint8]) -> None:
    """Keep pictures (K, H, W, 3) of the test split's places ``index`` (K,).

    Raises:
        StorageError: the file cannot be written.
    """

    def write(path: Path) -> None:
        with path.open("xb") as file:
            # Not compressed: photographs hardly shrink, and rows of a study would wait longer for it than they train.
            np.savez(file, index=index, pictures=pictures)

    replace_atomic(folder / THUMBNAILS_FILE, write)


def load_thumbnails(folder: Path) -> dict[int, NDArray[np.uint8]]:
    """The kept pictures (H, W, 3) by their place in the test split; none where none were kept.

    Raises:
        StorageError: the file is damaged.
    """
    path = folder / THUMBNAILS_FILE
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(zip(arrays["index"].tolist(), arrays["pictures"], strict=True))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise StorageError("Cannot read the kept pictures", f"{path}: {error}.", "Run the session again.") from error
