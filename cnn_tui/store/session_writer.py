"""New sessions: their names and folders, and saving a run while it is in progress."""

from __future__ import annotations

import json
import os
import re
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
from cnn_tui.events import EpochFinished, Event, RunFinished, RunStarted
from cnn_tui.history import best_epoch
from cnn_tui.store.checkpoints import CheckpointInfo, keep_newest, save_checkpoint
from cnn_tui.store.event_log import EventLog, write_events
from cnn_tui.store.files import ensure_writable, replace_atomic, sha256_of, slug, storage_error
from cnn_tui.store.presets import SESSION_FILE, renamed_preset
from cnn_tui.store.records import ImageInput, SessionRecord, StudyPart, ValidationScores, ValueScale, iso_time
from cnn_tui.store.sessions import EVENTS_FILE, lock_of, read_record, write_record

WEIGHTS_FILE = "weights.safetensors"
_LONGEST_STEM = 188  # leaves 12 of the 200 characters of a name for a number of nine digits
# In brackets, so that a number that belongs to the name, as in "resnet 18", is not continued.
_NUMBERED = re.compile(r"(?P<stem>.*\S) \((?P<number>[1-9][0-9]{0,8})\)", re.DOTALL)
_ID = r"[0-9]{{8}}T[0-9]{{6}}Z-({}(?P<number>[0-9]+)|{})(-[0-9]+)?"
_MOST_READ = 100
_LONGEST_IN_FULL = 50  # a slug that fits into an id together with a number of nine digits
_HEAD_BYTES = 4096  # a record begins with its name, which takes at most 2,400 bytes
_NAME = re.compile(r'"name":\s*("(?:[^"\\]|\\.)*")')


class SessionWriter:
    """The only writer of a session's folder. It holds the folder's lock, which shows others that the run is alive.

    A disk that fails during a run does not end it: events are kept in memory, and writing is retried until the end.
    """

    def __init__(self, folder: Path, session: SessionRecord, events: Sequence[Event] = ()) -> None:
        """Begin a session in its empty folder, or continue one after these events.

        Raises:
            StorageError: the disk is full or read-only, or another process writes the session.
        """
        self.folder = folder
        self.session = session
        self._epochs = [event for event in events if isinstance(event, EpochFinished)]
        self._problem: StorageError | None = None
        self._lock = lock_of(self.folder)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise StorageError(
                f"{session.id} is still running", "Another process writes it.", "Stop it first."
            ) from error
        write_record(self.folder, self.session)
        if events:
            write_events(self.folder / EVENTS_FILE, events)
        self._log = EventLog(self.folder / EVENTS_FILE, len(events))

    @property
    def problem(self) -> StorageError | None:
        """The first failure to write, None if there was none."""
        return self._log.problem or self._problem

    def record(self, event: Event) -> None:
        """Append an event to the log and update the record."""
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
        self._log.flush()
        try:
            save_checkpoint(self.folder, info.model_copy(update={"events": self._log.count}), write, size)
        except StorageError as error:
            self._problem = self._problem or error

    def close(self) -> None:
        """Write what is pending and release the folder. A run without a recorded end then counts as killed."""
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


def with_unique_name(preset: RunPreset) -> RunPreset:
    """Name a preset like no session: unchanged, or with the next number.

    "pets" is followed by "pets (2)" and "pets (3)", also when "pets (2)" is run again.
    """
    numbered = _NUMBERED.fullmatch(preset.name)
    stem = numbered["stem"] if numbered else preset.name
    taken = _names_like(stem)
    if preset.name not in taken:
        return preset
    suffix = f" ({1 + max(_number(name, stem) for name in taken)})"
    return renamed_preset(preset, _cut(stem) + suffix)


def _number(name: str, stem: str) -> int:
    """The number of a name with this stem, 1 for the stem itself, 0 for other names."""
    if name == stem:
        return 1
    numbered = _NUMBERED.fullmatch(name)
    return int(numbered["number"]) if numbered and numbered["stem"] == _cut(stem) else 0


def _cut(stem: str) -> str:
    return stem[:_LONGEST_STEM].rstrip()


def _names_like(stem: str) -> set[str]:
    """The names of sessions whose ids contain the slug of this stem, with or without a number.

    There can be thousands, so only the newest records are read; older sessions are assumed to have the names that
    their ids were made from, unless long names are truncated there.
    """
    # The slug of a stem without ASCII letters differs from that of its numbered names without the number.
    slugs = slug(f"{stem} (0)").removesuffix("0"), slug(stem)
    pattern = re.compile(_ID.format(*map(re.escape, slugs)))
    root = paths.sessions_folder()
    try:
        with os.scandir(root) as entries:
            matches = [match for entry in entries if (match := pattern.fullmatch(entry.name))]
    except OSError:
        return set()  # there are none yet, or starting the run reports what is wrong
    matches.sort(key=lambda match: match[0], reverse=True)
    count = _MOST_READ if len(slugs[1]) <= _LONGEST_IN_FULL else len(matches)
    names = {_read_name(root / match[0]) for match in matches[:count]}
    assumed = {f"{_cut(stem)} ({match['number']})" if match["number"] else stem for match in matches[count:]}
    return {name for name in names if name is not None} | assumed


def _read_name(folder: Path) -> str | None:
    try:
        with (folder / SESSION_FILE).open("rb") as file:
            found = _NAME.search(file.read(_HEAD_BYTES).decode(errors="replace"))
        name = json.loads(found[1]) if found else None
    except (OSError, ValueError):
        return None  # not written yet, or damaged
    return name if isinstance(name, str) else None
