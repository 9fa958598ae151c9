"""The trainer process's standard streams: the protocol apart from everything that is printed."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
from pathlib import Path


def claim_stdio() -> tuple[int, int]:
    """Keep the pipes of the protocol under descriptors that nobody else knows.

    From here on what any library reads from standard input is empty, and what it prints goes where standard error
    goes, also from C and from processes that it starts.

    Returns:
        The descriptors that commands come from and that messages go to.
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
    """Where printed things go: the file that standard error was at the start, or a run's own."""

    def __init__(self) -> None:
        self._general = os.dup(2)

    def into(self, path: Path) -> None:
        """Print into a file from here on; where it cannot be opened, go on as before."""
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            _direct_to(descriptor)
            os.close(descriptor)

    def back(self) -> None:
        """Print into the first file again."""
        _direct_to(self._general)


def _direct_to(descriptor: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)  # C's own buffers, which would come out in the next run's log
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
