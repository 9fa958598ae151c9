"""Follows a session that another process writes, up to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cnn_tui.errors import StorageError
from cnn_tui.events import Event, RunFinished
from cnn_tui.store.event_tail import EventTail, NewEvents
from cnn_tui.store.records import KILLED, SessionRecord
from cnn_tui.store.sessions import EVENTS_FILE, load_session

_POLL_SECONDS = 0.5
_QUIET_SECONDS = 2.0  # without events; then the record is read, which shows whether the run's process is alive
_SAVING_SECONDS = 5.0  # the longest wait for the record after the last event


class SessionFollower:
    """Reads the events of a session as they are written.

    If the log lacks the end of the run, because its process was killed or the disk was full, the end is taken from the
    session's record.

    Args:
        sparse: leave out most steps and progress where there are many, as charts do anyway.

    Attributes:
        ended: whether the end of the run was read.
    """

    def __init__(self, folder: Path, *, sparse: bool = True) -> None:
        self._folder = folder
        self._tail = EventTail(folder / EVENTS_FILE, sparse=sparse)
        self._active = -_QUIET_SECONDS
        self._end: RunFinished | None = None
        self.ended = False

    def read(self) -> NewEvents:
        """The events since the last call; the end of the run once the record has the result too.

        Raises:
            StorageError: the session was deleted, or cannot be read.
        """
        new, quiet = self._read_log(), time.monotonic() - self._active
        if new.events or (quiet < _QUIET_SECONDS and self._end is None):
            return new
        record = self._read_record()
        if self._end is not None:
            return new if record.live and quiet < _SAVING_SECONDS else self._finish(self._end)
        if record.live:
            self._active = time.monotonic()
            return new
        new = self._read_log()  # what was written between reading the log and the record
        return new if new.events or self._end is not None else self._finish(recorded_end(record))

    def updates(self, wait: Callable[[float], bool | None]) -> Iterator[NewEvents]:
        """Yield what :meth:`read` finds until the run has ended.

        Args:
            wait: waits for some seconds, and returns True if nobody follows any longer.

        Raises:
            StorageError: the session was deleted, or cannot be read.
        """
        while not self.ended:
            new = self.read()
            if new.events:
                yield new
            elif wait(_POLL_SECONDS):
                return

    def _read_log(self) -> NewEvents:
        """What was appended to the log, without the end of the run, which is kept."""
        new = self._tail.read()
        if not new.events:
            return new
        self._active = time.monotonic()
        *others, last = new.events
        self._end = last if isinstance(last, RunFinished) else None
        return new if self._end is None else new._replace(events=tuple(others))

    def _read_record(self) -> SessionRecord:
        record = None
        try:
            record = load_session(self._folder)
        except StorageError:
            if self._folder.exists():
                raise
        # Checked last: without its lock file, a session that was deleted meanwhile looks like one that was killed.
        if record is None or not self._folder.exists():
            raise StorageError("The session was deleted", f"{self._folder} no longer exists.")
        return record

    def _finish(self, end: RunFinished) -> NewEvents:
        self.ended = True
        return NewEvents((end,), restarted=False)


def read_whole_run(folder: Path) -> tuple[Event, ...]:
    """The events of a run that has ended, up to its end, without most steps and progress of a long one.

    Raises:
        StorageError: the session cannot be read, or has no events.
    """
    events = EventTail(folder / EVENTS_FILE).read().events
    if not events:
        raise StorageError("The session has no events", f"{folder / EVENTS_FILE} is missing or empty.")
    if isinstance(events[-1], RunFinished):
        return events
    end = recorded_end(load_session(folder))
    return *events, end.model_copy(update={"time": events[-1].time})


def recorded_end(record: SessionRecord) -> RunFinished:
    """The end of a run that has ended, as its record describes it."""
    if record.status in ("done", "stopped"):
        return RunFinished(status="done" if record.status == "done" else "stopped", result=record.result)
    return RunFinished(status="failed", error=record.error or KILLED)
