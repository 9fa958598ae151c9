"""What the Results screen shows of a session, read from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cnn_tui.errors import StorageError
from cnn_tui.events import BatchFinished, EpochFinished, WarningRaised
from cnn_tui.history import RunHistory
from cnn_tui.reports.charts.series import Series
from cnn_tui.store.notes import NOTE_FILE, SessionNote
from cnn_tui.store.presets import SESSION_FILE
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import find_session, load_session, note_or_problem, read_history

_ENOUGH_EPOCHS = 2
"""From so many on the epochs make a curve; before, the steps do."""


@dataclass(frozen=True, eq=False)
class SessionView:
    """A session as it was when it was read.

    Attributes:
        stamp: when its record or note was written last, in nanoseconds, to notice that it has changed.
        loss: its curves, x in epochs.
        accuracy: likewise.
        damage: why the curves are missing, empty if they are not.
        note: what a person wrote about it.
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
        SessionNotFoundError: there is none of this id.
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
    """When a session's record or its note was written last, in nanoseconds; 0 if both are gone."""
    return max(_written(folder / SESSION_FILE), _written(folder / NOTE_FILE))


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _curves(history: RunHistory, record: SessionRecord) -> tuple[tuple[Series, ...], tuple[Series, ...]]:
    """The curves of loss and of accuracy, the test figure as a single point at the end."""
    xs, losses, accuracies = _train_points(history)
    measured = [epoch for epoch in history.epochs if epoch.validation_loss is not None]
    places = tuple(float(epoch.epoch) for epoch in measured)
    loss = [Series("train", xs, losses)]
    accuracy = [Series("train", xs, accuracies)]
    if measured:
        loss.append(_validation(places, [epoch.validation_loss for epoch in measured]))
        accuracy.append(_validation(places, [epoch.validation_accuracy for epoch in measured]))
    if record.result is not None and xs:
        end = (float(record.result.best_epoch or xs[-1]),)
        loss.append(Series("test", end, (record.result.test_loss,), "test", "none", "diamond"))
        accuracy.append(Series("test", end, (record.result.accuracy,), "test", "none", "diamond"))
    return tuple(loss), tuple(accuracy)


def _train_points(history: RunHistory) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Places in epochs with the training loss and accuracy there, from the steps where epochs make no curve."""
    epochs, batches = history.epochs, history.batches
    if len(epochs) >= _ENOUGH_EPOCHS or not batches:
        places = tuple(float(epoch.epoch) for epoch in epochs)
        return places, tuple(e.train_loss for e in epochs), tuple(e.train_accuracy for e in epochs)
    return tuple(map(_place, batches)), tuple(b.loss for b in batches), tuple(b.accuracy for b in batches)


def _place(batch: BatchFinished) -> float:
    return batch.epoch - 1 + batch.step / max(1, batch.steps)


def _validation(places: tuple[float, ...], values: list[float | None]) -> Series:
    return Series("validation", places, tuple(value or 0.0 for value in values), "validation", "dashed")
