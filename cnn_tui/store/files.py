"""Files written whole or not at all, and failures to write them in words."""

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
_FREE_SPACE = "Free some space, or let CNN_TUI_HOME name a folder on another disk."
_ELSEWHERE = "Let CNN_TUI_HOME name a folder that you may write to."


def slug(name: str) -> str:
    """Turn a name into part of a file name: 1 to 60 characters of ``a-z0-9-``, none that Windows reserves."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    short = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:_LONGEST_SLUG].strip("-")
    if _RESERVED.fullmatch(short):
        return f"run-{short}"
    return short or "run"


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write a file so that a reader meets the old content or the new, never a part; text becomes UTF-8.

    Raises:
        StorageError: the disk is full, read-only or fails.
    """
    content = data.encode() if isinstance(data, str) else data
    replace_atomic(path, lambda temporary: _fill(temporary, content))


def replace_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` make a file under a temporary name beside ``path``, then put it in the place of ``path``.

    Raises:
        StorageError: the disk is full, read-only or fails.
    """
    temporary = path.parent / f".tmp-{secrets.token_hex(8)}{path.suffix}"
    try:
        write(temporary)
        _sync(temporary)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        _discard(temporary)


def ensure_temporary_folder() -> None:
    """Find out whether temporary files can be made, without which PyTorch does not even load.

    Raises:
        StorageError: no folder takes one.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError as error:
        raise StorageError(
            "No temporary file can be written",
            f"{error.strerror}: their disks may be full or read-only.",
            "Free some space, or let TMPDIR name a folder on another disk.",
        ) from error


def ensure_writable(folder: Path, free_bytes: int = LEAST_FREE_BYTES) -> None:
    """Make a folder and find out, before work begins that would be lost, whether it can be written to.

    Raises:
        StorageError: the folder cannot be made or written to, or fewer than ``free_bytes`` are free.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise storage_error(folder, error) from error
    if free < free_bytes:
        detail = f"{folder} has {free / 1024**2:,.0f} MiB left, and {free_bytes / 1024**2:,.0f} are needed."
        raise StorageError("The disk is nearly full", detail, _FREE_SPACE)
    probe = folder / f".tmp-{secrets.token_hex(8)}"
    try:
        _fill(probe, b"probe")
    except OSError as error:
        raise storage_error(folder, error) from error
    finally:
        _discard(probe)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content in hexadecimal.

    Raises:
        StorageError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"Cannot read {path.name}", f"{path}: {reason(error)}.") from error


def storage_error(path: Path, error: OSError) -> StorageError:
    """Why ``path`` could not be written, and what to do."""
    if error.errno in _FULL:
        return StorageError("The disk is full", f"{path} could not be written: {reason(error)}.", _FREE_SPACE)
    hint = _ELSEWHERE if error.errno in _FORBIDDEN else ""
    return StorageError(f"Cannot write {path.name}", f"{path}: {reason(error)}.", hint)


def reason(error: OSError) -> str:
    """The operating system's words without the number and the file."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def _fill(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a replacement outlast a power cut; where folders cannot be opened (Windows) the system sees to it."""
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
        # What is left has a hidden name that no listing shows; the error that led here is the one to tell.
        return
