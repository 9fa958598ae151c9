"""Marks and hashes of image files: whether a file has changed, and which files have the same content."""

from __future__ import annotations

import hashlib
import os

WHOLE_BYTES = 1 << 16
"""Files up to this size are hashed completely even where only a sample is needed."""
UNKNOWN = 0
"""The hash of a file that was not, or could not be, read; no file has it."""

_SAMPLE_BYTES = 1 << 14
_BLOCK = 1 << 20
_CHANGE_TIMES = os.name == "posix"
"""Whether files have a ctime, which programs cannot set, and an inode, which a replaced file does not keep."""


def change_mark(entry: os.DirEntry[str]) -> tuple[int, str]:
    """The size of a file, and a text that differs once the file was changed or replaced.

    Size and mtime are not enough: ``cp -p``, ``rsync -t`` and ``unzip`` preserve mtimes. The ctime and the inode reveal
    that. Windows has neither, so the content itself is hashed there.

    Raises:
        OSError: the file is gone or cannot be read.
    """
    facts = entry.stat()
    if _CHANGE_TIMES:
        return facts.st_size, f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"
    return facts.st_size, f"{facts.st_size} {facts.st_mtime_ns} {whole_hash(entry.path)}"


def sample_hash(path: str, size: int) -> int:
    """A 64-bit hash of a file of ``size`` bytes, of its end only if it is large; never UNKNOWN.

    The end distinguishes files better than the beginning, which is similar in all images of one camera.

    Raises:
        OSError: the file is gone or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        if size > WHOLE_BYTES:
            os.lseek(descriptor, -_SAMPLE_BYTES, os.SEEK_END)
        return _number(hashlib.blake2b(os.read(descriptor, WHOLE_BYTES + 1), digest_size=8))
    finally:
        os.close(descriptor)


def whole_hash(path: str) -> int:
    """A 64-bit hash of a whole file, never UNKNOWN.

    Raises:
        OSError: the file is gone or cannot be read.
    """
    digest = hashlib.blake2b(digest_size=8)
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # a Path for each of 100,000 files is slow
        while block := file.read(_BLOCK):
            digest.update(block)
    return _number(digest)


def _number(digest: hashlib.blake2b) -> int:
    return int.from_bytes(digest.digest(), "little") or 1
