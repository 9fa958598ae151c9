"""Lines through pipes, and the standard streams of the trainer process."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from cnn_tui.trainer.protocol import ProtocolError

_CHUNK = 1 << 16


def read_lines(descriptor: int, limit: int) -> Iterator[bytes]:
    """Yield lines without their line breaks until the pipe is closed; an unfinished last line is dropped.

    This reads the descriptor itself: a thread that waits in one of Python's buffered files can abort the interpreter
    while it exits.

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
            raise ProtocolError("Line too long", f"Received more than {limit:,} bytes without a line break.")


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data``, blocking while the pipe is full.

    Raises:
        BrokenPipeError: the reader is gone.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def claim_stdio() -> tuple[int, int]:
    """Move the protocol's pipes to private descriptors, so that nothing else can read from or print into them.

    Afterwards standard input is empty, and standard output goes where standard error goes, for C code and child
    processes too.

    Returns:
        The descriptors of incoming commands and outgoing messages.
    """
    commands, messages = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    return commands, messages


class OutputLog:
    """Redirects printed output: to the log of a session, and back to the initial standard error."""

    def __init__(self) -> None:
        self._initial = os.dup(2)

    def redirect(self, path: Path) -> None:
        """Append printed output to a file; if it cannot be opened, change nothing."""
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            _redirect(descriptor)
            os.close(descriptor)

    def restore(self) -> None:
        """Send printed output to the initial standard error again."""
        _redirect(self._initial)


def _redirect(descriptor: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)  # C has buffers of its own, which would end up in the next run's log
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
