"""How a study is told while it goes on: as JSON, as plain lines, or live on a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self

from cnn_tui.cli.output import print_message
from cnn_tui.cli.reporters import JsonReporter, Quiet, warning_text
from cnn_tui.cli.study_live import LiveStudyReporter
from cnn_tui.cli.study_words import kept_line, row_line
from cnn_tui.events import Event, Phase, RowEvent, RowKept, RunFinished, StudyEvent, StudyStarted, WarningRaised
from cnn_tui.formatting import pluralize
from cnn_tui.reports.study_progress import StudyProgress


class StudyReporter(Protocol):
    """Tells a study's events to whoever started it, each after the progress has taken it in."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def report(self, event: StudyEvent) -> None:
        """Tell one event."""
        ...


def make_study_reporter(progress: StudyProgress, as_json: bool) -> StudyReporter:
    """The reporter for where the talk goes."""
    if as_json:
        return JsonReporter()
    if sys.stderr.isatty():
        return LiveStudyReporter(progress)
    return PlainStudyReporter(progress)


class PlainStudyReporter(Quiet):
    """A line for each row that ends, on standard error, since the table is what belongs on standard output."""

    def __init__(self, progress: StudyProgress) -> None:
        self._progress = progress
        self._phase = ""

    def report(self, event: StudyEvent) -> None:
        """Print the event where it matters to a reader of lines."""
        match event:
            case StudyStarted():
                print_message(f"{event.study.name}: {pluralize(event.rows, 'run')}")
            case RowKept():
                print_message(kept_line(self._progress, event))
            case RowEvent():
                self._report_run(event.row, event.event)

    def _report_run(self, row: int, event: Event) -> None:
        match event:
            case Phase():
                phase = f"{event.name}: {event.detail}" if event.detail else event.name
                if phase != self._phase:  # rows that train together all tell it
                    print_message(phase)
                self._phase = phase
            case WarningRaised():
                print_message(warning_text(event))
            case RunFinished():
                self._phase = ""
                print_message(row_line(self._progress, row, event))
