"""Queues for messages: in memory for the reader of a trainer, and into a pipe for the writer in a trainer process."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Iterator

from cnn_tui.events import BatchFinished, Progress, RunEvent
from cnn_tui.trainer.pipes import write_all
from cnn_tui.trainer.protocol import JobUpdate, Message, to_line

_BACKLOG = 1000
_MOST_AT_ONCE = 1000


class MessageQueue:
    """The reading half of a trainer: messages that one thread posts and another one reads."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._ended = False

    def next_message(self, timeout: float | None = None) -> Message | None:
        """Wait up to ``timeout`` seconds, or without limit; None after the timeout and after the end."""
        if self._ended:
            return None
        try:
            return self._messages.get(timeout=timeout)
        except queue.Empty:
            return None

    def messages(self) -> Iterator[Message]:
        """Yield all messages until the end."""
        while (message := self.next_message()) is not None:
            yield message

    def batches(self) -> Iterator[list[Message]]:
        """Yield all messages until the end, those that have arrived meanwhile at once."""
        for message in self.messages():
            batch = [message]
            with contextlib.suppress(queue.Empty):
                while len(batch) < _MOST_AT_ONCE and (following := self._messages.get_nowait()) is not None:
                    batch.append(following)
            yield batch

    def _post(self, message: Message) -> None:
        """Add a message; it is dropped after the end."""
        if not self._ended:
            self._messages.put(message)

    def _end_messages(self) -> None:
        """Wake the reader a last time and drop unread messages."""
        self._ended = True
        self._messages.put(None)


class MessageWriter:
    """Writes messages to a pipe in a thread of its own, so that a slow reader never blocks training.

    A suspended reader fills the pipe. Messages then wait in memory, and beyond ``backlog`` of them those that the next
    one replaces anyway are dropped. If the reader is gone, all messages are dropped.
    """

    def __init__(self, descriptor: int, backlog: int = _BACKLOG) -> None:
        self._descriptor = descriptor
        self._backlog = backlog
        self._lines: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="message-writer", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Queue a message; returns immediately."""
        with self._changed:
            if not self._closed and (len(self._lines) < self._backlog or not _replaceable(message)):
                self._lines.append(to_line(message))
                self._changed.notify()

    def close(self, timeout: float) -> None:
        """Write the remaining messages, for at most ``timeout`` seconds."""
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
        """Wait for the next line; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._closed)
            return self._lines.popleft() if self._lines else b""


def _replaceable(message: Message) -> bool:
    match message:
        case JobUpdate(event=RunEvent(event=BatchFinished() | Progress())):
            return True
        case _:
            return False
