"""The contents of ``session.json``: a preset and the outcome of its run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from cnn_tui.config.experiment import FrozenModel
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import Cell
from cnn_tui.events import Environment, ErrorReport, Parameters
from cnn_tui.metrics import Result

Status = Literal["queued", "running", "stopping", "stopped", "done", "failed", "killed"]
LIVE: frozenset[Status] = frozenset({"queued", "running", "stopping"})
KILLED = ErrorReport(title="The run was killed", detail="Everything recorded up to then is kept.")
"""The error of a run that was killed by the user, or whose process has ended without recording an end."""


class StudyPart(FrozenModel):
    """The study that a run belongs to.

    Attributes:
        name: the name of the study.
        row: the index of the run in the study.
        together: number of runs trained as one computation, this one included; its times are its share.
        description: of the study; None in old records, whose run has the description of the study.
    """

    name: str
    row: int
    together: int = 1
    description: str | None = None


class ValidationScores(FrozenModel):
    """Validation scores of the final weights, which are those after ``epoch``."""

    epoch: int
    loss: float
    accuracy: float


class ValueScale(FrozenModel):
    """The values mapped to 0 and 255 in images with more than eight bits per channel; others are clipped."""

    low: float
    high: float


class SessionRecord(RunPreset):
    """A recorded run. Since it is a preset with additional fields, it can be run again.

    Times are ISO 8601 text in UTC.

    Attributes:
        pid: the process that trains; None after the end.
        value_range: None without images of more than eight bits per channel.
        weights_sha256: of ``weights.safetensors``; None until they are saved.
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


def finished_rows(cells: Iterable[Cell], records: Sequence[SessionRecord], *, alone: bool) -> dict[int, SessionRecord]:
    """For each cell of a study, by its index, the newest finished record of a study with the same experiment.

    Args:
        records: the newest first.
        alone: ignore runs that were trained together with others, whose times are not their own.
    """
    done = {
        record.experiment: record
        for record in reversed(records)
        if record.status == "done" and record.study is not None and not (alone and record.study.together > 1)
    }
    return {cell.index: done[cell.experiment] for cell in cells if cell.experiment in done}


def recorded_rows(cells: Sequence[Cell], records: Sequence[SessionRecord], *, alone: bool) -> dict[int, SessionRecord]:
    """Like :func:`finished_rows`, but with the newest unfinished record for cells without a finished one."""
    unfinished = {
        record.experiment: record
        for record in reversed(records)
        if record.study is not None and record.status != "done"
    }
    others = {cell.index: unfinished[cell.experiment] for cell in cells if cell.experiment in unfinished}
    return others | finished_rows(cells, records, alone=alone)


def iso_time(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 text in UTC, such as ``2026-11-23T00:15:02Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
