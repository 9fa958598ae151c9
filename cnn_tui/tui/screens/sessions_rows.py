"""Sessions as table rows, without their results, so that hundreds of them take little memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cnn_tui.config.preset import RunPreset
from cnn_tui.formatting import elapsed, noun
from cnn_tui.imports import uncollected
from cnn_tui.metrics import ACCURACY, LISTED, Metric
from cnn_tui.reports.labels import session_label
from cnn_tui.store.notes import NO_NOTE, SessionNote
from cnn_tui.store.records import SessionRecord, StudyPart
from cnn_tui.store.sessions import SessionEntry, list_sessions
from cnn_tui.tui.widgets.table_model import TableColumn, Tone

_TONES: dict[str, Tone] = {
    "done": "good",
    "stopped": "warning",
    "failed": "bad",
    "killed": "bad",
    "broken": "bad",
    "queued": "live",
    "running": "live",
    "stopping": "live",
}
_MARK = "●"


@dataclass(frozen=True)
class SessionRow:
    """One session in the list.

    Attributes:
        name: the session's name, or its id if its record cannot be read.
        preset: the experiment, None if the record cannot be read.
        status: as in the record, or "broken".
        scores: the test scores that have a column, by key; empty without a result.
        seconds: duration of the entire run.
        problem: why the record cannot be read or the run failed; empty otherwise.
        study: the study that the run belongs to, if any.
        note: the user's note and tags.
        note_problem: why the note cannot be read; empty otherwise.
        marked: marked by the user for a comparison.
    """

    id: str
    name: str
    preset: RunPreset | None
    status: str
    created: datetime | None
    scores: Mapping[str, float | None] = field(default_factory=dict)
    seconds: float | None = None
    epochs_run: int | None = None
    problem: str = ""
    study: StudyPart | None = None
    note: SessionNote = NO_NOTE
    note_problem: str = ""
    marked: bool = False

    @property
    def label(self) -> str:
        """The name; for a run of a study its values first, so that a narrow column shows them."""
        return session_label(self.name, self.study)

    @property
    def model(self) -> str:
        """The architecture."""
        return self.preset.experiment.model.architecture if self.preset else ""

    @property
    def data(self) -> str:
        """The dataset, or the name of the folder."""
        return self.preset.experiment.data.label if self.preset else ""

    @property
    def epochs(self) -> int | None:
        """The epochs run, or the epochs requested if that is unknown."""
        if self.preset is None:
            return None
        return self.preset.experiment.training.epochs if self.epochs_run is None else self.epochs_run

    @property
    def learning_rate(self) -> float | None:
        """The optimizer's learning rate."""
        return self.preset.experiment.training.optimizer.learning_rate if self.preset else None

    @property
    def batch_size(self) -> int | None:
        """Images per step."""
        return self.preset.experiment.training.batch_size if self.preset else None


def load_rows() -> list[SessionRow]:
    """Load all sessions, newest first. Reads every record, so call it in a thread.

    Raises:
        StorageError: the sessions folder cannot be listed.
    """
    with uncollected():
        return [_row(entry) for entry in list_sessions()]


def matching(rows: Iterable[SessionRow], query: str) -> list[SessionRow]:
    """The rows whose name, study, model, data, status, note or #tags contain every word of the query, ignoring case."""
    words = query.casefold().split()
    return [row for row in rows if all(word in _searchable_text(row) for word in words)]


def format_time(time: datetime | None, now: datetime) -> str:
    """A local time, shorter the more recent it is: "14:05", "23 Nov 14:05", "23 Nov 2025"."""
    if time is None:
        return ""
    local, today = time.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b %H:%M}" if local.year == today.year else f"{local.day} {local:%b %Y}"


def details(row: SessionRow) -> str:
    """One line with everything known about a session, including columns that do not fit in the table."""
    note = row.note_problem.partition("\n")[0] or row.note.line
    if row.preset is None:
        return " · ".join(part for part in (row.problem.replace("\n", " "), note) if part)
    training = row.preset.experiment.training
    parts = [
        row.id,
        _study(row),
        f"{row.model} on {row.data}",
        f"{_epochs(row)} {noun(training.epochs, 'epoch')}",
        f"{training.optimizer.name} at {_rate(row)}",
        f"batches of {row.batch_size:,}",
        _duration(row),
        _created_text(row),
    ]
    return " · ".join(part for part in (row.problem.partition("\n")[0], note, *parts) if part)


