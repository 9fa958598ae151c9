"""The runs of studies as sessions on disk and as events, without training."""

from __future__ import annotations

from typing import Any

from cnn_tui import paths
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import ErrorReport, Phase, Progress, RunEvent, RunFinished, RunStarted
from cnn_tui.store.sessions import write_record
from samples import ENVIRONMENT
from study_records import record, scored


def save_run(study: StudyPreset, row: int, accuracy: float | None = None, **options: Any) -> str:
    """Write the session of a run, and return its id."""
    saved = record(study, row, accuracy, **options).model_copy(update={"id": _session_id(row)})
    folder = paths.sessions_folder() / saved.id
    folder.mkdir(parents=True)
    write_record(folder, saved)
    return saved.id


def run_started(study: StudyPreset, row: int) -> list[RunEvent]:
    """The events of a run that is halfway through its only epoch."""
    cell = list(study.cells())[row]
    started = RunStarted(
        session_id=_session_id(row),
        experiment=cell.experiment,
        environment=ENVIRONMENT,
        parameters=None,
    )
    half = Progress(done=1, total=2, unit="steps")
    return [RunEvent(run=row, event=event) for event in (started, Phase(name="training"), half)]


def run_finished(study: StudyPreset, row: int, accuracy: float) -> RunEvent:
    """Write the session of a finished run, and return its last event."""
    save_run(study, row, accuracy, validation=accuracy)
    return RunEvent(run=row, event=RunFinished(status="done", result=scored(accuracy)))


def run_failed(study: StudyPreset, row: int, title: str) -> RunEvent:
    """Write the session of a failed run, and return its last event."""
    save_run(study, row, status="failed", error=title)
    return RunEvent(run=row, event=RunFinished(status="failed", error=ErrorReport(title=title)))


def _session_id(row: int) -> str:
    return f"20261123T00150{row}Z-{row}"
