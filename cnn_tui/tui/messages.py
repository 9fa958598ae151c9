"""What screens ask of the workbench, and what the trainer tells it. Intent flows up by these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from pathlib import Path

    from cnn_tui.config.preset import RunPreset
    from cnn_tui.config.study import StudyPreset
    from cnn_tui.trainer import protocol


@dataclass
class TrainerSaid(Message):
    """Something came from the trainer, posted by the thread that follows it."""

    said: protocol.Message


@dataclass
class RunRequested(Message):
    """Train this preset."""

    preset: RunPreset


@dataclass
class StudyRequested(Message):
    """Run this study; rows that are finished stand as they are, unless it is to be ``fresh``."""

    study: StudyPreset
    fresh: bool = False


@dataclass
class StudyDrafted(Message):
    """Open Studies with a study of this preset; ``factor`` is a dotted path, ``values`` as a person typed them."""

    preset: RunPreset
    factor: str
    values: str


class StopRequested(Message):
    """End the run or study after the present batch, test it and save it; a second time, leave the test out."""


class PauseRequested(Message):
    """Let the run or study wait, or go on if it waits."""


class KillRequested(Message):
    """End the trainer this instant."""


@dataclass
class PresetEdited(Message):
    """This stands in Setup's form now, None while anything is wrong there."""

    preset: RunPreset | None


@dataclass
class PresetRequested(Message):
    """Open this preset in Setup; ``source`` says where it came from, such as its session, ``path`` is its file."""

    preset: RunPreset
    source: str
    path: Path | None = None


@dataclass
class SessionRequested(Message):
    """Open the results of a session by its id."""

    session_id: str


@dataclass
class CompareRequested(Message):
    """Open two or more sessions side by side, by their ids."""

    session_ids: tuple[str, ...]
