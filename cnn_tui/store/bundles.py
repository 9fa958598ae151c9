"""Sessions as single files, to hand out and to hand in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cnn_tui import paths
from cnn_tui.errors import StorageError
from cnn_tui.store.bundle_archive import LIMITS, BundleArchive, FileEntry, Manifest, open_bundle, refused, write_archive
from cnn_tui.store.bundle_checks import check_session
from cnn_tui.store.files import LEAST_FREE_BYTES, ensure_writable, replace_atomic, sha256_of, storage_error, sync_folder
from cnn_tui.store.hidden_folders import hidden_folder, remove_abandoned_folders
from cnn_tui.store.notes import NOTE_FILE
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import load_session


@dataclass(frozen=True)
class ImportedSession:
    """The session of a bundle.

    Attributes:
        is_new: whether it was imported; else the same session was there already.
        files: of the bundle.
    """

    folder: Path
    record: SessionRecord
    files: Mapping[str, FileEntry]
    is_new: bool


def export_bundle(folder: Path, target: Path) -> Manifest:
    """Write the files of a session that has ended into one file, replacing an earlier one.

    Raises:
        StorageError: the session is running or damaged, or the file cannot be written.
    """
    record = load_session(folder)
    if record.live:
        raise StorageError(f"{record.id} is still {record.status}", "Its files are not complete.", "Stop it first.")
    check_session(folder)
    files = [folder / name for name in LIMITS if (folder / name).exists()]
    written: list[Manifest] = []
    replace_atomic(target, lambda path: written.append(write_archive(path, record.id, files)))
    return written[0]


def import_bundle(source: Path) -> ImportedSession:
    """Add the session of a bundle to the sessions, after checking everything in it; no session is ever replaced.

    Raises:
        BundleError: the bundle is unsafe, damaged or no bundle; nothing was written.
        StorageError: another session has its id, or it cannot be written.
    """
    with open_bundle(source) as bundle:
        root, files = paths.sessions_folder(), bundle.manifest.files
        ensure_writable(root, sum(entry.bytes for entry in files.values()) + LEAST_FREE_BYTES)
        remove_abandoned_folders()
        staging = hidden_folder("import")
        try:
            staging.mkdir()
            record = _extract(bundle, staging, source)
            is_new = _publish(staging, root / record.id, files)
        except OSError as error:
            raise storage_error(staging, error) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return ImportedSession(root / record.id, record, files, is_new)


def _extract(bundle: BundleArchive, staging: Path, source: Path) -> SessionRecord:
    for name in bundle.manifest.files:
        bundle.extract(name, staging / name)
    try:
        record = check_session(staging)
    except StorageError as error:
        why = f"{error.title}: {error.detail}".replace(f"{staging}{os.sep}", "").rstrip(".")
        raise refused(source, why) from error
    if record.id != bundle.manifest.session:
        raise refused(source, "session.json has another id than the manifest")
    return record


def _publish(staging: Path, folder: Path, files: Mapping[str, FileEntry]) -> bool:
    """Give a complete session its name; False if it is there already.

    Raises:
        StorageError: another session has this name.
    """
    if not os.path.lexists(folder):
        staging.rename(folder)
        sync_folder(folder.parent)
        return True
    if not _is_same(folder, files):
        raise StorageError(
            f"There is another session {folder.name}",
            f"{folder} has this id and other content, and is not replaced.",
            f"To import this one, delete that one with 'cnn-tui sessions delete {folder.name}' or move it away.",
        )
    return False


def _is_same(folder: Path, files: Mapping[str, FileEntry]) -> bool:
    """Whether a session has the files of a bundle; its note may be another one, and is kept."""
    wanted = {name: entry.sha256 for name, entry in files.items() if name != NOTE_FILE}
    present = [name for name in LIMITS if name != NOTE_FILE and (folder / name).is_file()]
    return {name: sha256_of(folder / name) for name in present} == wanted
