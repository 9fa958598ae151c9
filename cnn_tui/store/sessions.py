"""Recorded runs, one folder each: listing, finding and reading them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from cnn_tui import paths
from cnn_tui.errors import PresetError, SessionNotFoundError, StorageError
from cnn_tui.history import RunHistory
from cnn_tui.imports import uncollected
from cnn_tui.store.event_log import read_events
from cnn_tui.store.files import reason, write_atomic
from cnn_tui.store.notes import NO_NOTE, SessionNote, read_note
from cnn_tui.store.presets import SESSION_BYTES, SESSION_FILE, check_version, invalid
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.strict_json import read_object

EVENTS_FILE = "events.jsonl"
LOCK_FILE = ".lock"
_STAMP_LENGTH = len("20261123T001502Z")


@dataclass(frozen=True)
class SessionEntry:
    """One folder among the sessions.

    Attributes:
        record: None if it cannot be read.
        problem: why the record cannot be read, None if it can.
        note: the user's note and tags.
        note_problem: why the note cannot be read, empty if it can.
    """

    id: str
    folder: Path
    record: SessionRecord | None
    problem: str | None
    note: SessionNote = NO_NOTE
    note_problem: str = ""


def list_sessions() -> list[SessionEntry]:
    """All sessions, the newest first, with the reason for each damaged one.

    Raises:
        StorageError: the sessions folder cannot be listed.
    """
    with uncollected():
        return [_entry(folder) for folder in _folders()]


def newest_sessions(count: int) -> list[SessionEntry]:
    """The newest ``count`` sessions, the newest first, without reading the others.

    Raises:
        StorageError: the sessions folder cannot be listed.
    """
    return [_entry(folder) for folder in _folders()[:count]]


def newest_session(is_wanted: Callable[[SessionRecord], bool]) -> Path | None:
    """The folder of the newest readable session that is wanted, None if there is none.

    Raises:
        StorageError: the sessions folder cannot be listed.
    """
    for folder in _folders():
        with suppress(StorageError):
            if is_wanted(load_session(folder)):
                return folder
    return None


def all_records() -> list[SessionRecord]:
    """All readable records, the newest first.

    Raises:
        StorageError: the sessions folder cannot be listed.
    """
    return [entry.record for entry in list_sessions() if entry.record is not None]


def find_session(name: str) -> Path:
    """The folder of a session, given its id, a path, a unique prefix of its id, or "latest".

    Raises:
        SessionNotFoundError: no session or several match.
    """
    folders = _folders()
    if name == "latest" and folders:
        return folders[0]
    matches = [folder for folder in folders if folder.name == name] or _at_path(name)
    matches = matches or [folder for folder in folders if folder.name.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        detail, hint = f"No id in {paths.sessions_folder()} begins with this.", "'cnn-tui sessions' lists all sessions."
        raise SessionNotFoundError(f"No session {name!r}", detail, hint)
    detail = f"These match: {', '.join(folder.name for folder in matches[:5])}{', …' if matches[5:] else ''}."
    raise SessionNotFoundError(f"Several sessions begin with {name!r}", detail, "Give more of the id.")


def find_own_session(name: str, hint: str) -> Path:
    """Like :func:`find_session`, but only in the sessions folder.

    Args:
        hint: what to do with a session that is elsewhere.

    Raises:
        SessionNotFoundError: no session or several match, or the match is elsewhere.
    """
    folder, root = find_session(name), paths.sessions_folder()
    if folder.parent.resolve() != root.resolve():
        raise SessionNotFoundError(f"{name} is not among the sessions", f"It is outside of {root}.", hint)
    return folder


def load_session(name: str | Path) -> SessionRecord:
    """The record of a session, given a name as for :func:`find_session` or its folder.

    A run whose process has ended without recording its end has the status "killed".

    Raises:
        SessionNotFoundError: no session or several match.
        StorageError: its record is damaged.
    """
    folder = name if isinstance(name, Path) else find_session(name)
    record = read_record(folder)
    return record.model_copy(update={"status": "killed"}) if record.live and not _is_held(folder, record) else record


def read_record(folder: Path) -> SessionRecord:
    """Read ``session.json``.

    Raises:
        StorageError: it is missing or damaged.
    """
    path = folder / SESSION_FILE
    with suppress(OSError, ValueError):  # much faster than the strict reading, which explains what is wrong
        if path.stat().st_size <= SESSION_BYTES:
            return SessionRecord.model_validate_json(path.read_bytes())
    try:
        document = read_object(path, SESSION_BYTES)
        check_version(document, str(path))
        return SessionRecord.model_validate(document)
    except ValidationError as error:
        broken = invalid(str(path), error, "session")
        raise StorageError(broken.title, broken.detail) from error
    except PresetError as error:
        raise StorageError(error.title, error.detail) from error


def write_record(folder: Path, record: SessionRecord) -> None:
    """Write ``session.json``, replacing the previous record.

    Raises:
        StorageError: the file cannot be written.
    """
    write_atomic(folder / SESSION_FILE, record.model_dump_json(indent=2) + "\n")


def read_history(folder: Path) -> RunHistory:
    """The history of a session's run, folded from its events; empty if there are none yet.

    The steps of a long run are read sparsely: a log of a million lines takes a second.

    Raises:
        StorageError: the event log is damaged.
    """
    history = RunHistory()
    path = folder / EVENTS_FILE
    if path.exists():
        for event in read_events(path, sparse=True):
            history.apply(event)
    return history


def note_or_problem(folder: Path) -> tuple[SessionNote, str]:
    """A session's note, and why it cannot be read, empty if it can."""
    try:
        return read_note(folder), ""
    except StorageError as error:
        return NO_NOTE, str(error)


