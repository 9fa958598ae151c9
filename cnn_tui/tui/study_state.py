"""The study that the workbench follows, folded from what the trainer says. No widget and no I/O in here."""

from __future__ import annotations

from dataclasses import dataclass, field

from cnn_tui.config.study import Cell, StudyPreset
from cnn_tui.events import ErrorReport, Event, RowEvent, RowKept, RunFinished, StudyEvent, StudyFinished
from cnn_tui.trainer import protocol
from cnn_tui.tui.run_state import RunState, Stage


@dataclass
class StudyState:
    """One study from its request to its end.

    Attributes:
        open: the runs that go on, by row, in the order in which they began; several where rows train together.
        ended: the session of each row that has ended, also of those that were finished earlier; empty for one that
            failed before it had a session.
        shown: the run that began last and goes on, or the one that ended last; at first the one to come.
    """

    study: StudyPreset
    stage: Stage = "starting"
    open: dict[int, RunState] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    shown: RunState = field(init=False)
    finished: StudyFinished | None = None
    _cells: tuple[Cell, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._cells = tuple(self.study.cells())
        self.shown = self._run(0)

    @property
    def rows(self) -> int:
        """How many runs it has."""
        return len(self._cells)

    @property
    def error(self) -> ErrorReport | None:
        """Why the whole broke off, if it did."""
        return self.finished.error if self.finished else None

    @property
    def going(self) -> bool:
        """Whether it has not come to its end."""
        return self.stage != "ended"

    @property
    def turn(self) -> tuple[object, ...]:
        """What differs whenever a row has begun or ended, or the whole has."""
        return self.stage, tuple(self.open), len(self.ended)

    def apply(self, said: protocol.Message) -> None:
        """Take in what the trainer said about this study."""
        match said:
            case protocol.StudySaid(event=event):
                self._note(event)
            case protocol.Paused() if self.stage in ("running", "paused"):
                self.stage = "paused" if said.paused else "running"
                for run in self.open.values():
                    run.apply(said)
            case protocol.Refused() if self.stage == "starting":
                self._end()
            case protocol.Idle() | protocol.Lost():
                self._end()
            case _:
                pass

    def stop(self) -> None:
        """Note that a person wants its end."""
        self.stage = "stopping"
        for run in self.open.values():
            run.stop()

    def _note(self, event: StudyEvent) -> None:
        if self.stage == "starting":
            self.stage = "running"
        match event:
            case RowKept(row=row, session_id=session_id):
                self.ended[row] = session_id
            case RowEvent(row=row, event=told):
                self._note_run(row, told)
            case StudyFinished():
                self.finished = event
                self._end()
            case _:
                pass

    def _note_run(self, row: int, event: Event) -> None:
        run = self.open.get(row)
        if run is None:
            run = self.open[row] = self._run(row)
        run.apply(protocol.RunEvent(event=event))
        if isinstance(event, RunFinished):
            self.ended[row] = self.open.pop(row).history.session_id
        if self.stage == "stopping" and run.going:
            run.stop()
        self.shown = next(reversed(self.open.values()), run)

    def _run(self, row: int) -> RunState:
        return RunState(self._cells[row].preset(self.study), part=f"{row + 1}/{self.rows}")

    def _end(self) -> None:
        self.stage = self.shown.stage = "ended"
