"""Messages on their way out of the trainer process. Nothing on that way may hold up or end a job."""

from __future__ import annotations

import contextlib
import threading
from collections import deque

from cnn_tui.events import BatchFinished, Progress, RowEvent
from cnn_tui.trainer.lines import write_all
from cnn_tui.trainer.protocol import Message, RunEvent, StudySaid, to_line

_BACKLOG = 1000


class Outbox:
    """Writes messages to a pipe in a thread of its own.

    A reader that sleeps (a suspended terminal) fills the pipe: then messages wait here, and from ``backlog`` on what
    the next one replaces anyway is dropped. A reader that is gone is forgotten.
    """

    def __init__(self, descriptor: int, backlog: int = _BACKLOG) -> None:
        self._descriptor = descriptor
        self._backlog = backlog
        self._lines: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Add a message; returns at once."""
        with self._changed:
            if not self._closed and (len(self._lines) < self._backlog or not _replaceable(message)):
                self._lines.append(to_line(message))
                self._changed.notify()

    def close(self, timeout: float) -> None:
        """Write what is left, for at most ``timeout`` seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout)

    def _write(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            while line := self._next_line():
                write_all(self._descriptor, line)
        with self._changed:
            self._closed = True
            self._lines.clear()

    def _next_line(self) -> bytes:
        """The next line, waited for; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._closed)
            return self._lines.popleft() if self._lines else b""


def _replaceable(message: Message) -> bool:
    match message:
        case RunEvent(event=BatchFinished() | Progress()):
            return True
        case StudySaid(event=RowEvent(event=BatchFinished() | Progress())):
            return True
        case _:
            return False
