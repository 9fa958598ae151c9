"""Changes to sessions that the user makes: annotating, renaming and deleting them."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from cnn_tui.errors import StorageError
from cnn_tui.store.files import storage_error
from cnn_tui.store.hidden_folders import hidden_folder, remove_abandoned_folders, remove_folder
from cnn_tui.store.notes import SessionNote, write_note
from cnn_tui.store.presets import invalid
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import find_own_session, find_session, load_session, write_record


def annotate_session(name: str, note: SessionNote) -> None:
    """Replace a session's note.

    Raises:
        SessionNotFoundError: no session or several match.
        StorageError: the note cannot be written.
    """
    write_note(find_session(name), note)


def rename_session(name: str, new_name: str) -> SessionRecord:
    """Rename a session; its id and folder stay the same.

    Raises:
        SessionNotFoundError: no session or several match.
        StorageError: it is still running, damaged, or cannot be written.
        PresetError: the new name is not allowed.
    """
    folder = find_session(name)
    record = load_session(folder)
    _refuse_live(record, "renamed")
    try:
        renamed = SessionRecord.model_validate({**dict(record), "name": new_name})
    except ValidationError as error:
        raise invalid(f"The session {new_name!r}", error, "session") from error
    write_record(folder, renamed)
    return renamed


def delete_session(name: str) -> Path:
    """Delete a session's folder with everything in it, and return its path.

    Raises:
        SessionNotFoundError: no session or several match, or the match is outside the sessions folder.
        StorageError: it is still running, or cannot be deleted.
    """
    folder = find_own_session(name, "Delete its folder yourself.")
    _refuse_live(_record_if_readable(folder), "deleted")
    try:
        # Renamed first, so that an interrupted deletion leaves no incomplete session in the list.
        remove_folder(folder.rename(hidden_folder("deleted")))
    except OSError as error:
        raise storage_error(folder, error) from error
    remove_abandoned_folders()
    return folder


def _record_if_readable(folder: Path) -> SessionRecord | None:
    try:
        return load_session(folder)
    except StorageError:
        return None


def _refuse_live(record: SessionRecord | None, change: str) -> None:
    if record is not None and record.live:
        raise StorageError(f"{record.id} is still {record.status}", f"It cannot be {change} now.", "Stop it first.")
