"""How far a study is, folded from its events: its table so far, and what is going on now."""

from __future__ import annotations

from collections.abc import Callable

from cnn_tui import paths
from cnn_tui.config.study import Cell, StudyPreset
from cnn_tui.errors import StorageError
from cnn_tui.events import Event, RowEvent, RowKept, RunFinished, StudyEvent, StudyFinished
from cnn_tui.history import RunHistory
from cnn_tui.reports.studies.table import StudyRow, StudyTable, study_table
from cnn_tui.store.records import SessionRecord, iso_time
from cnn_tui.store.sessions import load_session


def stored_record(session_id: str) -> SessionRecord:
    """The record of one of this person's sessions.

    Raises:
        StorageError: it is missing or damaged.
    """
    return load_session(paths.sessions_folder() / session_id)


class StudyProgress:
    """Everything known of a study so far. Events go in by :meth:`apply` and nowhere else.

    Attributes:
        cells: all runs, in the order of their places.
        records: the sessions of finished and failed runs by their places.
        kept: how many of them were finished by an earlier study.
        histories: the runs that are going on, by their places.
        finished: the end, once it has come.
    """

    def __init__(self, study: StudyPreset, read: Callable[[str], SessionRecord] = stored_record) -> None:
        self.study = study
        self.records: dict[int, SessionRecord] = {}
        self.kept = 0
        self.histories: dict[int, RunHistory] = {}
        self.finished: StudyFinished | None = None
        self._read = read
        self.cells = tuple(study.cells())
        self._table: StudyTable | None = None

    def apply(self, event: StudyEvent) -> None:
        """Fold in the next event."""
        match event:
            case RowKept():
                self.kept += 1
                self._keep(event.row, self._read(event.session_id))
            case RowEvent():
                self._follow(event.row, event.event)
            case StudyFinished():
                self.finished = event
                self.histories.clear()
                self._table = None

    @property
    def table(self) -> StudyTable:
        """The table as it is now."""
        if self._table is None:
            self._table = study_table(self.study, self.records, self.histories)
        return self._table

    @property
    def current(self) -> RunHistory | None:
        """A run that is going on: the one that told something last."""
        return max(self.histories.values(), key=lambda history: history.updated or 0.0, default=None)

    def row_of(self, place: int) -> StudyRow:
        """The row that the run at a place belongs to."""
        return next(row for row in self.table.rows if place in row.runs)

    def _follow(self, place: int, event: Event) -> None:
        if place not in self.histories:
            self.histories[place] = RunHistory()
            self._table = None
        history = self.histories[place]
        history.apply(event)
        if isinstance(event, RunFinished):
            del self.histories[place]
            self._keep(place, self._record(self.cells[place], history, event))

    def _keep(self, place: int, record: SessionRecord) -> None:
        self.records[place] = record
        self._table = None

    def _record(self, cell: Cell, history: RunHistory, event: RunFinished) -> SessionRecord:
        """The run's session; from what was told where it could not be kept."""
        try:
            record = self._read(history.session_id)
        except StorageError:
            fields = dict(cell.preset(self.study))
            record = SessionRecord(**fields, id=history.session_id, status="queued", created=iso_time(event.time))
        told = {"status": event.status, "result": event.result, "error": event.error}
        return record.model_copy(update={**told, "environment": record.environment or history.environment})
