"""A child process that exchanges lines with this one, from its parent's side: its pipes, its log, its exit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import cnn_tui
from cnn_tui import paths
from cnn_tui.trainer.pipes import read_lines, write_all
from cnn_tui.trainer.protocol import ProtocolError

_MAX_LOG_BYTES = 1 << 20


class PipedProcess:
    """A Python module as a process, and the thread that reads its lines.

    Args:
        module: run as ``python -m module``.
        arguments: of the module.
        log_name: the file in the data folder for what the process prints.
        max_line: the most bytes of a line.
        on_line: called with each line, in the reading thread; a ``ProtocolError`` kills the process.
        on_exit: called there once, after the last line, with the exit status (negative: a signal).

    Attributes:
        killed: whether :meth:`kill` ended it.
        error: why a line could not be read, if that ended it.
        log_start: where in the log its output begins.

    Raises:
        OSError: the process could not be started.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        log_name: str,
        max_line: int,
        on_line: Callable[[bytes], None],
        on_exit: Callable[[int], None],
    ) -> None:
        self.killed = False
        self.error: ProtocolError | None = None
        self._max_line, self._on_line, self._on_exit = max_line, on_line, on_exit
        self._write_lock = threading.Lock()
        self.log_path = paths.data_folder() / log_name
        with _open_log(self.log_path) as log:
            self.log_start = log.tell()
            self._process = _launch(module, arguments, log)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name=f"{module}-{self.pid}", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether the process is running and was not killed by :meth:`kill`."""
        return not self.killed and self._process.poll() is None

    def send_line(self, line: bytes) -> bool:
        """Send a line with its line break; False if the process is gone."""
        pipe = self._process.stdin
        with self._write_lock:
            if pipe is None or pipe.closed:
                return False
            try:
                write_all(pipe.fileno(), line)
            except BrokenPipeError:
                return False
            return True

    def hang_up(self) -> None:
        """Close the pipe to the process, which makes it exit when it has nothing left to do."""
        with self._write_lock:
            if self._process.stdin is not None:
                self._process.stdin.close()

    def kill(self) -> None:
        """Kill the process and everything it started."""
        if self.alive:
            self.killed = True
            self._kill_group()

    def join(self, timeout: float | None) -> bool:
        """Wait for the exit and for its handling; return whether that happened in time."""
        self._reader.join(timeout)
        return not self._reader.is_alive()

    def _read(self) -> None:
        try:
            for line in read_lines(_descriptor(self._process.stdout), self._max_line):
                self._on_line(line)
        except ProtocolError as error:
            self.error = error
            self._kill_group()
        code = self._process.wait()
        self.hang_up()
        self._on_exit(code)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def _launch(module: str, arguments: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the process in a session of its own, which the terminal's signals do not reach.

    ``-P`` keeps Python from importing, say, a ``random.py`` in the current folder instead of its own.
    """
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=child_environment(),
        start_new_session=True,
    )


def child_environment() -> dict[str, str]:
    """The environment of this process, extended so that a checkout that is not installed can be imported."""
    environment, folder = dict(os.environ), Path(cnn_tui.__file__).parents[1]
    if folder.name not in {"site-packages", "dist-packages"}:
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{known}{os.pathsep}{folder}" if known else str(folder)
    return environment


def _open_log(path: Path) -> IO[bytes]:
    """Open the log for appending, rotated once it is large; if it cannot be written, output is discarded."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _MAX_LOG_BYTES:
            path.replace(path.with_suffix(".old.log"))
        return path.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def _descriptor(pipe: IO[bytes] | None) -> int:
    if pipe is None:
        raise ProtocolError("The process has no pipe")
    return pipe.fileno()
