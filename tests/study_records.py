"""Studies and the records of their runs, for tests."""

from __future__ import annotations

from typing import Any

from cnn_tui import paths
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import ErrorReport, Phase, Progress, RunEvent, RunFinished, RunStarted
from cnn_tui.metrics import Result
from cnn_tui.store.records import SessionRecord, Status, StudyPart, ValidationScores
from cnn_tui.store.sessions import write_record
from samples import ENVIRONMENT, result


def study(**settings: Any) -> StudyPreset:
    """A study of three numbers of epochs, unless told otherwise."""
    return StudyPreset.model_validate(
        {"name": "some-study", "factor": "training.epochs", "values": [1, 3, 10]} | settings
    )


def scored(accuracy: float, *, seconds: float = 1.5) -> Result:
    """A result with this accuracy, whatever its matrix says."""
    figures = {
        "accuracy": accuracy,
        "macro_precision": accuracy + 0.01,
        "macro_recall": accuracy,
        "macro_f1": accuracy - 0.01,
    }
    return result().model_copy(update={**figures, "train_seconds": seconds})


def record(
    preset: StudyPreset,
    row: int,
    accuracy: float | None = None,
    *,
    validation: float | None = None,
    status: Status = "done",
    error: str = "",
    together: int = 1,
    seconds: float = 1.5,
) -> SessionRecord:
    """The session of one run of a study."""
    cell = next(cell for cell in preset.cells() if cell.index == row)
    return SessionRecord(
        **dict(cell.preset(preset)),
        id=f"session-{row}",
        status=status,
        created="2026-11-23T00:15:02Z",
        environment=ENVIRONMENT,
        result=None if accuracy is None else scored(accuracy, seconds=seconds),
        error=ErrorReport(title=error) if error else None,
        study=StudyPart(name=preset.name, row=row, together=together, description=preset.description),
        validation=None if validation is None else ValidationScores(epoch=1, loss=0.5, accuracy=validation),
    )


def records(
    preset: StudyPreset, accuracies: list[float], validations: list[float] | None = None
) -> dict[int, SessionRecord]:
    """The sessions of all runs of a study, as they finished."""
    known: list[float] | list[None] = validations or [None] * len(accuracies)
    pairs = zip(accuracies, known, strict=True)
    return {row: record(preset, row, accuracy, validation=score) for row, (accuracy, score) in enumerate(pairs)}


def store_row(study: StudyPreset, row: int, accuracy: float | None = None, **facts: Any) -> str:
    """Write the session of a row and return its id."""
    stored = record(study, row, accuracy, **facts).model_copy(update={"id": f"20261123T00150{row}Z-{row}"})
    folder = paths.sessions_folder() / stored.id
    folder.mkdir(parents=True)
    write_record(folder, stored)
    return stored.id


def row_started(study: StudyPreset, row: int) -> list[RunEvent]:
    """The events of a row that is halfway through its only epoch."""
    cell = list(study.cells())[row]
    started = RunStarted(
        session_id=f"20261123T00150{row}Z-{row}",
        experiment=cell.experiment,
        environment=ENVIRONMENT,
        parameters=None,
    )
    half = Progress(done=1, total=2, unit="steps")
    return [RunEvent(run=row, event=event) for event in (started, Phase(name="training"), half)]


def row_finished(study: StudyPreset, row: int, accuracy: float) -> RunEvent:
    """The end of a row whose session is on disk."""
    store_row(study, row, accuracy, validation=accuracy)
    return RunEvent(run=row, event=RunFinished(status="done", result=scored(accuracy)))


def row_failed(study: StudyPreset, row: int, title: str) -> RunEvent:
    """The failure of a row whose session is on disk."""
    store_row(study, row, status="failed", error=title)
    return RunEvent(run=row, event=RunFinished(status="failed", error=ErrorReport(title=title)))
