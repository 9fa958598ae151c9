"""The events of a run in a file: one JSON object on each line, written once and never changed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from cnn_tui.errors import StorageError
from cnn_tui.events import Event, from_line, to_line
from cnn_tui.store.files import reason, storage_error

_RETRY_SECONDS = 5.0


class EventLog:
    """Appends events to a file, each in one write, so that a reader beside it meets whole lines.

    A full disk does not end a run: what could not be written is kept in memory and tried again every few seconds,
    and at :meth:`flush`. ``problem`` has the first failure.
    """

    def __init__(self, path: Path) -> None:
        """Open a log to append to; a last line that a crash left torn is cut off.

        Raises:
            StorageError: the file cannot be opened.
        """
        self.problem: StorageError | None = None
        self._path = path
        self._backlog: list[bytes] = []
        self._last_try = 0.0
        try:
            self._file = path.open("ab+", buffering=0)
            self._size = _whole_lines(self._file.fileno())
            if self._size < os.fstat(self._file.fileno()).st_size:
                self._file.truncate(self._size)
        except OSError as error:
            raise storage_error(path, error) from error

    def append(self, event: Event) -> None:
        """Add an event, in memory where the disk does not take it."""
        self._backlog.append(to_line(event).encode() + b"\n")
        if self.problem is None or len(self._backlog) == 1 or time.monotonic() - self._last_try > _RETRY_SECONDS:
            self._write()

    def flush(self) -> bool:
        """Try to get everything onto the disk, and say whether it is there."""
        return self._write(sync=True)

    def close(self) -> None:
        """Flush and close the file. Nothing can be appended afterwards."""
        if not self._file.closed:
            self.flush()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, *, sync: bool = False) -> bool:
        self._last_try = time.monotonic()
        try:
            self._write_all(b"".join(self._backlog))
            if sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            self.problem = self.problem or storage_error(self._path, error)
            self._cut_back()
            return False
        return True

    def _write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self._size += len(data)
        self._backlog.clear()

    def _cut_back(self) -> None:
        """Remove what a failed write left behind, so that the next one does not continue a torn line."""
        try:
            self._file.truncate(self._size)
        except OSError as error:
            self.problem = self.problem or storage_error(self._path, error)


def read_events(path: Path) -> Iterator[Event]:
    """The events of a log, in order. A last line that was torn by a crash, or is being written, is left out.

    Raises:
        StorageError: the file cannot be read, or another line is no event.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith(b"\n"):
                    yield _event(line, path, number)
    except OSError as error:
        raise StorageError(f"Cannot read {path.name}", f"{path}: {reason(error)}.") from error


def read_from(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """The events that stand behind a byte offset, and the offset to go on from: for following a live run.

    Raises:
        StorageError: the file cannot be read, or a whole line is no event.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read()
    except OSError as error:
        raise StorageError(f"Cannot read {path.name}", f"{path}: {reason(error)}.") from error
    whole = data[: data.rfind(b"\n") + 1]
    return [_event(line, path) for line in whole.splitlines()], offset + len(whole)


def _event(line: bytes, path: Path, number: int | None = None) -> Event:
    try:
        return from_line(line)
    except ValidationError as error:
        where = f"line {number:,}" if number else "a line"
        hint = "The file was damaged, or written by another version of cnn-tui."
        raise StorageError(f"Cannot read {path.name}", f"{path}: {where} is no event.", hint) from error


def _whole_lines(descriptor: int) -> int:
    """The size of a file without its torn last line, in bytes."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - 65_536)
        os.lseek(descriptor, start, os.SEEK_SET)
        newline = os.read(descriptor, end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
