"""Holds one value between runs of a process, so that a run like the previous one starts immediately."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Generic, TypeVar

_T = TypeVar("_T")


class CacheSlot(Generic[_T]):
    """Holds at most one value, under a key that names everything the value depends on."""

    def __init__(self) -> None:
        self._entry: tuple[Hashable, _T] | None = None

    @property
    def is_full(self) -> bool:
        """Whether a value is held."""
        return self._entry is not None

    def get(self, key: Hashable) -> _T | None:
        """The value under this key.

        A value under another key is dropped immediately: the caller is about to create its own, and the images or
        features of two runs may not fit in memory together.
        """
        if self._entry is not None and self._entry[0] == key:
            return self._entry[1]
        self.clear()
        return None

    def put(self, key: Hashable, value: _T) -> None:
        """Hold a value instead of the previous one."""
        self._entry = (key, value)

    def clear(self) -> None:
        """Drop the value."""
        self._entry = None


def file_stamp(path: Path) -> tuple[str, int, int, int, int] | None:
    """Path, inode, size and times of a file, which differ once it was changed or replaced; None if it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return str(path), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
