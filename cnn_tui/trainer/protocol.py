"""The protocol between the workbench and a trainer, and the interface that every trainer has.

Between processes each command and each message is one JSON object on one line. A job sends ``job_event`` messages, the
last of which holds ``JobFinished``; then ``lost`` if the trainer died, and finally ``idle``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cnn_tui.config.job import Job
from cnn_tui.errors import CnnTuiError
from cnn_tui.events import ErrorReport, JobEvent

MAX_COMMAND_BYTES = 1 << 20
MAX_MESSAGE_BYTES = 1 << 26
"""Enough for a confusion matrix of several thousand classes."""

RUN_JOB = "cnn_tui.jobs:run_job"
"""The function that runs jobs, as ``module:function``. Importing it loads PyTorch, so only a trainer does."""

BUSY = "A job is already running. Wait until it ends, or stop it first."

ShutdownMode = Literal["finish", "stop"]
"""What a trainer does with its job before it exits: finish it, or stop, test and save it."""


class ProtocolError(CnnTuiError):
    """A line that is not a valid command or message."""


class Record(BaseModel):
    """A command or a message."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Start(Record):
    """Start a job; refused while another one is running."""

    type: Literal["start"] = "start"
    job: Job


class Stop(Record):
    """End the job after the current batch, then test and save it; a second one skips the test."""

    type: Literal["stop"] = "stop"


class Pause(Record):
    """Wait at the next batch."""

    type: Literal["pause"] = "pause"


class Resume(Record):
    """Continue after a pause."""

    type: Literal["resume"] = "resume"


class Shutdown(Record):
    """Exit; ``mode`` decides what happens to a running job first."""

    type: Literal["shutdown"] = "shutdown"
    mode: ShutdownMode


Command = Annotated[Start | Stop | Pause | Resume | Shutdown, Field(discriminator="type")]


class Hello(Record):
    """The trainer process is up and starts loading the engine."""

    type: Literal["hello"] = "hello"
    pid: int


class Ready(Record):
    """The engine is loaded; the strings are empty for a trainer without PyTorch."""

    type: Literal["ready"] = "ready"
    pid: int
    torch: str = ""
    device_name: str = ""


class JobUpdate(Record):
    """An event of the job."""

    type: Literal["job_event"] = "job_event"
    event: JobEvent


class Paused(Record):
    """The job has paused (True) or resumed (False)."""

    type: Literal["paused"] = "paused"
    paused: bool


class Refused(Record):
    """A command was not carried out."""

    type: Literal["refused"] = "refused"
    reason: str


class Idle(Record):
    """The job is over; the trainer can take the next one."""

    type: Literal["idle"] = "idle"


class Lost(Record):
    """The trainer died or was killed; the next job starts a new one.

    Sent by the parent's side, never by a trainer. Before it, the sessions of all unfinished runs were marked on disk,
    and failed ``RunFinished`` and ``JobFinished`` events with the same error were sent.

    Attributes:
        status: "killed" if the user did it, else "failed".
        session_id: the run that was lost, the latest of several; None if there was none or its session is unknown.
        log_tail: the last lines of the trainer's log.
    """

    type: Literal["lost"] = "lost"
    status: Literal["failed", "killed"]
    session_id: str | None
    error: ErrorReport
    log_tail: str


class Joined(Record):
    """The messages that follow are those of this job, which began earlier or begins now.

    Sent by a trainer that serves several clients, and followed by the events of the job so far.

    Attributes:
        number: of the job in the queue.
    """

    type: Literal["joined"] = "joined"
    number: int
    job: Job


class Queued(Record):
    """A submitted job waits in the queue under this number."""

    type: Literal["queued"] = "queued"
    number: int
    name: str


class QueueChanged(Record):
    """The queue has changed; ``waiting`` jobs are in it, and ``interrupted`` ones can be continued."""

    type: Literal["queue_changed"] = "queue_changed"
    waiting: int
    interrupted: int


Message = Annotated[
    Hello | Ready | JobUpdate | Paused | Refused | Idle | Lost | Joined | Queued | QueueChanged,
    Field(discriminator="type"),
]

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
_MESSAGES: TypeAdapter[Message] = TypeAdapter(Message)
_Parsed = TypeVar("_Parsed")


def to_line(record: Record) -> bytes:
    """Write a command or message as one line of JSON, including the line break."""
    return record.model_dump_json().encode() + b"\n"


def parse_command(line: bytes) -> Command:
    """Read a line sent to a trainer.

    Raises:
        ProtocolError: the line is not a command.
    """
    return parse(_COMMANDS, line)


def parse_message(line: bytes) -> Message:
    """Read a line sent by a trainer.

    Raises:
        ProtocolError: the line is not a message.
    """
    return parse(_MESSAGES, line)


def parse(adapter: TypeAdapter[_Parsed], line: bytes) -> _Parsed:
    """Read a line as one of the records of an adapter.

    Raises:
        ProtocolError: it is none of them.
    """
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ProtocolError("Unreadable line", f"{first['msg']} in {line[:80]!r}") from error


class Trainer(Protocol):
    """Runs jobs in the background, one at a time.

    Every method returns immediately and may be called from any thread; results arrive as messages.
    """

    @property
    def busy(self) -> bool:
        """Whether a job was submitted and ``idle`` has not arrived yet."""
        ...

    @property
    def alive(self) -> bool:
        """Whether the trainer is up; :meth:`start` and :meth:`submit` restart it."""
        ...

    @property
    def queues(self) -> bool:
        """Whether a job that is submitted while another one runs waits until it can start."""
        ...

    @property
    def outlives_us(self) -> bool:
        """Whether a job can continue after this process has exited."""
        ...

    def start(self) -> None:
        """Load the engine ahead of the first job; does nothing if it is loaded."""
        ...

    def submit(self, job: Job) -> None:
        """Start a job, or add it to the queue; without a queue ``refused`` is sent if one is running."""
        ...

    def stop(self) -> None:
        """End the job after its current batch, then test and save it; a second call skips the test."""
        ...

    def pause(self) -> None:
        """Pause the job at its next batch."""
        ...

    def resume(self) -> None:
        """Resume a paused job."""
        ...

    def kill(self) -> None:
        """End the job immediately; nothing is tested or saved beyond the last checkpoint."""
        ...

    def close(self, finish: bool) -> None:
        """Stop receiving messages and let the trainer exit on its own.

        Args:
            finish: let a running job finish first; otherwise it is stopped, tested and saved.
        """
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait up to ``timeout`` seconds for the trainer to exit after :meth:`close`; return whether it has."""
        ...

    def next_message(self, timeout: float | None = None) -> Message | None:
        """Wait up to ``timeout`` seconds for the next message; None if there is none or after :meth:`close`."""
        ...

    def batches(self) -> Iterator[list[Message]]:
        """Yield messages as they arrive until :meth:`close`; for a single reader, in a thread of its own."""
        ...
