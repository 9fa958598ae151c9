"""The test pictures behind a cell or a class of the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnn_tui.store.predictions import Predictions, load_thumbnails
from cnn_tui.tui.widgets.picture_tiles import PictureItem


@dataclass(frozen=True)
class Choice:
    """Which pictures: those of the class at place ``actual`` that were taken for ``predicted``, for any if None."""

    actual: int
    predicted: int | None


@dataclass(frozen=True, eq=False)
class ChosenPictures:
    """The pictures of a choice, the most confident prediction first.

    Attributes:
        pixels: those that were kept, by their place in the test split; uint8 of shape (height, width, 3).
    """

    items: tuple[PictureItem, ...]
    pixels: Mapping[int, NDArray[np.uint8]]

    @property
    def missing(self) -> int:
        """How many were not kept."""
        return len(self.items) - len(self.pixels)


def load_pictures(folder: Path, classes: tuple[str, ...], choice: Choice) -> ChosenPictures:
    """Read the predictions and pictures of a session; call it in a thread.

    Raises:
        StorageError: the session has no predictions, or its files are damaged.
    """
    predictions = Predictions.load(folder)
    items = choose(predictions, classes, choice)
    kept = load_thumbnails(folder)
    # Copies, so that the array of all kept pictures can go.
    return ChosenPictures(items, {item.index: kept[item.index].copy() for item in items if item.index in kept})


def choose(predictions: Predictions, classes: tuple[str, ...], choice: Choice) -> tuple[PictureItem, ...]:
    """The pictures of a choice, the most confident prediction first."""
    wanted = predictions.actual == choice.actual
    if choice.predicted is not None:
        wanted &= predictions.predicted == choice.predicted
    rows = np.flatnonzero(wanted)
    rows = rows[np.argsort(-predictions.confidence[rows], kind="stable")]
    return tuple(
        PictureItem(int(index), classes[actual], classes[predicted], float(confidence))
        for index, actual, predicted, confidence in zip(
            predictions.index[rows],
            predictions.actual[rows],
            predictions.predicted[rows],
            predictions.confidence[rows],
            strict=True,
        )
    )
