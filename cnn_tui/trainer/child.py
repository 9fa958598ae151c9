"""One trainer process as its parent sees it: its pipes, its log, its end."""

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
from cnn_tui.trainer.endings import LOG_NAME
from cnn_tui.trainer.lines import read_lines, write_all
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
    """A trainer process and the thread that listens to it.

    Args:
        runners: what runs presets and what runs studies there, as ``module:function``.
        when_abandoned: what becomes of a job there when this process is gone.
        on_message: called in the listening thread with each message.
        on_end: called there once, after the last message, with the exit status (negative: the signal).

    Raises:
        TrainingError: the system starts no process.
    """

    def __init__(
        self,
        runners: tuple[str, str],
        when_abandoned: ShutdownMode,
        on_message: Callable[[Child, Message], None],
        on_end: Callable[[Child, int], None],
    ) -> None:
        self.killed = False
        self.problem: ProtocolError | None = None
        self._on_message, self._on_end = on_message, on_end
        self._writing = threading.Lock()
        self.log_path = paths.data_folder() / LOG_NAME
        with _open_log(self.log_path) as log:
            self.log_start = log.tell()
            self._process = _launch(runners, when_abandoned, log)
        self.pid = self._process.pid
        self._listener = threading.Thread(target=self._listen, name=f"trainer-{self.pid}", daemon=True)
        self._listener.start()

    @property
    def alive(self) -> bool:
        """Whether the process is there and was not killed from here."""
        return not self.killed and self._process.poll() is None

    def send(self, command: Command) -> bool:
        """Pass a command on; False if nobody is there to take it."""
        pipe = self._process.stdin
        with self._writing:
            if pipe is None or pipe.closed:
                return False
            try:
                write_all(pipe.fileno(), to_line(command))
            except BrokenPipeError:
                return False
            return True

    def hang_up(self) -> None:
        """Close the way in, which ends the process when its run is over."""
        with self._writing:
            if self._process.stdin is not None:
                self._process.stdin.close()

    def kill(self) -> None:
        """End the process, and whatever it started, this instant."""
        if self.alive:
            self.killed = True
            self._end_group()

    def join(self, timeout: float | None) -> bool:
        """Wait for the end and for what is done about it; whether it came in time."""
        self._listener.join(timeout)
        return not self._listener.is_alive()

    def _listen(self) -> None:
        try:
            for line in read_lines(_descriptor(self._process.stdout), MAX_MESSAGE_BYTES):
                self._on_message(self, parse_message(line))
        except ProtocolError as error:
            self.problem = error
            self._end_group()
        code = self._process.wait()
        self.hang_up()
        self._on_end(self, code)

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def _launch(runners: tuple[str, str], when_abandoned: ShutdownMode, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the process as a group and session of its own, which the terminal's signals do not reach.

    ``-P`` keeps a ``random.py`` in the person's folder from being imported in place of Python's.
    """
    command = [sys.executable, "-P", "-m", "cnn_tui.trainer.serve"]
    command += ["--runner", runners[0], "--study-runner", runners[1], "--when-abandoned", when_abandoned]
    try:
        return subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        hint = "Free some memory, or start the workbench with --in-process."
        raise TrainingError("The trainer could not be started", str(error), hint) from error


def _environment() -> dict[str, str]:
    """This process's environment, from which a checkout that is not installed is found, too."""
    environment, folder = dict(os.environ), Path(cnn_tui.__file__).parents[1]
    if folder.name not in {"site-packages", "dist-packages"}:
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{known}{os.pathsep}{folder}" if known else str(folder)
    return environment


def _open_log(path: Path) -> IO[bytes]:
    """The log to append to, begun anew when it has grown large; without a place for it, nothing is kept."""
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
