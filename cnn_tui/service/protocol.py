"""The protocol between the background service and its clients: JSON objects, one per line, on a Unix domain socket.

A client sends :class:`Greeting` first, and gets one reply to each request, in order. After :class:`Follow` the messages
of a job arrive between the replies.
"""

from __future__ import annotations

import functools
import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

import cnn_tui
from cnn_tui.config.job import Job
from cnn_tui.events import ErrorReport
from cnn_tui.store.job_queue import QueueEntry
from cnn_tui.trainer.protocol import Message, Record, parse

PROTOCOL = 1
MAX_REQUEST_BYTES = 1 << 22

Action = Literal["stop", "kill", "pause", "resume"]


class Greeting(Record):
    """The first request; ``program`` identifies the client's version of the program, see :func:`program_id`."""

    type: Literal["greeting"] = "greeting"
    protocol: int
    program: str


class Submit(Record):
    """Add a job to the queue; it starts when its device is free. The shell runs ``command`` when it has ended."""

    type: Literal["submit"] = "submit"
    job: Job
    command: str = ""
    first: bool = False


class Move(Record):
    """Move a waiting job to an index among those waiting; 0 is the next to start."""

    type: Literal["move"] = "move"
    number: int
    index: int


class Replace(Record):
    """Change a waiting job."""

    type: Literal["replace"] = "replace"
    number: int
    job: Job


class Remove(Record):
    """Remove a job that waits or was interrupted."""

    type: Literal["remove"] = "remove"
    number: int


class Clear(Record):
    """Remove all waiting jobs."""

    type: Literal["clear"] = "clear"


class Continue(Record):
    """Let an interrupted job go on as soon as its device is free."""

    type: Literal["continue"] = "continue"
    number: int


class Act(Record):
    """Stop, kill, pause or resume a running job."""

    type: Literal["act"] = "act"
    number: int
    action: Action


class Follow(Record):
    """Send the messages of a running job, from its first event on; without a number, of any, and later of the next."""

    type: Literal["follow"] = "follow"
    number: int | None = None


class Preload(Record):
    """Load the engine ahead of the first job."""

    type: Literal["preload"] = "preload"


Request = Annotated[
    Greeting | Submit | Move | Replace | Remove | Clear | Continue | Act | Follow | Preload,
    Field(discriminator="type"),
]


class Welcome(Record):
    """The reply to a greeting. ``busy`` if there are jobs or other clients; if not, it ends for another program.

    This and :class:`Greeting` never change, so that programs and services of different versions understand each other.
    """

    type: Literal["welcome"] = "welcome"
    protocol: int
    program: str
    pid: int
    busy: bool


class Done(Record):
    """The request was carried out; ``entry`` is the job that was submitted, ``count`` the number of those removed."""

    type: Literal["done"] = "done"
    entry: QueueEntry | None = None
    count: int = 0


class Failure(Record):
    """The request was not carried out."""

    type: Literal["failure"] = "failure"
    error: ErrorReport


Reply = Annotated[Welcome | Done | Failure, Field(discriminator="type")]


class Followed(Record):
    """A message of the job that the client follows."""

    type: Literal["followed"] = "followed"
    message: Message


_REQUESTS: TypeAdapter[Request] = TypeAdapter(Request)
_ANSWERS: TypeAdapter[Reply | Followed] = TypeAdapter(Annotated[Reply | Followed, Field(discriminator="type")])


def parse_request(line: bytes) -> Request:
    """Read a line sent to the service.

    Raises:
        ProtocolError: the line is not a request.
    """
    return parse(_REQUESTS, line)


def parse_answer(line: bytes) -> Reply | Followed:
    """Read a line sent by the service.

    Raises:
        ProtocolError: the line is neither a reply nor a message.
    """
    return parse(_ANSWERS, line)


@functools.cache
def program_id() -> str:
    """The version of the program and a checksum over the dates of its files: a checkout changes without its version."""
    root = Path(cnn_tui.__file__).parent
    dates = sorted((str(path), path.stat().st_mtime_ns) for path in root.rglob("*.py"))
    return f"{version('cnn-tui')}+{hashlib.sha256(repr(dates).encode()).hexdigest()[:12]}"
