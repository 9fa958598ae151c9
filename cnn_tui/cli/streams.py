"""Standard output and standard error that may be full, closed or read by nobody."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from cnn_tui.errors import OutputError, UnreadOutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Checked(io.FileIO):
    """A descriptor whose failures to write are an :class:`OutputError`, until :meth:`give_up`; then nothing is written.

    The interpreter flushes what is left in buffers when it ends, and would complain a second time.
    """

    given_up = False

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, or raise an OutputError."""
        if not self.given_up:
            try:
                return super().write(data)
            except OSError as error:
                kind = UnreadOutputError if isinstance(error, BrokenPipeError) else OutputError
                raise kind(f"The output cannot be written: {error.strerror or error}") from error
        return memoryview(data).nbytes


class _Dropping(_Checked):
    """A descriptor that drops what cannot be written: talk that nobody hears ends no run."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, if that is possible."""
        try:
            return super().write(data)
        except OutputError:
            self.given_up = True
            return super().write(data)


def check_standard_streams() -> None:
    """Let writing to standard output raise an :class:`OutputError` where it fails, and drop talk that cannot be said.

    Characters that the locale's encoding lacks are written as escapes.
    """
    sys.stdout = _checked(sys.stdout, _Checked)
    sys.stderr = _checked(sys.stderr, _Dropping)


def give_up_output() -> None:
    """Write no more to standard output: it has failed, and that has been said."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Checked):
        raw.given_up = True


def _checked(stream: TextIO | None, kind: type[_Checked]) -> TextIO:
    """What to write to in the place of a stream. A terminal is left as it is: it is neither full nor a pipe."""
    if stream is None:
        # The interpreter found the descriptor closed. This one, which refuses to be written to, takes its number, so
        # that no file that is opened later is printed into.
        return _stream(kind(os.open(os.devnull, os.O_RDONLY), "w", closefd=False), "utf-8")
    if stream.isatty():
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        return stream
    return _stream(kind(stream.fileno(), "w", closefd=False), stream.encoding)


def _stream(raw: _Checked, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=isinstance(raw, _Dropping)
    )
