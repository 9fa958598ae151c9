"""The state of a job as a front end reports it: its events, and for a study the table of its runs so far."""

from __future__ import annotations

from collections.abc import Callable

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.errors import StorageError
from cnn_tui.events import JobEvent, RunEvent, RunFinished, RunReused
from cnn_tui.history import JobHistory, RunHistory
from cnn_tui.reports.studies.table import StudyTable, study_table
from cnn_tui.store.records import SessionRecord, iso_time
from cnn_tui.store.sessions import load_session


def stored_record(session_id: str) -> SessionRecord:
    """Load the record of a session of the current user.

    Raises:
        StorageError: it is missing or damaged.
    """
    return load_session(paths.sessions_folder() / session_id)


class JobProgress:
    """The state of a job; it changes only through :meth:`apply`.

    Attributes:
        history: the state that follows from the events alone.
        records: the sessions of a study's ended and reused runs by index.
    """

    def __init__(self, job: Job, read: Callable[[str], SessionRecord] = stored_record) -> None:
        self.job = job
        self.history = JobHistory(job)
        self.records: dict[int, SessionRecord] = {}
        self._read = read
        self._table: StudyTable | None = None

    def apply(self, event: JobEvent) -> None:
        """Update the state with the next event."""
        running = tuple(self.history.running)
        run = self.history.apply(event)
        if self.job.study is None:
            return
        match event:
            case RunReused():
                self.records[event.run] = self._read(event.session_id)
            case RunEvent(event=RunFinished() as finished) if run is not None:
                self.records[event.run] = self._record(event.run, run, finished)
            case RunEvent() if running == tuple(self.history.running):
                return
        self._table = None

    @property
    def table(self) -> StudyTable:
        """The current table of a study."""
        assert self.job.study is not None
        if self._table is None:
            running = {} if self.history.finished else self.history.running
            self._table = study_table(self.job.study, self.records, running)
        return self._table

    def _record(self, index: int, run: RunHistory, finished: RunFinished) -> SessionRecord:
        """The session of a run; if it could not be saved, a record made from its events."""
        try:
            record = self._read(run.session_id)
        except StorageError:
            fields = dict(self.job.runs[index])
            record = SessionRecord(**fields, id=run.session_id, status="queued", created=iso_time(finished.time))
        outcome = {"status": finished.status, "result": finished.result, "error": finished.error}
        return record.model_copy(update={**outcome, "environment": record.environment or run.environment})
