"""What the workbench and a trainer say to each other, and the one interface behind which every trainer lives.

Between processes each command and each message is one JSON object on one line. A job is a run or a study, and the
order of its messages is: ``event``... (the last one ``run_finished``) for a run, ``study_event``... (the last one
``study_finished``) for a study; then ``lost`` if its trainer died, and ``idle``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import CnnTuiError
from cnn_tui.events import ErrorReport, Event, StudyEvent

MAX_COMMAND_BYTES = 1 << 20
MAX_MESSAGE_BYTES = 1 << 26
"""Room for a confusion matrix of some thousand classes."""

ENGINE = "cnn_tui.engine.training.record:run_recorded"
"""What runs a preset, by module and function: importing it brings PyTorch, so only a trainer does."""

STUDIES = "cnn_tui.studies:run_study"
"""What runs a study, likewise."""

BUSY = "A run is going on. Wait for its end, or stop it first."

ShutdownMode = Literal["finish", "stop"]
"""What becomes of a run when its trainer is to end: it goes on to its end, or it stops, tests and saves."""


class ProtocolError(CnnTuiError):
    """Something was sent that is no command or no message."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class StartRun(_Record):
    """Run this preset; refused while another run is going on."""

    type: Literal["start_run"] = "start_run"
    preset: RunPreset


class StartStudy(_Record):
    """Run this study; refused while something else is going on.

    ``plain`` trains every row on its own. ``fresh`` runs rows again that were finished earlier.
    """

    type: Literal["start_study"] = "start_study"
    study: StudyPreset
    plain: bool = False
    fresh: bool = False


Start = StartRun | StartStudy
"""The commands that begin a job."""


class Stop(_Record):
    """End the job after the present batch, test it and save it; a second one leaves the test out."""

    type: Literal["stop"] = "stop"


class Pause(_Record):
    """Wait at the next batch."""

    type: Literal["pause"] = "pause"


class Resume(_Record):
    """Go on after a pause."""

    type: Literal["resume"] = "resume"


class Shutdown(_Record):
    """End the trainer, after what ``mode`` says about the run that is going on."""

    type: Literal["shutdown"] = "shutdown"
    mode: ShutdownMode


Command = Annotated[StartRun | StartStudy | Stop | Pause | Resume | Shutdown, Field(discriminator="type")]


class Hello(_Record):
    """The trainer is there and loads its engine."""

    type: Literal["hello"] = "hello"
    pid: int


class Ready(_Record):
    """The engine is loaded; both texts are empty for one that does without PyTorch."""

    type: Literal["ready"] = "ready"
    pid: int
    torch: str = ""
    device_name: str = ""


class RunEvent(_Record):
    """Something happened in the run."""

    type: Literal["event"] = "event"
    event: Event


class StudySaid(_Record):
    """Something happened in the study, or in the run of one of its rows."""

    type: Literal["study_event"] = "study_event"
    event: StudyEvent


class Paused(_Record):
    """The job really waits now (True), or goes on again (False)."""

    type: Literal["paused"] = "paused"
    paused: bool


class Refused(_Record):
    """Something that was asked for was not done."""

    type: Literal["refused"] = "refused"
    reason: str


class Idle(_Record):
    """The job is over and the next one may come."""

    type: Literal["idle"] = "idle"


class Lost(_Record):
    """The trainer ended though nobody asked it to, or was killed; the next job gets a new one.

    Never sent by a trainer but said about it. Where a run was going on, its session is marked on disk and a
    failed ``run_finished`` with the same error came before this; a study's open rows all, and its own end.

    Attributes:
        status: "killed" if the person did it, else "failed".
        session_id: the run that was lost with it, the first of several; None where there was none or none was known.
        log_tail: the end of what the trainer printed.
    """

    type: Literal["lost"] = "lost"
    status: Literal["failed", "killed"]
    session_id: str | None
    error: ErrorReport
    log_tail: str


Message = Annotated[
    Hello | Ready | RunEvent | StudySaid | Paused | Refused | Idle | Lost,
    Field(discriminator="type"),
]

_COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
_MESSAGES: TypeAdapter[Message] = TypeAdapter(Message)
_Parsed = TypeVar("_Parsed")


def to_line(record: Command | Message) -> bytes:
    """One JSON object on one line, with the line end."""
    return record.model_dump_json().encode() + b"\n"


def parse_command(line: bytes) -> Command:
    """Read a line that came to the trainer.

    Raises:
        ProtocolError: the line is no command.
    """
    return _parse(_COMMANDS, line)


def parse_message(line: bytes) -> Message:
    """Read a line that came from the trainer.

    Raises:
        ProtocolError: the line is no message.
    """
    return _parse(_MESSAGES, line)


def _parse(adapter: TypeAdapter[_Parsed], line: bytes) -> _Parsed:
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ProtocolError("Unreadable line", f"{first['msg']} in {line[:80]!r}") from error


class Trainer(Protocol):
    """Runs experiments and studies beside the workbench, one at a time.

    All methods return at once and may be called from any thread; what comes of them arrives as messages.
    """

    @property
    def busy(self) -> bool:
        """Whether a job was submitted and ``idle`` has not come yet."""
        ...

    @property
    def alive(self) -> bool:
        """Whether there is somebody to run something; :meth:`start` and :meth:`submit` bring it back."""
        ...

    @property
    def outlives_us(self) -> bool:
        """Whether a run can go on after this process has ended."""
        ...

    def start(self) -> None:
        """Load the engine, so that the first run finds it there; nothing if that was done."""
        ...

    def submit(self, preset: RunPreset) -> None:
        """Start a run; ``refused`` comes back if something is going on."""
        ...

    def submit_study(self, study: StudyPreset, *, plain: bool = False, fresh: bool = False) -> None:
        """Start a study, as in :class:`StartStudy`; steered, stopped and killed as a run is."""
        ...

    def stop(self) -> None:
        """End the run after its present batch, test it and save it; a second call leaves the test out."""
        ...

    def pause(self) -> None:
        """Let the run wait at its next batch."""
        ...

    def resume(self) -> None:
        """Let a paused run go on."""
        ...

    def kill(self) -> None:
        """End the run this instant; nothing of it is tested or saved beyond its last checkpoint."""
        ...

    def close(self, finish: bool) -> None:
        """Take leave: no message comes any more, and the trainer ends by itself.

        Args:
            finish: let a run that is going on come to its end first, else it is stopped, tested and saved.
        """
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the trainer's end after :meth:`close`, at most ``timeout`` seconds; whether it came."""
        ...

    def next_message(self, timeout: float | None = None) -> Message | None:
        """The next message, waited for at most ``timeout`` seconds; None if there is none or after :meth:`close`."""
        ...

    def messages(self) -> Iterator[Message]:
        """All messages as they come, until :meth:`close`. For one reader, in a thread of its own."""
        ...