def lock_of(folder: Path) -> FileLock:
    """The lock that the process of a session holds until it ends."""
    return FileLock(folder / LOCK_FILE, timeout=1.0, thread_local=False)


def _is_held(folder: Path, record: SessionRecord) -> bool:
    """Whether the process of a session is alive."""
    if not (folder / LOCK_FILE).exists():
        return False
    lock = lock_of(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return _process_exists(record)
    lock.release()
    return False


def _process_exists(record: SessionRecord) -> bool:
    """Whether the process of a session exists; one that started after the session reuses its number."""
    import psutil

    try:
        started = datetime.fromisoformat(record.created).timestamp()
        return record.pid is not None and psutil.Process(record.pid).create_time() <= started + 1
    except (psutil.Error, ValueError):
        return False


def _folders() -> list[Path]:
    """The folders of all sessions, the newest first."""
    root = paths.sessions_folder()
    if not root.is_dir():
        return []
    try:
        with os.scandir(root) as entries:
            folders = [entry for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
        return [root / entry.name for entry in sorted(folders, key=_age, reverse=True)]
    except OSError as error:
        raise StorageError("Cannot list the sessions", f"{root}: {reason(error)}.") from error


def started_together_or_later(folder: Path, other: Path) -> bool:
    """Whether the run of a session started in the same second as another one, or later."""
    return folder.name[:_STAMP_LENGTH] >= other.name[:_STAMP_LENGTH]


def _age(folder: os.DirEntry[str]) -> tuple[str, int]:
    """Sort by the time stamp in the id; runs started in the same second, by the last change of their folder."""
    return folder.name[:_STAMP_LENGTH], folder.stat().st_mtime_ns


def _entry(folder: Path) -> SessionEntry:
    note, note_problem = note_or_problem(folder)
    try:
        return SessionEntry(folder.name, folder, load_session(folder), None, note, note_problem)
    except StorageError as error:
        return SessionEntry(folder.name, folder, None, str(error), note, note_problem)


def _at_path(name: str) -> list[Path]:
    path = Path(name).expanduser()
    try:
        if path.name == SESSION_FILE and path.is_file():
            return [path.absolute().parent]
        return [path.absolute()] if (path / SESSION_FILE).is_file() else []
    except (OSError, ValueError):
        return []
