"""The events of a run as a file with one JSON object per line, to which events are only appended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from cnn_tui.errors import StorageError
from cnn_tui.events import Event, from_line, to_line
from cnn_tui.history import MOST_BATCHES
from cnn_tui.store.files import reason, storage_error, write_atomic

_RETRY_SECONDS = 5.0


class EventLog:
    """Appends events to a file, each in one write, so that concurrent readers see whole lines.

    A full disk does not end a run: events are buffered in memory, and writing is retried every few seconds and by
    :meth:`flush`. The first failure is stored in ``problem``.

    Attributes:
        count: the number of events in the log, buffered ones included.
    """

    def __init__(self, path: Path, count: int = 0) -> None:
        """Open a log for appending; a last line left incomplete by a crash is removed.

        Raises:
            StorageError: the file cannot be opened.
        """
        self.problem: StorageError | None = None
        self.count = count
        self._path = path
        self._backlog: list[bytes] = []
        self._last_try = 0.0
        try:
            self._file = path.open("ab+", buffering=0)
            self._size = _complete_lines(self._file.fileno())
            if self._size < os.fstat(self._file.fileno()).st_size:
                self._file.truncate(self._size)
        except OSError as error:
            raise storage_error(path, error) from error

    def append(self, event: Event) -> None:
        """Append an event, or buffer it if the disk fails."""
        self.count += 1
        self._backlog.append(to_line(event).encode() + b"\n")
        if self.problem is None or len(self._backlog) == 1 or time.monotonic() - self._last_try > _RETRY_SECONDS:
            self._write()

    def flush(self) -> bool:
        """Try to write all events to the disk and return whether that succeeded."""
        return self._write(sync=True)

    def close(self) -> None:
        """Flush and close the file."""
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
        """Remove the remains of a failed write, so that the next one starts on a new line."""
        try:
            self._file.truncate(self._size)
        except OSError as error:
            self.problem = self.problem or storage_error(self._path, error)


def write_events(path: Path, events: Iterable[Event]) -> None:
    """Replace a log by these events.

    Raises:
        StorageError: the file cannot be written.
    """
    write_atomic(path, b"".join(to_line(event).encode() + b"\n" for event in events))


def read_events(path: Path, *, sparse: bool = False) -> Iterator[Event]:
    """Read the events of a log in order, without a last line that is incomplete.

    Args:
        sparse: leave out most steps and progress of a long run, as :func:`sparse_lines` does.

    Raises:
        StorageError: the file cannot be read, or another line is not an event.
    """
    try:
        with path.open("rb") as file:
            for number, line in sparse_lines(file) if sparse else enumerate(file, start=1):
                if line.endswith(b"\n"):
                    yield _event(line, path, number)
    except OSError as error:
        raise StorageError(f"Cannot read {path.name}", f"{path}: {reason(error)}.") from error


def sparse_lines(lines: Iterable[bytes]) -> list[tuple[int, bytes]]:
    """The lines of a log by their numbers, with at most ``MOST_BATCHES`` steps, evenly spaced, and as many of progress.

    Almost all lines of a long log are of these two types, and a history does not keep more of them. Parsing a line
    takes ten times as long as looking for its type, which seconds depend on in a log of a million lines. In JSON a
    quote within a text is escaped, so the names of the types in quotes are found only as types.
    """
    steps, progress, others = _Sparse(), _Sparse(), []
    for number, line in enumerate(lines, start=1):
        if b'"batch_finished"' in line:
            series = steps
        elif b'"progress"' in line:
            series = progress
        else:
            others.append((number, line))
            continue
        if series.skipped < series.between:
            series.skipped += 1
            series.last = number, line
        else:
            series.keep(number, line)
    return sorted((*others, *steps.lines(), *progress.lines()))


class _Sparse:
    """Lines of one type: the first of every 1, 2, 4, ..., so that at most ``MOST_BATCHES`` are left, and the last."""

    def __init__(self) -> None:
        self.between = 0
        self.skipped = 0
        self.last: tuple[int, bytes] | None = None
        self._kept: list[tuple[int, bytes]] = []

    def keep(self, number: int, line: bytes) -> None:
        """Keep a line after those that were skipped."""
        self.skipped, self.last = 0, None
        self._kept.append((number, line))
        if len(self._kept) > MOST_BATCHES:  # an even number and one, so the one just kept stays
            del self._kept[1::2]
            self.between = 2 * self.between + 1

    def lines(self) -> list[tuple[int, bytes]]:
        """The lines that are kept, by their numbers."""
        return self._kept if self.last is None else [*self._kept, self.last]


def _event(line: bytes, path: Path, number: int) -> Event:
    try:
        return from_line(line)
    except ValidationError as error:
        hint = "The file was damaged, or written by another version of cnn-tui."
        raise StorageError(f"Cannot read {path.name}", f"{path}: line {number:,} is not an event.", hint) from error


def _complete_lines(descriptor: int) -> int:
    """The size of a file in bytes without an incomplete last line."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - 65_536)
        os.lseek(descriptor, start, os.SEEK_SET)
        newline = os.read(descriptor, end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
