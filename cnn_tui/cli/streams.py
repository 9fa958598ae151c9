"""Standard output and standard error that may be closed or go to a full disk."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from cnn_tui.errors import OutputClosedError, OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Checked(io.FileIO):
    """A descriptor that raises :class:`OutputError` if writing fails, and discards everything once ``discarding``.

    The interpreter flushes its buffers when it exits, and would report the error a second time.
    """

    discarding = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, or raise an OutputError."""
        if not self.discarding:
            try:
                return super().write(data)
            except OSError as error:
                kind = OutputClosedError if isinstance(error, BrokenPipeError) else OutputError
                raise kind(f"The output cannot be written: {error.strerror or error}") from error
        return memoryview(data).nbytes


class _Lossy(_Checked):
    """A descriptor that discards what cannot be written: a lost message does not end a run."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write if possible."""
        try:
            return super().write(data)
        except OutputError:
            self.discarding = True
            return super().write(data)


def check_standard_streams() -> None:
    """Make failed writes to stdout raise an :class:`OutputError`, and discard messages that stderr cannot take.

    Characters missing from the locale's encoding are written as escapes.
    """
    sys.stdout = _checked(sys.stdout, _Checked)
    sys.stderr = _checked(sys.stderr, _Lossy)


def discard_output() -> None:
    """Discard further writes to standard output, after a failure that has been reported."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Checked):
        raw.discarding = True


def _checked(stream: TextIO | None, kind: type[_Checked]) -> TextIO:
    """The replacement of a standard stream. Terminals are kept: they are neither full nor pipes."""
    if stream is None:
        # The descriptor was closed at startup. A read-only one takes its number, so that output cannot go into a file
        # that is opened later.
        return _stream(kind(os.open(os.devnull, os.O_RDONLY), "w", closefd=False), "utf-8")
    if stream.isatty():
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        return stream
    return _stream(kind(stream.fileno(), "w", closefd=False), stream.encoding)


def _stream(raw: _Checked, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=isinstance(raw, _Lossy)
    )
