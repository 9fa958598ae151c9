"""Rows of studies on disk and as events, made without training anything."""

from __future__ import annotations

from typing import Any

from cnn_tui import paths
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import ErrorReport, Phase, Progress, RunEvent, RunFinished, RunStarted
from cnn_tui.store.sessions import write_record
from samples import ENVIRONMENT
from study_records import record, scored


def keep_row(study: StudyPreset, row: int, accuracy: float | None = None, **facts: Any) -> str:
    """Write the session of a row, and give its id."""
    kept = record(study, row, accuracy, **facts)
    kept = kept.model_copy(update={"id": f"20261123T00150{row}Z-{row}"})
    folder = paths.sessions_folder() / kept.id
    folder.mkdir(parents=True)
    write_record(folder, kept)
    return kept.id


def begins(study: StudyPreset, row: int) -> list[RunEvent]:
    """A row starts and is half through its only epoch."""
    cell = list(study.cells())[row]
    begun = RunStarted(
        session_id=f"20261123T00150{row}Z-{row}",
        experiment=cell.experiment,
        environment=ENVIRONMENT,
        parameters=None,
    )
    half = Progress(done=1, total=2, unit="steps")
    return [RunEvent(run=row, event=event) for event in (begun, Phase(name="training"), half)]


def ends(study: StudyPreset, row: int, accuracy: float) -> RunEvent:
    """A row comes to its end, its session on disk."""
    keep_row(study, row, accuracy, validation=accuracy)
    return RunEvent(run=row, event=RunFinished(status="done", result=scored(accuracy)))


def fails(study: StudyPreset, row: int, title: str) -> RunEvent:
    """A row fails, its session on disk."""
    keep_row(study, row, status="failed", error=title)
    return RunEvent(run=row, event=RunFinished(status="failed", error=ErrorReport(title=title)))
