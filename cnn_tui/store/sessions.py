"""The records of runs: one folder each, listed, found, read and deleted."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from cnn_tui import paths
from cnn_tui.errors import PresetError, SessionNotFoundError, StorageError
from cnn_tui.history import RunHistory
from cnn_tui.store.event_log import read_events
from cnn_tui.store.files import ensure_writable, reason, slug, storage_error, write_atomic
from cnn_tui.store.notes import NO_NOTE, SessionNote, read_note, write_note
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
        record: what it holds, None where it cannot be read.
        problem: why it cannot be read, None where it can.
        note: what a person wrote about it.
        note_problem: why that cannot be read, empty where it can.
    """

    id: str
    folder: Path
    record: SessionRecord | None
    problem: str | None
    note: SessionNote = NO_NOTE
    note_problem: str = ""


def new_session_folder(name: str) -> tuple[str, Path]:
    """Make an empty folder for a run; its id is the time in UTC and the name's slug, numbered where taken.

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


def list_sessions() -> list[SessionEntry]:
    """Every session, the newest first; damaged ones with the reason."""
    return [_entry(folder) for folder in _folders()]


def recent(count: int) -> list[SessionEntry]:
    """The newest ``count`` sessions, the newest first, without reading the others.

    Raises:
        StorageError: the sessions folder cannot be listed.
    """
    return [_entry(folder) for folder in _folders()[:count]]


def find_session(name: str) -> Path:
    """The folder of the session that a person means: an id, a path, its unique beginning, or "latest".

    Raises:
        SessionNotFoundError: none or several answer to it.
    """
    folders = _folders()
    if name == "latest" and folders:
        return folders[0]
    matches = [folder for folder in folders if folder.name == name] or _elsewhere(name)
    matches = matches or [folder for folder in folders if folder.name.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    hint = "'cnn-tui sessions' lists those that there are."
    if not matches:
        raise SessionNotFoundError(f"No session {name!r}", f"None in {paths.sessions_folder()} begins like this.", hint)
    detail = f"It may be {', '.join(folder.name for folder in matches[:5])}{'…' if matches[5:] else ''}."
    raise SessionNotFoundError(f"Several sessions begin with {name!r}", detail, "Give more of the id.")


def load_session(name: str | Path) -> SessionRecord:
    """The record of a session, by a name as in :func:`find_session` or by its folder.

    A run whose process has gone is told as killed, whatever its file says.

    Raises:
        SessionNotFoundError: none or several answer to it.
        StorageError: its record is damaged.
    """
    folder = name if isinstance(name, Path) else find_session(name)
    record = read_record(folder)
    return record.model_copy(update={"status": "killed"}) if record.live and not is_held(folder, record) else record


def read_record(folder: Path) -> SessionRecord:
    """What ``session.json`` says.

    Raises:
        StorageError: it is missing or damaged.
    """
    path = folder / SESSION_FILE
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
    """Put a record in the place of the one before.

    Raises:
        StorageError: the file cannot be written.
    """
    write_atomic(folder / SESSION_FILE, record.model_dump_json(indent=2) + "\n")


def read_history(folder: Path) -> RunHistory:
    """The story of a session's run, folded from its events; empty where it has none yet.

    Raises:
        StorageError: the event log is damaged.
    """
    history = RunHistory()
    path = folder / EVENTS_FILE
    if path.exists():
        for event in read_events(path):
            history.apply(event)
    return history


def note_of(folder: Path) -> tuple[SessionNote, str]:
    """What a person wrote about a session, and why it cannot be read, empty where it can."""
    try:
        return read_note(folder), ""
    except StorageError as error:
        return NO_NOTE, str(error)


def annotate_session(name: str, note: SessionNote) -> None:
    """Put a note on a session in the place of the one before.

    Raises:
        SessionNotFoundError: none or several answer to the name.
        StorageError: the note cannot be written.
    """
    write_note(find_session(name), note)


def rename_session(name: str, title: str) -> SessionRecord:
    """Give a session another name; its id and folder stay.

    Raises:
        SessionNotFoundError: none or several answer to it.
        StorageError: it is still running, damaged, or cannot be written.
        PresetError: no session can have this name.
    """
    folder = find_session(name)
    record = load_session(folder)
    _refuse_live(record, "renamed")
    try:
        renamed = SessionRecord.model_validate({**dict(record), "name": title})
    except ValidationError as error:
        raise invalid(f"The session {title!r}", error, "session") from error
    write_record(folder, renamed)
    return renamed


def delete_session(name: str) -> Path:
    """Delete a session and everything in its folder, and give the folder that is gone.

    Raises:
        SessionNotFoundError: none or several answer to it, or it lies outside the sessions folder.
        StorageError: it is still running, or cannot be deleted.
    """
    folder = find_session(name)
    if folder.parent.resolve() != paths.sessions_folder().resolve():
        raise SessionNotFoundError(f"{name} is not among the sessions", "Only what lies there is deleted from here.")
    entry = _entry(folder)
    if entry.record is not None:
        _refuse_live(entry.record, "deleted")
    try:
        # Renamed first, so that a deletion that breaks off leaves no half session in the list.
        doomed = folder.rename(folder.with_name(f".deleted-{folder.name}"))
        doomed.unlink() if doomed.is_symlink() else shutil.rmtree(doomed)
    except OSError as error:
        raise storage_error(folder, error) from error
    return folder


def lock_of(folder: Path) -> FileLock:
    """The lock that a session's process holds for as long as it lives."""
    return FileLock(folder / LOCK_FILE, timeout=1.0, thread_local=False)


def is_held(folder: Path, record: SessionRecord) -> bool:
    """Whether the process of a session is alive."""
    if not (folder / LOCK_FILE).exists():
        return False
    lock = lock_of(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return _is_alive(record)
    lock.release()
    return False


def _is_alive(record: SessionRecord) -> bool:
    """Whether a session's process is there; one that is younger than the session took over its number."""
    import psutil

    try:
        return record.pid is not None and psutil.Process(record.pid).create_time() <= _seconds(record.created) + 1
    except psutil.Error:
        return False


def _seconds(iso: str) -> float:
    try:
        return datetime.fromisoformat(iso).timestamp()
    except ValueError:
        return 0.0


def _folders() -> list[Path]:
    """The folders of all sessions, the newest first."""
    root = paths.sessions_folder()
    if not root.is_dir():
        return []
    try:
        folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
        return sorted(folders, key=_age, reverse=True)
    except OSError as error:
        raise StorageError("Cannot list the sessions", f"{root}: {reason(error)}.") from error


def _age(folder: Path) -> tuple[str, int]:
    """Sorts by the id's time stamp; runs that began within one second, by when they were last written to."""
    return folder.name[:_STAMP_LENGTH], folder.stat().st_mtime_ns


def _entry(folder: Path) -> SessionEntry:
    note, note_problem = note_of(folder)
    try:
        return SessionEntry(folder.name, folder, load_session(folder), None, note, note_problem)
    except StorageError as error:
        return SessionEntry(folder.name, folder, None, str(error), note, note_problem)


def _elsewhere(name: str) -> list[Path]:
    path = Path(name).expanduser()
    try:
        if path.name == SESSION_FILE and path.is_file():
            return [path.absolute().parent]
        return [path.absolute()] if (path / SESSION_FILE).is_file() else []
    except (OSError, ValueError):
        return []


def _refuse_live(record: SessionRecord, done: str) -> None:
    if record.live:
        raise StorageError(
            f"{record.id} is still {record.status}", f"A run cannot be {done} while it goes on.", "Stop it first."
        )
