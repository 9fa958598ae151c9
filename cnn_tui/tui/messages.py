"""Messages to the workbench: requests of its screens, and the messages of the trainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from pathlib import Path

    from cnn_tui.config.job import Job
    from cnn_tui.config.preset import RunPreset
    from cnn_tui.errors import CnnTuiError
    from cnn_tui.service.protocol import Request
    from cnn_tui.store.event_tail import NewEvents
    from cnn_tui.store.sessions import SessionEntry
    from cnn_tui.trainer import protocol
    from cnn_tui.tui.replay import Replay


@dataclass
class TrainerMessages(Message):
    """Messages of the trainer, posted by the thread that reads them."""

    contents: list[protocol.Message]


@dataclass
class EventsRead(Message):
    """Events of the viewed run, read from its session."""

    new: NewEvents


@dataclass
class RunFollows(Message):
    """The viewed run has ended, and another one has started."""

    entry: SessionEntry


@dataclass
class ReplayRead(Message):
    """The events of a run that has ended, read from its session."""

    replay: Replay


@dataclass
class ReadingFailed(Message):
    """The viewed run cannot be read any longer."""

    error: CnnTuiError


@dataclass
class JobRequested(Message):
    """Start a job, or add it to the queue; ``replaces`` is the number of a waiting job that it is a new version of."""

    job: Job
    replaces: int | None = None


@dataclass
class StudyDrafted(Message):
    """Open Studies with a study of this preset; ``factor`` is a dotted path, ``values`` the text that was typed."""

    preset: RunPreset
    factor: str
    values: str


class StopRequested(Message):
    """Stop the job after the current batch, test it and save it; a second time, skip the test."""


class PauseRequested(Message):
    """Pause the job, or resume it if it is paused."""


class KillRequested(Message):
    """Kill the trainer."""


@dataclass
class PresetEdited(Message):
    """The form in Setup has changed; ``preset`` is None while it is invalid."""

    preset: RunPreset | None


@dataclass
class PresetRequested(Message):
    """Open a preset in Setup.

    Attributes:
        source: names its origin, such as a session.
        path: its file, if any.
        waiting: the number of the waiting job that it is, which starting it changes.
    """

    preset: RunPreset
    source: str
    path: Path | None = None
    waiting: int | None = None


@dataclass
class QueueRequested(Message):
    """Change the queue, or join a job in it."""

    request: Request


@dataclass
class SessionRequested(Message):
    """Open the results of a session by its id."""

    session_id: str


@dataclass
class CompareRequested(Message):
    """Open two or more sessions side by side, by their ids."""

    session_ids: tuple[str, ...]
