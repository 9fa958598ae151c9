"""What happens in a run, in the order it happens: the only thing that leaves the engine.

``run_started`` comes first and ``run_finished`` last, exactly once. Events hold numbers, strings and tuples, so
that they cross threads, pipes and files unchanged. ``time`` is in seconds since the epoch.
"""

from __future__ import annotations

import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import CnnTuiError
from cnn_tui.metrics import Result

PhaseName = Literal["downloading", "loading", "features", "training", "testing"]
EndStatus = Literal["done", "stopped", "failed"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Environment(_Record):
    """What a run ran on; memory in bytes."""

    program: str
    python: str
    torch: str
    torchvision: str
    platform: str
    device: str
    device_name: str
    precision: str
    cpu_count: int
    memory_bytes: int


class Parameters(_Record):
    """How many weights a model has, and how many of them may change."""

    total: int
    trainable: int


class ErrorReport(_Record):
    """A failure in words; ``exit_code`` is the one that the command line ends with."""

    title: str
    detail: str = ""
    hint: str = ""
    exit_code: int = 1

    @classmethod
    def of(cls, error: CnnTuiError) -> ErrorReport:
        """An expected failure as an event carries it."""
        return cls(title=error.title, detail=error.detail, hint=error.hint, exit_code=error.exit_code)


class _Event(_Record):
    time: float = Field(default_factory=time.time)


class RunStarted(_Event):
    """The run begins; ``parameters`` is None where the classes, and so the model, cannot be known."""

    type: Literal["run_started"] = "run_started"
    session_id: str
    experiment: Experiment
    environment: Environment
    parameters: Parameters | None


class Phase(_Event):
    """A part of the run begins; ``detail`` says what it is about."""

    type: Literal["phase"] = "phase"
    name: PhaseName
    detail: str = ""


class Progress(_Event):
    """How far the present phase is; ``total`` is None where nobody knows, ``rate`` is in units per second."""

    type: Literal["progress"] = "progress"
    done: int
    total: int | None
    unit: str
    rate: float | None = None


class BatchFinished(_Event):
    """A training step, counted from 1 within its epoch. Not every step is told: at most 20 a second."""

    type: Literal["batch_finished"] = "batch_finished"
    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float
    learning_rate: float


class EpochFinished(_Event):
    """An epoch, counted from 1. Training figures are means over its steps; validation is None where there is none."""

    type: Literal["epoch_finished"] = "epoch_finished"
    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float


class WarningRaised(_Event):
    """Something that a person should know and that does not end the run."""

    type: Literal["warning"] = "warning"
    title: str
    detail: str = ""
    hint: str = ""


class RunFinished(_Event):
    """The end: a result unless it failed, an error if it did."""

    type: Literal["run_finished"] = "run_finished"
    status: EndStatus
    result: Result | None = None
    error: ErrorReport | None = None


Event = Annotated[
    RunStarted | Phase | Progress | BatchFinished | EpochFinished | WarningRaised | RunFinished,
    Field(discriminator="type"),
]


class StudyStarted(_Event):
    """A study begins; ``rows`` is how many runs it has."""

    type: Literal["study_started"] = "study_started"
    study: StudyPreset
    rows: int


class RowKept(_Event):
    """A row of a study was finished earlier, by the same settings, and stands as it is."""

    type: Literal["row_kept"] = "row_kept"
    row: int
    session_id: str


class RowEvent(_Event):
    """Something happened in the run of one row, counted from 0; rows that train together take turns."""

    type: Literal["row_event"] = "row_event"
    row: int
    event: Event


class StudyFinished(_Event):
    """The end of a study; ``status`` is failed where a row failed, stopped where a person ended it.

    ``error`` is why it broke off as a whole, None where at most rows failed, each with an error of its own.
    """

    type: Literal["study_finished"] = "study_finished"
    status: EndStatus
    failed: int = 0
    error: ErrorReport | None = None


StudyEvent = Annotated[StudyStarted | RowKept | RowEvent | StudyFinished, Field(discriminator="type")]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def to_line(event: Event | StudyEvent) -> str:
    """One JSON object on one line, without the line end."""
    return event.model_dump_json()


def from_line(line: str | bytes) -> Event:
    """Read what :func:`to_line` wrote.

    Raises:
        pydantic.ValidationError: the line is no event.
    """
    return _ADAPTER.validate_json(line)
