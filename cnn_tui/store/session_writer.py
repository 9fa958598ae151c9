"""New sessions and those that are continued: their folders, and saving a run while it is in progress."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import Timeout

from cnn_tui import paths
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import StorageError
from cnn_tui.events import BatchFinished, EpochFinished, Event, RunFinished, RunStarted
from cnn_tui.history import best_epoch
from cnn_tui.metrics import Result
from cnn_tui.store.checkpoints import CheckpointInfo, keep_newest, save_checkpoint
from cnn_tui.store.event_log import EventLog, write_events
from cnn_tui.store.files import ensure_writable, replace_atomic, sha256_of, slug, storage_error
from cnn_tui.store.records import ImageInput, SessionRecord, StudyPart, ValidationScores, ValueScale, iso_time
from cnn_tui.store.sessions import EVENTS_FILE, lock_of, read_record, write_record

WEIGHTS_FILE = "weights.safetensors"


class SessionWriter:
    """The only writer of a session's folder. It holds the folder's lock, which shows others that the run is alive.

    A disk that fails during a run does not end it: events are kept in memory, and writing is retried until the end.
    """

    def __init__(self, folder: Path, session: SessionRecord, events: Sequence[Event] | None = None) -> None:
        """Begin a session in its empty folder, or continue one after these events.

        A session that is continued stays as it is until its run takes the next step or is tested: if the run cannot,
        because its images are missing or the user stops it before, the earlier result is not lost.

        Raises:
            StorageError: the disk is full or read-only, or another process writes the session.
        """
        self.folder = folder
        self.session = session
        self._events = [*events] if events else []
        self._epochs = [event for event in self._events if isinstance(event, EpochFinished)]
        self._problem: StorageError | None = None
        self._log: EventLog | None = None
        self._lock = lock_of(self.folder)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise StorageError(
                f"{session.id} is still running", "Another process writes it.", "Stop it first."
            ) from error
        if events is None:
            self._begin()

    @property
    def problem(self) -> StorageError | None:
        """The first failure to write, None if there was none."""
        return (self._log.problem if self._log else None) or self._problem

    def record(self, event: Event) -> None:
        """Append an event to the log and update the record.

        Raises:
            StorageError: a session that is continued cannot be written.
        """
        if self._log is None:
            self._record_before_resuming(event)
            return
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
                if event.status == "done":
                    keep_newest(self.folder)

    def _begin(self) -> None:
        """Write the record and the events so far. The log comes first: without it the record would be wrong."""
        if self._events:
            write_events(self.folder / EVENTS_FILE, self._events)
        write_record(self.folder, self.session)
        self._log = EventLog(self.folder / EVENTS_FILE, len(self._events))
        self._events.clear()

    def _record_before_resuming(self, event: Event) -> None:
        """Keep an event of a session that is continued until its run takes a step or has a result."""
        match event:
            case RunStarted():  # in this process; the log has the one of the first
                changes = {"status": "running", "environment": event.environment, "parameters": event.parameters}
                self.session = self.session.model_copy(update=changes)
                if not any(isinstance(earlier, RunStarted) for earlier in self._events):
                    self._events.insert(0, event)
            case BatchFinished() | EpochFinished() | RunFinished(result=Result()):
                self._begin()
                self.record(event)
            case RunFinished():
                return
            case _:
                self._events.append(event)

    def save_weights_file(self, write: Callable[[Path], None]) -> None:
        """Create the weights file by calling ``write`` with a path, and record its checksum.

        Raises:
            StorageError: the file cannot be written.
        """
        path = self.folder / WEIGHTS_FILE
        replace_atomic(path, write)
        self._update(weights_sha256=sha256_of(path))

    def save_frozen_weights_sha256(self, checksum: str | None) -> None:
        """Record the checksum of the user's own file that has the frozen layers."""
        self._update(frozen_weights_sha256=checksum)

    def save_image_input(self, image_input: ImageInput) -> None:
        """Record how images become the network's input, which new images need too."""
        self._update(image_input=image_input)

    def save_value_range(self, low: float, high: float) -> None:
        """Record the range that images with more than eight bits were scaled by, which new images need too."""
        self._update(value_range=ValueScale(low=low, high=high))

    def save_checkpoint(self, info: CheckpointInfo, write: Callable[[Path], None], size: int) -> None:
        """Save a checkpoint after the events recorded so far; a failure is kept as :attr:`problem`.

        Args:
            write: creates the file of tensors, of about ``size`` bytes, at a path.
        """
        if self._log is None:
            return  # a run that is stopped before its next step is in the state of its last checkpoint
        self._log.flush()
        try:
            save_checkpoint(self.folder, info.model_copy(update={"events": self._log.count}), write, size)
        except StorageError as error:
            self._problem = self._problem or error

    def close(self) -> None:
        """Write what is pending and release the folder. A run without a recorded end then counts as killed."""
        if self._log is not None:
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
        """The scores of the last epoch, or of the best one if early stopping restored its weights."""
        restored = self.session.experiment.training.early_stopping_patience is not None
        last = self._epochs[-1] if self._epochs else None
        epoch = best_epoch(self._epochs) if restored else last
        if epoch is None or epoch.validation_loss is None or epoch.validation_accuracy is None:
            return None
        return ValidationScores(epoch=epoch.epoch, loss=epoch.validation_loss, accuracy=epoch.validation_accuracy)

    def _update(self, **changes: Any) -> None:
        self.session = self.session.model_copy(update=changes)
        try:
            if self._log is None:
                self._begin()
            write_record(self.folder, self.session)
        except StorageError as error:
            self._problem = self._problem or error


def new_session(preset: RunPreset, study: StudyPart | None = None) -> SessionWriter:
    """A session for a run that begins.

    Raises:
        StorageError: the disk is full or read-only.
    """
    session_id, folder = new_session_folder(preset.name)
    ensure_writable(folder)
    return SessionWriter(folder, new_record(session_id, preset, study))


def new_record(session_id: str, preset: RunPreset, study: StudyPart | None = None) -> SessionRecord:
    """The record of a run that this process is about to begin."""
    fields = {name: getattr(preset, name) for name in RunPreset.model_fields}
    created = iso_time(time.time())
    return SessionRecord(**fields, id=session_id, status="queued", created=created, pid=os.getpid(), study=study)


def continued_session(folder: Path, experiment: Experiment, events: Sequence[Event]) -> SessionWriter:
    """A session whose run continues after these events, with an experiment that may have more epochs.

    Raises:
        StorageError: it is damaged, still running, or cannot be written.
    """
    earlier = read_record(folder)
    outcome = {"finished": None, "result": None, "error": None, "validation": None, "weights_sha256": None}
    changes = {"experiment": experiment, "status": "queued", "pid": os.getpid(), **outcome}
    return SessionWriter(folder, earlier.model_copy(update=changes), events)


def new_session_folder(name: str) -> tuple[str, Path]:
    """Create an empty folder for a run; its id consists of the UTC time and the name's slug, numbered if taken.

    Raises:
        StorageError: the disk is full or read-only.
    """
    root = paths.sessions_folder()
    ensure_writable(root)
    stem = f"{datetime.fromtimestamp(time.time(), UTC):%Y%m%dT%H%M%SZ}-{slug(name)}"
    number = 1
    while True:
        session_id = stem if number == 1 else f"{stem}-{number}"
        try:
            (root / session_id).mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise storage_error(root / session_id, error) from error
        else:
            return session_id, root / session_id
