"""The background service as the trainer of a workbench."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from cnn_tui.config.job import Job
from cnn_tui.errors import CnnTuiError, ServiceError
from cnn_tui.events import ErrorReport
from cnn_tui.service.client import Connection, connect
from cnn_tui.service.protocol import Act, Action, Done, Failure, Follow, Followed, Preload, Reply, Request, Submit
from cnn_tui.trainer.message_queue import MessageQueue
from cnn_tui.trainer.protocol import Idle, Joined, Lost, Message, Queued, Refused

_RETRY_SECONDS = 0.5
_LOST = ErrorReport(
    title="The background service ended while it ran this job",
    detail="What became of the job is in its session.",
    hint="Open it in Sessions. A run that was interrupted can be resumed there.",
)


class ServiceTrainer(MessageQueue):
    """Implements :class:`protocol.Trainer` as a client of the service.

    It joins the job that runs, whoever started it, and later the next one. A lost connection is made again.
    """

    outlives_us: Final = True
    queues: Final = True

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._sent: deque[Request] = deque()  # not replied to yet
        self._unsent: deque[Request] = deque()
        self._job: int | None = None
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    @property
    def busy(self) -> bool:
        """Whether a job was submitted or joined, and ``idle`` has not arrived yet."""
        with self._lock:
            return self._job is not None or any(isinstance(request, Submit) for request in (*self._sent, *self._unsent))

    @property
    def alive(self) -> bool:
        """Whether the service is connected."""
        return self._connection is not None

    def start(self) -> None:
        """Connect to the service in a thread, join its job, and let it load the engine."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="service-client", daemon=True)
                self._thread.start()

    def submit(self, job: Job) -> None:
        """Add a job to the queue of the service."""
        self.request(Submit(job=job))

    def follow(self, number: int) -> None:
        """Join another running job by its number in the queue."""
        self.request(Follow(number=number))

    def stop(self) -> None:
        """Stop the job, test it and save it; a second call skips the test."""
        self._act("stop")

    def pause(self) -> None:
        """Pause the job at its next batch."""
        self._act("pause")

    def resume(self) -> None:
        """Resume a paused job."""
        self._act("resume")

    def kill(self) -> None:
        """Kill the job's process; its session ends as "killed"."""
        self._act("kill")

    def request(self, request: Request) -> None:
        """Send a request; a refusal arrives as a message."""
        self.start()
        with self._lock:
            self._unsent.append(request)
            self._send()

    def close(self, finish: bool) -> None:
        """Disconnect; the job goes on, or is stopped."""
        if not finish:
            self.stop()
        with self._lock:
            self._closed.set()
            self._end_messages()
            if self._connection is not None:
                self._connection.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Nothing in this process is left to wait for."""
        return True

    def _act(self, action: Action) -> None:
        if (number := self._job) is not None:
            self.request(Act(number=number, action=action))

    def _send(self) -> None:
        """Send what can be sent now; the rest follows after the connection was made again."""
        while self._connection is not None and self._unsent:
            try:
                self._connection.send(self._unsent[0])
            except ServiceError:
                return
            self._sent.append(self._unsent.popleft())

    def _work(self) -> None:
        """Read what the service sends, over one connection after the other."""
        while not self._closed.is_set():
            try:
                connection = connect()
            except CnnTuiError as error:
                self._fail(ErrorReport.of(error))
                return
            assert connection is not None
            with self._lock:
                if self._closed.is_set():
                    connection.close()
                    return
                self._connection = connection
                self._unsent.extendleft((Preload(), Follow()))
                self._send()
            self._read(connection)
            with self._lock:
                self._connection = None
                # Requests without a reply may have been carried out: they are not sent a second time.
                self._sent.clear()
            self._closed.wait(_RETRY_SECONDS)

    def _read(self, connection: Connection) -> None:
        unconfirmed = self._job is not None  # joined over an earlier connection
        for answer in connection.answers():
            with self._lock:
                if isinstance(answer, Followed):
                    unconfirmed = unconfirmed and not isinstance(answer.message, Joined)
                    self._receive(answer.message)
                elif isinstance(self._reply(answer), Follow) and unconfirmed:
                    unconfirmed = False
                    self._lose(_LOST)

    def _receive(self, message: Message) -> None:
        match message:
            case Joined(number=number):
                self._job = number
            case Idle():
                self._job = None
        self._post(message)

    def _reply(self, reply: Reply) -> Request | None:
        """Handle a reply; return the request that it answers."""
        request = self._sent.popleft() if self._sent else None
        match request, reply:
            case _, Failure(error=error):
                self._post(Refused(reason="\n".join(filter(None, (error.title, error.detail, error.hint)))))
                if isinstance(request, Submit) and self._job is None:
                    self._post(Idle())
            case Submit(job=job), Done(entry=entry) if entry is not None and entry.state == "waiting":
                self._post(Queued(number=entry.id, name=job.preset.name))
        return request

    def _lose(self, error: ErrorReport) -> None:
        self._job = None
        self._post(Lost(status="failed", session_id=None, error=error, log_tail=""))
        self._post(Idle())

    def _fail(self, error: ErrorReport) -> None:
        """Report that there is no service; the next request tries again."""
        with self._lock:
            self._unsent.clear()
            self._thread = None
            self._lose(error)
