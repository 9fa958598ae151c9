"""Atomic writes, file names made from user text, and messages for failed writes."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

from cnn_tui.errors import StorageError

LEAST_FREE_BYTES = 64 * 1024**2
_LONGEST_SLUG = 60
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_FREE_SPACE = "Free some space, or set CNN_TUI_HOME to a folder on another disk."
_ELSEWHERE = "Set CNN_TUI_HOME to a folder that you can write to."


def slug(name: str) -> str:
    """Turn a name into part of a file name: 1 to 60 characters of ``a-z0-9-``, none that Windows reserves."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    short = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:_LONGEST_SLUG].strip("-")
    if _RESERVED.fullmatch(short):
        return f"run-{short}"
    return short or "run"


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file so that readers see either the old or the new content; text is encoded as UTF-8.

    Raises:
        StorageError: the disk is full, read-only or fails.
    """
    content = data.encode() if isinstance(data, str) else data
    replace_atomic(path, lambda temporary: _fill(temporary, content))


def replace_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Call ``write`` with a temporary path in the same folder, then rename the result to ``path``.

    Raises:
        StorageError: the disk is full, read-only or fails.
    """
    temporary = path.parent / f".tmp-{secrets.token_hex(8)}{path.suffix}"
    try:
        write(temporary)
        _sync(temporary)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        _discard(temporary)


def ensure_temporary_folder() -> None:
    """Check that temporary files can be created; PyTorch needs them to load.

    Raises:
        StorageError: no folder for them is writable.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise StorageError(
            "No temporary file can be written",
            f"{error.strerror}; the disk may be full or read-only.",
            "Free some space, or set TMPDIR to a folder on another disk.",
        ) from error


def ensure_writable(folder: Path, free_bytes: int = LEAST_FREE_BYTES) -> None:
    """Create a folder and check that it is writable, before work starts that could be lost.

    Raises:
        StorageError: the folder cannot be created or written, or fewer than ``free_bytes`` are free.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise storage_error(folder, error) from error
    if free < free_bytes:
        detail = (
            f"{folder} has {free / 1024**2:,.0f} MiB of free space, and {free_bytes / 1024**2:,.0f} MiB are needed."
        )
        raise StorageError("The disk is nearly full", detail, _FREE_SPACE)
    probe = folder / f".tmp-{secrets.token_hex(8)}"
    try:
        _fill(probe, b"probe")
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        _discard(probe)


def sha256_of(path: Path) -> str:
    """The SHA-256 checksum of a file in hexadecimal.

    Raises:
        StorageError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"Cannot read {path.name}", f"{path}: {reason(error)}.") from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """Make the error of a failed write to ``path``, with a hint."""
    if error.errno in _FULL:
        return StorageError("The disk is full", f"{path} could not be written: {reason(error)}.", _FREE_SPACE)
    hint = _ELSEWHERE if error.errno in _FORBIDDEN else ""
    return StorageError(f"Cannot write {path.name}", f"{path}: {reason(error)}.", hint)


def reason(error: OSError) -> str:
    """The message of the operating system without error number and file name."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def _fill(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure; Windows needs no sync and cannot open folders."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # its name is hidden from listings, and the original error is the one to report
