"""The most confident mistakes of a session with their pictures, as far as these were kept."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnn_tui.reports.session_data import SessionData
from cnn_tui.reports.tables import Picture, PictureTable
from cnn_tui.store.predictions import load_thumbnails

MOST_MISTAKES = 24
"""So many pictures of at most 64 by 64 pixels keep a page below half a megabyte."""


@dataclass(frozen=True)
class Mistake:
    """A test picture that was taken for another class.

    Attributes:
        index: the picture's index in the test split.
        confidence: of the prediction, 0 to 1.
        png: the kept picture.
    """

    index: int
    actual: str
    predicted: str
    confidence: float
    png: bytes


def read_mistakes(session: SessionData, most: int = MOST_MISTAKES) -> tuple[Mistake, ...]:
    """The mistakes whose pictures were kept, the most confident first; none where no picture was.

    Raises:
        StorageError: the file of the kept pictures is damaged.
    """
    told, result = session.predictions, session.record.result
    if told is None or result is None:
        return ()
    kept = load_thumbnails(session.folder)
    wrong = np.flatnonzero(told.actual != told.predicted)
    wrong = wrong[np.argsort(-told.confidence[wrong], kind="stable")]
    shown = [row for row in wrong.tolist() if int(told.index[row]) in kept][:most]
    return tuple(
        Mistake(
            index=int(told.index[row]),
            actual=result.classes[told.actual[row]],
            predicted=result.classes[told.predicted[row]],
            confidence=float(told.confidence[row]),
            png=_png(kept[int(told.index[row])]),
        )
        for row in shown
    )


def mistakes_table(mistakes: Sequence[Mistake]) -> PictureTable:
    """Mistakes with their pictures."""
    rows = [(one.actual, one.predicted, _confidence(one), f"{one.index:,}") for one in mistakes]
    columns = ("actual", "taken for", "confidence", "test picture")
    return PictureTable(columns, tuple(rows), labels=2, pictures=tuple(map(_picture, mistakes)))


def _picture(mistake: Mistake) -> Picture:
    actual, predicted, confidence = mistake.actual, mistake.predicted, _confidence(mistake)
    return Picture(
        mistake.png,
        caption=(f"is {actual}", f"taken for {predicted}", f"{confidence} · picture {mistake.index:,}"),
        alt=f"Test picture {mistake.index:,}: {actual}, taken for {predicted} with {confidence} confidence",
    )


def _confidence(mistake: Mistake) -> str:
    return f"{mistake.confidence * 100:.1f} %"


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture (H, W, 3) as a PNG file."""
    from PIL import Image  # not needed before a page is written

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()
