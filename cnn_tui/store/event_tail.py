"""Follows an event log that another process appends to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydantic import ValidationError

from cnn_tui.errors import StorageError
from cnn_tui.events import Event, from_line
from cnn_tui.store.event_log import sparse_lines
from cnn_tui.store.files import reason

_MARK_BYTES = 256


class NewEvents(NamedTuple):
    """Events that were added to a log.

    Attributes:
        restarted: whether they are the first ones, also those of a log that has replaced the one read before.
    """

    events: tuple[Event, ...]
    restarted: bool


NOTHING_NEW = NewEvents((), restarted=False)


class EventTail:
    """Reads what was appended to a log since the last read, without locks and without any cost for its writer.

    A last line that is incomplete is read once it is complete; other lines that are no events are skipped.

    Args:
        sparse: leave out most steps and progress where there are many, as :func:`sparse_lines` does.
    """

    def __init__(self, path: Path, *, sparse: bool = True) -> None:
        self._path = path
        self._sparse = sparse
        self._position = 0
        self._mark = b""  # the end of what was read, by which a replaced file is recognized

    def read(self) -> NewEvents:
        """The events since the last read; none while there is no file.

        Raises:
            StorageError: the file cannot be read.
        """
        try:
            if self._path.stat().st_size == self._position:
                return NOTHING_NEW
            with self._path.open("rb") as file:
                return self._read(file)
        except FileNotFoundError:
            return NOTHING_NEW
        except OSError as error:
            raise StorageError(f"Cannot read {self._path.name}", f"{self._path}: {reason(error)}.") from error

    def _read(self, file: BinaryIO) -> NewEvents:
        file.seek(self._position - len(self._mark))
        if file.read(len(self._mark)) != self._mark:
            self._position, self._mark = 0, b""
            file.seek(0)
        restarted = self._position == 0
        lines = self._complete_lines(file)
        chosen = (line for _, line in sparse_lines(lines)) if self._sparse else lines
        parsed = (_event_or_none(line) for line in chosen)
        return NewEvents(tuple(event for event in parsed if event is not None), restarted)

    def _complete_lines(self, file: BinaryIO) -> Iterator[bytes]:
        position, last = self._position, self._mark
        for line in file:
            if not line.endswith(b"\n"):
                break
            position += len(line)
            last = line
            yield line
        # Once for all lines, of which there may be a million.
        self._position, self._mark = position, last[-_MARK_BYTES:]


def _event_or_none(line: bytes) -> Event | None:
    try:
        return from_line(line)
    except ValidationError:
        return None
