"""What screens ask of the workbench, and what the trainer tells it. Intent flows up by these."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from cnn_tui.config.preset import RunPreset
from cnn_tui.trainer import protocol


@dataclass
class TrainerSaid(Message):
    """Something came from the trainer, posted by the thread that follows it."""

    said: protocol.Message


@dataclass
class RunRequested(Message):
    """Train this preset."""

    preset: RunPreset


class StopRequested(Message):
    """End the run after its present batch, test it and save it; a second time, leave the test out."""


class PauseRequested(Message):
    """Let the run wait, or go on if it waits."""


class KillRequested(Message):
    """End the trainer this instant."""


@dataclass
class PresetRequested(Message):
    """Open this preset in Setup; ``source`` says where it came from, such as its file or session."""

    preset: RunPreset
    source: str


@dataclass
class SessionRequested(Message):
    """Open the results of a session by its id."""

    session_id: str
