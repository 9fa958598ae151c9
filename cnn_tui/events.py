"""The events of a run and of a job, in the order in which they happen: the engine's only output.

``run_started`` comes first and ``run_finished`` last, exactly once. Events hold only numbers, strings and tuples, so
they pass through threads, pipes and files unchanged. ``time`` is in seconds since the epoch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import CnnTuiError
from cnn_tui.metrics import Result

PhaseName = Literal["downloading", "loading", "features", "training", "testing"]
EndStatus = Literal["done", "stopped", "failed"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Environment(_Record):
    """The software and hardware that a run used; memory in bytes."""

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
    """The number of parameters of a model, and how many of them are trained."""

    total: int
    trainable: int


class ErrorReport(_Record):
    """A failure as text, and the exit code of the command line for it."""

    title: str
    detail: str = ""
    hint: str = ""
    exit_code: int = 1

    @classmethod
    def of(cls, error: CnnTuiError) -> ErrorReport:
        """Convert an expected failure."""
        return cls(title=error.title, detail=error.detail, hint=error.hint, exit_code=error.exit_code)


class _Event(_Record):
    time: float = Field(default_factory=time.time)


class RunStarted(_Event):
    """The run begins; ``parameters`` is None if the classes, and therefore the model, are unknown."""

    type: Literal["run_started"] = "run_started"
    session_id: str
    experiment: Experiment
    environment: Environment
    parameters: Parameters | None


class Phase(_Event):
    """A phase of the run begins; ``detail`` describes it."""

    type: Literal["phase"] = "phase"
    name: PhaseName
    detail: str = ""


class Progress(_Event):
    """Progress of the current phase; ``total`` is None if unknown, ``rate`` is in units per second."""

    type: Literal["progress"] = "progress"
    done: int
    total: int | None
    unit: str
    rate: float | None = None


class BatchFinished(_Event):
    """A training step, counted from 1 within its epoch. At most 20 steps a second are reported."""

    type: Literal["batch_finished"] = "batch_finished"
    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float
    learning_rate: float


class EpochFinished(_Event):
    """An epoch, counted from 1. Training figures are means over its steps; validation may be None."""

    type: Literal["epoch_finished"] = "epoch_finished"
    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float


class RunResumed(_Event):
    """An interrupted run continues: ``done`` of ``total`` steps were taken before, ``epoch`` epochs are complete.

    The events before it are those that the run emitted until its checkpoint.
    """

    type: Literal["run_resumed"] = "run_resumed"
    epoch: int
    done: int
    total: int = Field(gt=0)


class WarningRaised(_Event):
    """A problem that the user should know about and that does not end the run."""

    type: Literal["warning"] = "warning"
    title: str
    detail: str = ""
    hint: str = ""


class RunFinished(_Event):
    """The end of the run, with an error if it failed, else with a result."""

    type: Literal["run_finished"] = "run_finished"
    status: EndStatus
    result: Result | None = None
    error: ErrorReport | None = None


Event = Annotated[
    RunStarted | RunResumed | Phase | Progress | BatchFinished | EpochFinished | WarningRaised | RunFinished,
    Field(discriminator="type"),
]


class JobStarted(_Event):
    """The first event of a job; ``runs`` is the number of its runs.

    Job events are written as JSON by alias: the ``type`` and ``row`` of ``cnn-tui study --json`` are older than the
    single kind of job.
    """

    type: Literal["study_started"] = "study_started"
    preset: Annotated[RunPreset | StudyPreset, Field(discriminator="kind")] = Field(serialization_alias="study")
    runs: int = Field(serialization_alias="rows")


class JobWaiting(_Event):
    """The job waits, because another one uses its device."""

    type: Literal["job_waiting"] = "job_waiting"
    device: str
    holder: str


class RunReused(_Event):
    """An earlier study finished this run with the same settings; its session is used as the result."""

    type: Literal["row_kept"] = "row_kept"
    run: int = Field(serialization_alias="row")
    session_id: str


class RunEvent(_Event):
    """An event of one run of the job, whose index starts at 0. Runs that train together interleave their events."""

    type: Literal["row_event"] = "row_event"
    run: int = Field(serialization_alias="row")
    event: Event


class JobFinished(_Event):
    """The last event of a job.

    ``status`` is "stopped" if the user stopped the job, "failed" if a run failed, else "stopped" if one was stopped by
    its time limit.

    ``error`` is set if the job as a whole broke off. A failed run carries its own error.
    """

    type: Literal["study_finished"] = "study_finished"
    status: EndStatus
    failed: int = 0
    error: ErrorReport | None = None


JobEvent = Annotated[JobStarted | JobWaiting | RunReused | RunEvent | JobFinished, Field(discriminator="type")]


def as_job_events(event: Event) -> Iterator[JobEvent]:
    """The events of a job that consists of a single run, whose end is that of the job."""
    yield RunEvent(run=0, event=event)
    if isinstance(event, RunFinished):
        yield JobFinished(status=event.status, failed=int(event.status == "failed"))


_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


def to_line(event: Event) -> str:
    """Write an event as one line of JSON, without the line break."""
    return event.model_dump_json()


def from_line(line: str | bytes) -> Event:
    """Read what :func:`to_line` wrote.

    Raises:
        pydantic.ValidationError: the line is not an event.
    """
    return _ADAPTER.validate_json(line)
