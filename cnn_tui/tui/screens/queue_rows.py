"""The jobs of the queue as table rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cnn_tui.formatting import pluralize
from cnn_tui.store.job_queue import QueueEntry, read_queue
from cnn_tui.tui.screens.sessions_rows import format_time
from cnn_tui.tui.widgets.table_model import TableColumn, Tone

_TONES: dict[str, Tone] = {"running": "live", "paused": "warning", "interrupted": "bad", "waiting": "muted"}


@dataclass(frozen=True)
class QueueRow:
    """A job in the queue; ``index`` is its position among those waiting, None for others."""

    entry: QueueEntry
    index: int | None

    @property
    def state(self) -> str:
        """The state, with its position for a job that waits."""
        if self.index is not None:
            return "next" if self.index == 0 else f"waiting, {self.index + 1}"
        return "paused" if self.entry.paused else self.entry.state

    @property
    def work(self) -> str:
        """The model and the data of a run, or what a study varies."""
        study = self.entry.job.study
        experiment = self.entry.job.runs[0].experiment
        text = f"{experiment.model.architecture} on {experiment.data.label}"
        return text if study is None else f"{text}, {pluralize(len(self.entry.job.runs), 'run')}"

    @property
    def time(self) -> datetime:
        """When the job started, or was added to the queue."""
        return datetime.fromtimestamp(self.entry.started or self.entry.submitted, UTC)


def load_queue_rows() -> list[QueueRow]:
    """All jobs of the queue. Reads the database, so call it in a thread.

    Raises:
        StorageError: the queue cannot be read.
    """
    rows, waiting = [], 0
    for entry in read_queue():
        rows.append(QueueRow(entry, waiting if entry.state == "waiting" else None))
        waiting += entry.state == "waiting"
    return rows


def queue_details(row: QueueRow) -> str:
    """One line about a job."""
    entry = row.entry
    parts = [f"job {entry.id}", entry.job.kind, row.work, *(f"session {name}" for name in entry.sessions.values())]
    parts += [f"resumes {entry.job.resume}"] if entry.job.resume else []
    parts += ["beside other jobs"] if entry.job.beside else []
    parts += [f"then: {entry.command}"] if entry.command else []
    return " · ".join(parts)


def _tone(row: QueueRow) -> Tone | None:
    return _TONES.get("paused" if row.entry.paused else row.entry.state)


def _time(row: QueueRow) -> str:
    text = format_time(row.time, datetime.now(UTC))
    return f"started {text}" if row.entry.started else f"added {text}"


QUEUE_COLUMNS: list[TableColumn[QueueRow]] = [
    TableColumn("job", "job", lambda row: str(row.entry.id), lambda row: row.entry.id, right=True),
    TableColumn("state", "state", lambda row: row.state, lambda row: row.index or -1, tone=_tone),
    TableColumn("name", "name", lambda row: row.entry.name, lambda row: row.entry.name.casefold(), narrowest=12),
    TableColumn("work", "model and data", lambda row: row.work, lambda row: row.work, rank=1, narrowest=16),
    TableColumn("device", "device", lambda row: row.entry.device, lambda row: row.entry.device, rank=2),
    TableColumn("time", "time", _time, lambda row: row.time, rank=3),
]
