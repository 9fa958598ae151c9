"""The contents of ``session.json``: a preset and the outcome of its run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment, FrozenModel
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import Cell
from cnn_tui.errors import ConfigError
from cnn_tui.events import Environment, ErrorReport, Parameters
from cnn_tui.metrics import Result

Status = Literal["queued", "running", "stopping", "stopped", "done", "failed", "killed"]
_Channels = Annotated[tuple[float, float, float], Field(strict=False)]
_SHA256 = "^[0-9a-f]{64}$"
LIVE: frozenset[Status] = frozenset({"queued", "running", "stopping"})
RESUMABLE: frozenset[Status] = frozenset({"stopped", "failed", "killed"})
"""Of runs that ended before they were done."""
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


class ImageInput(FrozenModel):
    """How images become the input of the network: decoded at one size, resized to ``data.image_size``, normalised.

    Attributes:
        height, width: to which images of any size are decoded.
        channels: 1 for grey, which then becomes three equal channels; 3 for colour.
        mean, std: of red, green and blue, from 0 to 1.
    """

    height: int = Field(gt=0)
    width: int = Field(gt=0)
    channels: Literal[1, 3]
    mean: _Channels
    std: _Channels


class SessionRecord(RunPreset):
    """A recorded run. Since it is a preset with additional fields, it can be run again.

    Times are ISO 8601 text in UTC.

    Attributes:
        pid: the process that trains; None after the end.
        value_range: None without images of more than eight bits per channel.
        image_input: None until the weights are saved, and in old records.
        weights_sha256: of ``weights.safetensors``; None until they are saved.
        frozen_weights_sha256: of the user's own file that has the frozen layers, if any; None in old records.
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
    image_input: ImageInput | None = None
    weights_sha256: str | None = Field(None, pattern=_SHA256)
    frozen_weights_sha256: str | None = Field(None, pattern=_SHA256)

    @property
    def live(self) -> bool:
        """Whether the run has not ended yet."""
        return self.status in LIVE


def resumed_experiment(
    record: SessionRecord, epochs: int | None, done: int, max_minutes: str | None = None
) -> Experiment:
    """The experiment with which the run of a session continues after ``done`` epochs.

    Args:
        epochs: of the longer run; None to complete it as it was.
        max_minutes: another time limit, or "none"; None to keep the one that it has.

    Raises:
        ConfigError: the run is finished, is still running, or cannot be trained longer; the limit is not allowed.
    """
    limit = [] if max_minutes is None else [f"training.max_minutes={max_minutes}"]
    if record.live:
        raise ConfigError(f"{record.id} is still {record.status}", "It cannot be resumed now.", "Stop it first.")
    training = record.experiment.training
    if epochs is None or epochs == training.epochs:
        if record.status == "done":
            raise ConfigError(
                f"{record.id} is finished", "There is nothing to resume.", "To train longer, give --epochs."
            )
        return override(record.experiment, limit)
    reason = ""
    if training.schedule != "constant":
        reason = f"With the schedule {training.schedule!r} every learning rate depends on the number of epochs."
    elif training.early_stopping_patience is not None:
        reason = "With early stopping, its weights are those of the best epoch and not of the last one."
    if reason:
        raise ConfigError(
            f"{record.id} cannot have another number of epochs",
            reason,
            f"Start a new run from its weights (a warm restart): cnn-tui sessions export {record.id} --weights FILE, "
            f"then cnn-tui run {record.id} --set model.weights=FILE --set training.epochs={epochs}",
        )
    if epochs <= done:
        raise ConfigError(f"{record.id} has {done} epochs already", f"--epochs is {epochs}.", "Give a larger number.")
    return override(record.experiment, [f"training.epochs={epochs}", *limit])


def finished_rows(cells: Iterable[Cell], records: Sequence[SessionRecord], *, alone: bool) -> dict[int, SessionRecord]:
    """For each cell of a study, by its index, the newest finished record of a study with the same experiment.

    Args:
        records: the newest first.
        alone: ignore runs that were trained together with others, whose times are not their own.
    """
    done = _by_experiment(
        record
        for record in records
        if record.status == "done" and record.study is not None and not (alone and record.study.together > 1)
    )
    return _of_cells(cells, done)


def recorded_rows(cells: Sequence[Cell], records: Sequence[SessionRecord], *, alone: bool) -> dict[int, SessionRecord]:
    """Like :func:`finished_rows`, but with the newest unfinished record for cells without a finished one."""
    unfinished = _by_experiment(record for record in records if record.study is not None and record.status != "done")
    return _of_cells(cells, unfinished) | finished_rows(cells, records, alone=alone)


def _by_experiment(records: Iterable[SessionRecord]) -> dict[Experiment, SessionRecord]:
    """The newest record of each experiment, which may have had another time limit; ``records`` are newest first."""
    return {record.experiment.without_time_limit: record for record in reversed([*records])}


def _of_cells(cells: Iterable[Cell], records: Mapping[Experiment, SessionRecord]) -> dict[int, SessionRecord]:
    wanted = ((cell.index, cell.experiment.without_time_limit) for cell in cells)
    return {index: records[experiment] for index, experiment in wanted if experiment in records}


def iso_time(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 text in UTC, such as ``2026-11-23T00:15:02Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
