"""Requests to the background service, which is started if it is needed and does not run."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Self

from cnn_tui import paths
from cnn_tui.errors import ServiceError
from cnn_tui.events import ErrorReport
from cnn_tui.service.endpoint import AVAILABLE, LOG_NAME, connected_socket
from cnn_tui.service.protocol import (
    PROTOCOL,
    Done,
    Failure,
    Followed,
    Greeting,
    Reply,
    Request,
    Welcome,
    parse_answer,
    program_id,
)
from cnn_tui.store.files import storage_error
from cnn_tui.trainer.crash_report import log_tail
from cnn_tui.trainer.piped_process import child_environment
from cnn_tui.trainer.protocol import MAX_MESSAGE_BYTES, RUN_JOB, to_line

_START_SECONDS = 30.0
_POLL_SECONDS = 0.02
_MOST_LOG_BYTES = 1 << 20
_IN_PROCESS = "Train without it: 'cnn-tui run', or 'cnn-tui --in-process' for the workbench."

runner = RUN_JOB
"""The function that runs jobs in a service that this process starts, as ``module:function``; tests replace it."""


class Connection:
    """A connection to the service; one thread reads, any may send."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._file = connected.makefile("rb")

    def send(self, request: Request) -> None:
        """Send a request.

        Raises:
            ServiceError: the service is gone.
        """
        try:
            self._socket.sendall(to_line(request))
        except OSError as error:
            raise _gone() from error

    def request(self, request: Request) -> Done:
        """Send a request and wait until it was carried out.

        Raises:
            ServiceError: the service refuses it, with the exit code of its reason, or is gone.
        """
        self.send(request)
        for answer in self.answers():
            match answer:
                case Failure(error=error):
                    raise service_error(error)
                case Done():
                    return answer
        raise _gone()

    def answers(self) -> Iterator[Reply | Followed]:
        """Yield replies and messages until the connection ends."""
        with contextlib.suppress(OSError, ValueError):  # closed, by the service or by another thread
            while line := self._file.readline(MAX_MESSAGE_BYTES):
                yield parse_answer(line)

    def close(self) -> None:
        """Disconnect; a thread that reads is woken."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(start: bool = True) -> Connection | None:
    """Connect to the service.

    Args:
        start: start it if it does not run; otherwise return None.

    Raises:
        ServiceError: it cannot be started, or is one of another version that is busy.
    """
    if not AVAILABLE:
        raise ServiceError(
            "There is no background service on this system", "It needs Unix domain sockets.", _IN_PROCESS
        )
    end, started = time.monotonic() + _START_SECONDS, False
    while time.monotonic() < end:
        if connection := _greeted():
            return connection
        if not start:
            return None
        if not started:
            _start()
            started = True
        time.sleep(_POLL_SECONDS)
    raise _not_started()


def service_error(report: ErrorReport) -> ServiceError:
    """The error that the service reports, as an exception."""
    error = ServiceError(report.title, report.detail, report.hint)
    error.exit_code = report.exit_code
    return error


def _greeted() -> Connection | None:
    """A connection to a service that we can use, None if there is none yet.

    Raises:
        ServiceError: a service of another version is needed for its jobs.
    """
    connected = connected_socket()
    if connected is None:
        return None
    connection = Connection(connected)
    welcome = None
    with contextlib.suppress(ServiceError):  # it has just ended
        connection.send(Greeting(protocol=PROTOCOL, program=program_id()))
        welcome = next(connection.answers(), None)
    if not isinstance(welcome, Welcome) or (welcome.program != program_id() and not welcome.busy):
        connection.close()  # an idle service ends to make room for that of our version
        return None
    if welcome.protocol != PROTOCOL:
        connection.close()
        raise ServiceError(
            "Another version of cnn-tui runs a job",
            f"Its service ({welcome.program}, process {welcome.pid}) has to end first.",
            "Wait until its jobs have ended. 'cnn-tui watch' follows them.",
        )
    return connection


def _start() -> None:
    """Start the service, and wait until it listens: its first process is over then.

    Raises:
        ServiceError: it cannot be started.
    """
    command = [sys.executable, "-P", "-m", "cnn_tui.service.server", "--runner", runner]
    with _log() as log:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=child_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise ServiceError("The background service could not be started", str(error), _IN_PROCESS) from error
    try:
        code = process.wait(_START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if code != 0:
        raise _not_started()


def _not_started() -> ServiceError:
    detail = log_tail(paths.service_folder() / LOG_NAME) or "Its log is empty."
    return ServiceError("The background service does not start", f"The end of its log:\n{detail}", _IN_PROCESS)


def _log() -> IO[bytes]:
    path = paths.service_folder() / LOG_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        large = path.exists() and path.stat().st_size > _MOST_LOG_BYTES
        return path.open("wb" if large else "ab")
    except OSError as error:
        raise storage_error(path, error) from error


def _gone() -> ServiceError:
    return ServiceError("The background service has ended", "The connection was closed.", "Try again.")
