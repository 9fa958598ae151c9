"""A trainer process from its parent's side: its pipes, its log, its exit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import cnn_tui
from cnn_tui import paths
from cnn_tui.errors import TrainingError
from cnn_tui.trainer.crash_report import LOG_NAME
from cnn_tui.trainer.pipes import read_lines, write_all
from cnn_tui.trainer.protocol import (
    MAX_MESSAGE_BYTES,
    Command,
    Message,
    ProtocolError,
    ShutdownMode,
    parse_message,
    to_line,
)

_MAX_LOG_BYTES = 1 << 20


class Child:
    """A trainer process and the thread that reads its messages.

    Args:
        runner: the function that runs jobs, as ``module:function``.
        when_abandoned: what the process does with its job if this process disappears.
        on_message: called with each message, in the reading thread.
        on_exit: called there once, after the last message, with the exit status (negative: a signal).
        gpu: the index of the GPU that jobs use which do not ask for a certain one.

    Raises:
        TrainingError: the process could not be started.
    """

    def __init__(
        self,
        runner: str,
        when_abandoned: ShutdownMode,
        on_message: Callable[[Child, Message], None],
        on_exit: Callable[[Child, int], None],
        gpu: int | None = None,
    ) -> None:
        self.killed = False
        self.error: ProtocolError | None = None
        self._on_message, self._on_exit = on_message, on_exit
        self._write_lock = threading.Lock()
        self.log_path = paths.data_folder() / LOG_NAME
        with _open_log(self.log_path) as log:
            self.log_start = log.tell()
            self._process = _launch(runner, when_abandoned, gpu, log)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, name=f"trainer-{self.pid}", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether the process is running and was not killed by :meth:`kill`."""
        return not self.killed and self._process.poll() is None

    def send(self, command: Command) -> bool:
        """Send a command; False if the process is gone."""
        pipe = self._process.stdin
        with self._write_lock:
            if pipe is None or pipe.closed:
                return False
            try:
                write_all(pipe.fileno(), to_line(command))
            except BrokenPipeError:
                return False
            return True

    def hang_up(self) -> None:
        """Close the command pipe, which makes the process exit after its job."""
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
            for line in read_lines(_descriptor(self._process.stdout), MAX_MESSAGE_BYTES):
                self._on_message(self, parse_message(line))
        except ProtocolError as error:
            self.error = error
            self._kill_group()
        code = self._process.wait()
        self.hang_up()
        self._on_exit(self, code)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def _launch(runner: str, when_abandoned: ShutdownMode, gpu: int | None, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the process in a session of its own, which the terminal's signals do not reach.

    ``-P`` keeps Python from importing, say, a ``random.py`` in the current folder instead of its own.
    """
    command = [sys.executable, "-P", "-m", "cnn_tui.trainer.serve"]
    command += ["--runner", runner, "--when-abandoned", when_abandoned]
    command += [] if gpu is None else ["--gpu", str(gpu)]
    try:
        return subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=child_environment(),
            start_new_session=True,
        )
    except OSError as error:
        hint = "Free some memory, or start the workbench with --in-process."
        raise TrainingError("The trainer could not be started", str(error), hint) from error


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
        raise ProtocolError("The trainer has no pipe")
    return pipe.fileno()
