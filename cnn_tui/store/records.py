"""What ``session.json`` holds: a preset, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from cnn_tui.config.experiment import FrozenModel
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import Environment, ErrorReport, Parameters
from cnn_tui.metrics import Result

Status = Literal["queued", "running", "stopping", "stopped", "done", "failed", "killed"]
LIVE: frozenset[Status] = frozenset({"queued", "running", "stopping"})


class StudyPart(FrozenModel):
    """Which study a run belongs to.

    Attributes:
        name: the study's.
        row: the run's place in it, from 0.
        together: how many runs were trained as one computation with it, itself included; its times are its share.
        description: the study's; None in records from before it was kept, when it was the run's own too.
    """

    name: str
    row: int
    together: int = 1
    description: str | None = None


class ValidationScores(FrozenModel):
    """What the weights that a run came to did on its validation pictures; ``epoch`` is the one that they are of."""

    epoch: int
    loss: float
    accuracy: float


class ValueScale(FrozenModel):
    """The values that became 0 and 255 in pictures with more than eight bits; those outside became the nearer one."""

    low: float
    high: float


class SessionRecord(RunPreset):
    """A run on record. It is a preset with further fields, so that it can be run again as it is.

    Times are ISO 8601 text in UTC. ``pid`` is the process that trains; ``weights_sha256`` is that of
    ``weights.safetensors``, None while there are no weights. ``value_range`` is None where there were no pictures with
    more than eight bits.
    """

    id: str
    status: Status
    created: str
    started: str | None = None
    finished: str | None = None
    pid: int | None = None
    environment: Environment | None = None
    parameters: Parameters | None = None
    result: Result | None = None
    error: ErrorReport | None = None
    study: StudyPart | None = None
    validation: ValidationScores | None = None
    value_range: ValueScale | None = None
    weights_sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")

    @property
    def live(self) -> bool:
        """Whether the run has not ended yet."""
        return self.status in LIVE


def iso_time(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 text in UTC, such as ``2026-11-23T00:15:02Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
