"""The lines in which a study is told while it goes on."""

from __future__ import annotations

from cnn_tui.events import RowKept, RunFinished
from cnn_tui.reports.labels import value_text
from cnn_tui.reports.studies.table import COLUMNS
from cnn_tui.reports.study_progress import StudyProgress


def kept_line(progress: StudyProgress, event: RowKept) -> str:
    """A row that was there already."""
    return f"{row_name(progress, event.row)}: kept from session {event.session_id}"


def row_line(progress: StudyProgress, place: int, event: RunFinished) -> str:
    """A row that has come to its end, with its figures or the reason why there are none."""
    name = row_name(progress, place)
    if event.error is not None:
        detail = event.error.detail.partition("\n")[0]
        return f"{name}: failed: {event.error.title}" + (f" ({detail})" if detail else "")
    if event.result is None:
        return f"{name}: stopped before there was anything to test"
    result = event.result
    stopped = "stopped early; " if event.status == "stopped" else ""
    figures = ", ".join(f"{metric.heading} {metric.text(result.value(metric))}" for metric in COLUMNS)
    return f"{name}: {stopped}{figures}, {result.train_seconds:.1f} s"


def row_name(progress: StudyProgress, place: int) -> str:
    """What a run of a study is called: its place and its values."""
    study, cell = progress.study, progress.cells[place]
    parts = [f"{study.factor.rpartition('.')[2]} {value_text(cell.value)}"]
    if study.second_factor is not None:
        parts.append(f"{study.second_factor.rpartition('.')[2]} {value_text(cell.second_value)}")
    if study.repeats > 1:
        parts.append(f"seed {cell.experiment.training.seed}")
    return f"{place + 1}/{len(progress.cells)} {', '.join(parts)}"
