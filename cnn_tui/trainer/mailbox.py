"""Messages on their way from a trainer to the one thread that reads them."""

from __future__ import annotations

import queue
from collections.abc import Iterator

from cnn_tui.trainer.protocol import Message


class Mailbox:
    """The reader's half of a trainer: a queue of messages that comes to an end."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._ended = False

    def next_message(self, timeout: float | None = None) -> Message | None:
        """Wait at most ``timeout`` seconds, for ever if None; None after the time or after the end."""
        if self._ended:
            return None
        try:
            return self._messages.get(timeout=timeout)
        except queue.Empty:
            return None

    def messages(self) -> Iterator[Message]:
        """All messages until the end."""
        while (message := self.next_message()) is not None:
            yield message

    def _post(self, message: Message) -> None:
        """Add a message; after the end it is dropped."""
        if not self._ended:
            self._messages.put(message)

    def _end_messages(self) -> None:
        """Wake the reader for the last time; what was not read yet is left."""
        self._ended = True
        self._messages.put(None)
