"""Lines through a pipe, by its file descriptor."""

from __future__ import annotations

import os
from collections.abc import Iterator

from cnn_tui.trainer.protocol import ProtocolError

_CHUNK = 1 << 16


def read_lines(descriptor: int, limit: int) -> Iterator[bytes]:
    """Lines without their ends, until the other side closes; what it left of an unfinished line is dropped.

    Python's buffered files are avoided: one that a thread waits in can abort the interpreter on its way out.

    Raises:
        ProtocolError: a line is longer than ``limit`` bytes.
    """
    pending = bytearray()
    while chunk := os.read(descriptor, _CHUNK):
        pending += chunk
        if b"\n" in chunk:
            *lines, pending = pending.split(b"\n")
            yield from map(bytes, lines)
        if len(pending) > limit:
            raise ProtocolError("Line too long", f"More than {limit:,} bytes came without a line end.")


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, waiting for the other side to read.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
