"""What is in picture files, by hashes: whether a file is still what it was, and which files hold the same bytes."""

from __future__ import annotations

import hashlib
import os

WHOLE_BYTES = 1 << 16
"""Files up to this size are hashed as a whole when they are only sampled."""
UNKNOWN = 0
"""Stands for the hash of a file that was not or could not be read; no file has it."""

_SAMPLE_BYTES = 1 << 14
_BLOCK = 1 << 20
_CHANGE_TIMES = os.name == "posix"
"""Whether files have a time of change that nobody can set, and a number that a file in their place does not get."""


def change_mark(entry: os.DirEntry[str]) -> tuple[int, str]:
    """The bytes of a file, and a text that is another one once the file has been changed or replaced.

    Size and time of modification are not enough: ``cp -p``, ``rsync -t`` and ``unzip`` keep times. The time of change
    and the inode notice that. Windows has no such time, there the content itself is hashed.

    Raises:
        OSError: the file is gone or cannot be read.
    """
    facts = entry.stat()
    if _CHANGE_TIMES:
        return facts.st_size, f"{facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {facts.st_ino}"
    return facts.st_size, f"{facts.st_size} {facts.st_mtime_ns} {whole_hash(entry.path)}"


def sample_hash(path: str, size: int) -> int:
    """A hash of a file of ``size`` bytes, as a whole if it is small, else of its end; 64 bits, never UNKNOWN.

    The end tells more than the beginning, which cameras make alike.

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
    """A hash of all bytes of a file, 64 bits, never UNKNOWN.

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