def _row(entry: SessionEntry) -> SessionRow:
    record = entry.record
    if record is None:
        return SessionRow(
            id=entry.id,
            name=entry.id,
            preset=None,
            status="broken",
            created=_parse_time(entry.id),
            problem=entry.problem or "",
            note=entry.note,
            note_problem=entry.note_problem,
        )
    result, error = record.result, record.error
    return SessionRow(
        id=entry.id,
        name=record.name,
        preset=preset_of(record),
        status=record.status,
        created=_parse_time(record.created) or _parse_time(entry.id),
        scores={one.key: result.value(one) for one in LISTED} if result else {},
        seconds=result.total_seconds if result else None,
        epochs_run=result.epochs_run if result else None,
        problem=error.title if error else "",
        study=record.study,
        note=entry.note,
        note_problem=entry.note_problem,
    )


def preset_of(record: SessionRecord) -> RunPreset:
    """The preset of a session, without its status and result. Its values were validated with the record."""
    return RunPreset.model_construct(**{name: getattr(record, name) for name in RunPreset.model_fields})


def _parse_time(text: str) -> datetime | None:
    """The time in an ISO 8601 text or at the start of a session id, None if there is none."""
    for candidate in (text, text.partition("-")[0]):
        try:
            time = datetime.fromisoformat(candidate)
        except ValueError:
            continue
        return time if time.tzinfo else None
    return None


def _searchable_text(row: SessionRow) -> str:
    study = f"study {row.study.name}" if row.study else ""
    return "\n".join((row.name, row.label, study, row.model, row.data, row.status, row.note.line)).casefold()


def _created(row: SessionRow) -> float | None:
    return row.created.timestamp() if row.created else None


def _name(row: SessionRow) -> str:
    """The mark, the name and the tags, in this order because a narrow column cuts the end off."""
    name = f"{_MARK} {row.label}" if row.marked else row.label
    return f"{name}  {row.note.tag_line}" if row.note.tags else name


def _name_tone(row: SessionRow) -> Tone | None:
    return "live" if row.marked else None


def _tone(row: SessionRow) -> Tone | None:
    return _TONES.get(row.status)


def _epochs(row: SessionRow) -> str:
    """The epochs requested, after the epochs run if those are fewer."""
    requested = row.preset.experiment.training.epochs if row.preset else None
    if row.epochs_run is None or row.epochs_run == requested:
        return _number(requested)
    return f"{row.epochs_run:,}/{requested:,}"


def _rate(row: SessionRow) -> str:
    return "" if row.learning_rate is None else f"{row.learning_rate:g}"


def _score_column(metric: Metric) -> TableColumn[SessionRow]:
    def text(row: SessionRow) -> str:
        return metric.screen_text(row.scores[metric.key]) if row.scores else ""

    return TableColumn(
        metric.key,
        metric.name,
        text,
        lambda row: row.scores.get(metric.key),
        right=True,
        falling=metric.higher_is_better,
        rank=0 if metric is ACCURACY else 1,
    )


def _duration(row: SessionRow) -> str:
    return "" if row.seconds is None else elapsed(row.seconds)


def _study(row: SessionRow) -> str:
    return f"run {row.study.row + 1:,} of “{row.study.name}”" if row.study else ""


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _created_text(row: SessionRow) -> str:
    return format_time(row.created, datetime.now(UTC))


SESSION_COLUMNS: tuple[TableColumn[SessionRow], ...] = (
    TableColumn("name", "name", _name, lambda row: row.name.casefold(), tone=_name_tone, narrowest=18, widest=40),
    TableColumn("model", "model", lambda row: row.model, lambda row: row.model or None, narrowest=8, widest=20),
    TableColumn("data", "data", lambda row: row.data, lambda row: row.data or None, narrowest=13, widest=24),
    TableColumn("epochs", "epochs", _epochs, lambda row: row.epochs, right=True, rank=2),
    TableColumn("rate", "rate", _rate, lambda row: row.learning_rate, right=True, rank=3),
    TableColumn("batch", "batch", lambda row: _number(row.batch_size), lambda row: row.batch_size, right=True, rank=4),
    *map(_score_column, LISTED),
    TableColumn("time", "time", _duration, lambda row: row.seconds, right=True, rank=6),
    TableColumn("status", "status", lambda row: row.status, lambda row: row.status, tone=_tone),
    TableColumn("when", "when", _created_text, _created, right=True, falling=True, rank=5),
)
