"""Keeps a run on disk while it happens: its record, its events, its weights and predictions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import StorageError
from cnn_tui.events import EpochFinished, Event, RunFinished, RunStarted
from cnn_tui.history import best_epoch
from cnn_tui.store.event_log import EventLog
from cnn_tui.store.files import replace_atomic, sha256_of
from cnn_tui.store.predictions import Predictions
from cnn_tui.store.records import SessionRecord, Status, StudyPart, ValidationScores, ValueScale, iso_time
from cnn_tui.store.sessions import EVENTS_FILE, lock_of, write_record

WEIGHTS_FILE = "weights.safetensors"


class SessionWriter:
    """The one writer of a session's folder. It holds the folder's lock, by which others see that the run lives.

    A disk that fails while events come in does not end the run: they are kept in memory and tried again, at the
    latest at the end. ``problem`` has the first such failure.
    """

    def __init__(self, folder: Path, session_id: str, preset: RunPreset, study: StudyPart | None = None) -> None:
        """Begin the record, with status "queued", in a folder made by ``new_session_folder``.

        Raises:
            StorageError: the disk is full or read-only; nothing has been trained yet.
        """
        self.folder = folder
        fields = {name: getattr(preset, name) for name in RunPreset.model_fields}
        self.session = SessionRecord(
            **fields, id=session_id, status="queued", created=iso_time(time.time()), pid=os.getpid(), study=study
        )
        self._epochs: list[EpochFinished] = []
        self._problem: StorageError | None = None
        self._lock = lock_of(self.folder)
        self._lock.acquire()
        write_record(self.folder, self.session)
        self._log = EventLog(self.folder / EVENTS_FILE)

    @property
    def problem(self) -> StorageError | None:
        """The first failure to write, None while all went well."""
        return self._log.problem or self._problem

    def record(self, event: Event) -> None:
        """Keep an event, and what it changes in the record."""
        self._log.append(event)
        match event:
            case RunStarted():
                self._update(
                    status="running",
                    started=iso_time(event.time),
                    environment=event.environment,
                    parameters=event.parameters,
                )
            case EpochFinished():
                self._epochs.append(event)
            case RunFinished():
                self._log.flush()
                self._update(
                    status=event.status,
                    finished=iso_time(event.time),
                    result=event.result,
                    error=event.error,
                    validation=self._validation(),
                    pid=None,
                )

    def set_status(self, status: Status) -> None:
        """Tell readers that the run is stopping, say. Its end tells itself by :meth:`record`."""
        self._update(status=status)

    def save_weights_file(self, write: Callable[[Path], None]) -> None:
        """Let ``write`` make the weights file at the path it is given, and keep its checksum in the record.

        Raises:
            StorageError: the file cannot be written.
        """
        path = self.folder / WEIGHTS_FILE
        replace_atomic(path, write)
        self._update(weights_sha256=sha256_of(path))

    def save_value_range(self, low: float, high: float) -> None:
        """Keep by what pictures with more than eight bits were scaled, which pictures to predict need as well."""
        self._update(value_range=ValueScale(low=low, high=high))

    def save_predictions(self, predictions: Predictions) -> None:
        """Keep what the model said of each test picture.

        Raises:
            StorageError: the file cannot be written.
        """
        predictions.save(self.folder)

    def close(self) -> None:
        """Write what is left and let go of the folder. A run that has not told its end counts as killed then."""
        self._log.close()
        if self._problem is not None:
            self._update()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _validation(self) -> ValidationScores | None:
        """Of the last epoch, or of the best one where early stopping went back to it."""
        returns = self.session.experiment.training.early_stopping_patience is not None
        last = self._epochs[-1] if self._epochs else None
        epoch = best_epoch(self._epochs) if returns else last
        if epoch is None or epoch.validation_loss is None or epoch.validation_accuracy is None:
            return None
        return ValidationScores(epoch=epoch.epoch, loss=epoch.validation_loss, accuracy=epoch.validation_accuracy)

    def _update(self, **changes: Any) -> None:
        self.session = self.session.model_copy(update=changes)
        try:
            write_record(self.folder, self.session)
        except StorageError as error:
            self._problem = self._problem or error
