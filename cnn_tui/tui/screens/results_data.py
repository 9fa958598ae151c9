"""A session as shown by Results and the preview, read from its folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cnn_tui.errors import StorageError
from cnn_tui.events import EpochFinished, WarningRaised
from cnn_tui.history import RunHistory, position
from cnn_tui.reports.charts.series import Series
from cnn_tui.store.notes import NOTE_FILE, SessionNote
from cnn_tui.store.presets import SESSION_FILE
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import find_session, load_session, note_or_problem, read_history

_MIN_EPOCHS = 2  # a shorter run has no curve by epoch and is drawn by step


@dataclass(frozen=True, eq=False)
class SessionView:
    """A snapshot of a session.

    Attributes:
        stamp: the last modification of its record or note in nanoseconds, to detect changes.
        loss: the loss curves by epoch.
        accuracy: the accuracy curves by epoch.
        damage: why the curves are missing, empty otherwise.
        note: the user's note and tags.
    """

    folder: Path
    stamp: int
    record: SessionRecord
    epochs: tuple[EpochFinished, ...]
    loss: tuple[Series, ...]
    accuracy: tuple[Series, ...]
    warnings: tuple[WarningRaised, ...]
    damage: str
    note: SessionNote


def load_view(session_id: str) -> SessionView:
    """Read a session. It may have many events, so call this in a thread.

    Raises:
        SessionNotFoundError: no session has this id.
        StorageError: its record is damaged.
    """
    folder = find_session(session_id)
    stamp, record = read_stamp(folder), load_session(folder)
    try:
        history, damage = read_history(folder), ""
    except StorageError as error:
        history, damage = RunHistory(), str(error)
    loss, accuracy = _curves(history, record)
    return SessionView(
        folder=folder,
        stamp=stamp,
        record=record,
        epochs=tuple(history.epochs),
        loss=loss,
        accuracy=accuracy,
        warnings=tuple(history.warnings),
        damage=damage,
        note=note_or_problem(folder)[0],
    )


def read_stamp(folder: Path) -> int:
    """The last modification of a session's record or note in nanoseconds; 0 if neither exists."""
    stamp = 0
    for name in (SESSION_FILE, NOTE_FILE):
        with contextlib.suppress(OSError):
            stamp = max(stamp, (folder / name).stat().st_mtime_ns)
    return stamp


def _curves(history: RunHistory, record: SessionRecord) -> tuple[tuple[Series, ...], tuple[Series, ...]]:
    """The curves of loss and accuracy, with the test score as a point at the best epoch."""
    xs, losses, accuracies = _train_points(history)
    loss = [Series("train", xs, losses)]
    accuracy = [Series("train", xs, accuracies)]
    validated = [epoch for epoch in history.epochs if epoch.validation_loss is not None]
    if validated:
        epochs = tuple(float(epoch.epoch) for epoch in validated)
        loss.append(_validation(epochs, (epoch.validation_loss for epoch in validated)))
        accuracy.append(_validation(epochs, (epoch.validation_accuracy for epoch in validated)))
    if record.result is not None and xs:
        end = (float(record.result.best_epoch or xs[-1]),)
        loss.append(Series("test", end, (record.result.test_loss,), "test", "none", "diamond"))
        accuracy.append(Series("test", end, (record.result.accuracy,), "test", "none", "diamond"))
    return tuple(loss), tuple(accuracy)


def _train_points(history: RunHistory) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Training loss and accuracy by epoch; by step, in fractions of an epoch, for a run of a single epoch."""
    epochs, batches = history.epochs, history.batches
    if len(epochs) >= _MIN_EPOCHS or not batches:
        xs = tuple(float(epoch.epoch) for epoch in epochs)
        return xs, tuple(e.train_loss for e in epochs), tuple(e.train_accuracy for e in epochs)
    xs = tuple(map(position, batches))
    return xs, tuple(b.loss for b in batches), tuple(b.accuracy for b in batches)


def _validation(epochs: tuple[float, ...], values: Iterable[float | None]) -> Series:
    return Series("validation", epochs, tuple(value or 0.0 for value in values), "validation", "dashed")
