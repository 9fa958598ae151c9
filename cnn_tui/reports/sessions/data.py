"""The data of a session that reports need, read from its folder."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnn_tui.errors import StorageError
from cnn_tui.events import EpochFinished, WarningRaised
from cnn_tui.history import RunHistory
from cnn_tui.store.notes import NO_NOTE, SessionNote
from cnn_tui.store.predictions import PREDICTIONS_FILE, Predictions, load_thumbnails
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import find_session, load_session, note_or_problem, read_history

MOST_MISTAKES = 24
"""This many images of at most 64 by 64 pixels keep a page below half a megabyte."""


@dataclass(frozen=True, eq=False)
class SessionData:
    """The recorded data of a run.

    Attributes:
        predictions: None if they are missing or damaged.
        damage: descriptions of what could not be read, empty for none.
        note: the user's note and tags.
        events_damage: the part of ``damage`` about events, and so about curves.
    """

    folder: Path
    record: SessionRecord
    epochs: tuple[EpochFinished, ...] = ()
    warnings: tuple[WarningRaised, ...] = ()
    predictions: Predictions | None = None
    damage: str = ""
    events_damage: str = ""
    note: SessionNote = NO_NOTE


@dataclass(frozen=True)
class Mistake:
    """A test image with a wrong prediction.

    Attributes:
        index: of the image in the test split.
        confidence: of the prediction, 0 to 1.
        png: the stored thumbnail.
    """

    index: int
    actual: str
    predicted: str
    confidence: float
    png: bytes


def read_session(name: str | Path) -> SessionData:
    """Read a session by a name that :func:`find_session` accepts, or by its folder.

    Damaged curves, predictions and notes are left out.

    Raises:
        SessionNotFoundError: no session, or more than one, matches the name.
        StorageError: its record is damaged.
    """
    folder = name if isinstance(name, Path) else find_session(name)
    record = load_session(folder)
    history, events_damage = _history(folder)
    predictions, damage = _predictions(folder)
    note, note_damage = note_or_problem(folder)
    return SessionData(
        folder=folder,
        record=record,
        epochs=tuple(history.epochs),
        warnings=tuple(history.warnings),
        predictions=predictions,
        damage="\n".join(part for part in (events_damage, damage, note_damage) if part),
        events_damage=events_damage,
        note=note,
    )


def read_mistakes(session: SessionData, most: int = MOST_MISTAKES) -> tuple[Mistake, ...]:
    """The mistakes with a stored thumbnail, the most confident first.

    Raises:
        StorageError: the thumbnails are damaged.
    """
    predictions, result = session.predictions, session.record.result
    if predictions is None or result is None:
        return ()
    thumbnails = load_thumbnails(session.folder)
    wrong = np.flatnonzero(predictions.actual != predictions.predicted)
    wrong = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")]
    rows = [row for row in wrong.tolist() if int(predictions.index[row]) in thumbnails][:most]
    return tuple(
        Mistake(
            index=int(predictions.index[row]),
            actual=result.classes[predictions.actual[row]],
            predicted=result.classes[predictions.predicted[row]],
            confidence=float(predictions.confidence[row]),
            png=_png(thumbnails[int(predictions.index[row])]),
        )
        for row in rows
    )


def session_json(
    record: SessionRecord, epochs: Iterable[EpochFinished], folder: Path, note: SessionNote
) -> dict[str, Any]:
    """The record of a session with its folder, note, tags and epochs, as JSON."""
    return {
        **record.model_dump(mode="json"),
        "folder": str(folder),
        "note": note.note,
        "tags": list(note.tags),
        "epochs": [epoch.model_dump(mode="json") for epoch in epochs],
    }


def _history(folder: Path) -> tuple[RunHistory, str]:
    try:
        return read_history(folder), ""
    except StorageError as error:
        return RunHistory(), str(error)


def _predictions(folder: Path) -> tuple[Predictions | None, str]:
    if not (folder / PREDICTIONS_FILE).exists():
        return None, ""
    try:
        return Predictions.load(folder), ""
    except StorageError as error:
        return None, str(error)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """An image of shape (H, W, 3) as a PNG file."""
    from PIL import Image  # only pages need it

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()
