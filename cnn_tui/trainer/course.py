"""How far a job has come by what was told of it, so that one that breaks off is brought to its end all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from cnn_tui.events import ErrorReport, Event, RowEvent, RunFinished, RunStarted, StudyFinished
from cnn_tui.trainer.protocol import Message, RunEvent, Start, StartStudy, StudySaid

_ONLY = 0


@dataclass
class Course:
    """What is known of a job.

    Attributes:
        open: the sessions of the runs that have begun and not ended, by row; of a study that trains rows together
            there are several. A run that is no study's has row 0.
        finished: whether its end was told.
    """

    command: Start
    begun: float = field(default_factory=time.time)
    open: dict[int, str] = field(default_factory=dict)
    finished: bool = False
    _failed: int = 0

    def note(self, message: Message) -> None:
        """Take in what was told."""
        match message:
            case RunEvent(event=event):
                self._note_run(_ONLY, event)
                self.finished = isinstance(event, RunFinished)
            case StudySaid(event=RowEvent(row=row, event=event)):
                self._note_run(row, event)
            case StudySaid(event=StudyFinished()):
                self.finished = True
            case _:
                pass

    def break_off(self, error: ErrorReport) -> Iterator[Message]:
        """What is still to be told where nothing more comes: a failed end for each open run, and for the study."""
        if self.finished:
            return
        lost = RunFinished(status="failed", error=error)
        if not isinstance(self.command, StartStudy):
            yield RunEvent(event=lost)
            return
        for row in self.open:
            yield StudySaid(event=RowEvent(row=row, event=lost))
        failed = self._failed + len(self.open)
        yield StudySaid(event=StudyFinished(status="failed", failed=failed, error=error))

    def _note_run(self, row: int, event: Event) -> None:
        match event:
            case RunStarted(session_id=session_id):
                self.open[row] = session_id
            case RunFinished(status=status):
                self.open.pop(row, None)
                self._failed += status == "failed"
            case _:
                pass


def session_started(message: Message) -> str | None:
    """The session that begins with a message, None where none does."""
    match message:
        case RunEvent(event=RunStarted(session_id=session_id)):
            return session_id
        case StudySaid(event=RowEvent(event=RunStarted(session_id=session_id))):
            return session_id
        case _:
            return None
