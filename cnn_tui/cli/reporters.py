"""Reporters print a job's events: as JSON, as plain lines, or live in a terminal (see ``live``)."""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console

from cnn_tui.cli.live import LiveRunReporter, LiveStudyReporter, run_name
from cnn_tui.cli.output import print_message
from cnn_tui.cli.result_tables import print_result
from cnn_tui.events import (
    EpochFinished,
    Event,
    JobEvent,
    JobStarted,
    JobWaiting,
    Phase,
    RunEvent,
    RunFinished,
    RunResumed,
    RunReused,
    RunStarted,
    WarningRaised,
)
from cnn_tui.formatting import pluralize, printable
from cnn_tui.reports.job_progress import JobProgress
from cnn_tui.reports.labels import waiting_text
from cnn_tui.reports.studies.table import COLUMNS


class Reporter(Protocol):
    """Prints the events of a job; each was applied to its :class:`JobProgress` before."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def report(self, event: JobEvent) -> None:
        """Print an event."""
        ...


def make_reporter(progress: JobProgress, as_json: bool) -> Reporter:
    """The reporter for the kind of job and for where the output goes."""
    if as_json:
        return JsonReporter(progress)
    if progress.job.study is not None:
        return LiveStudyReporter(progress) if sys.stderr.isatty() else PlainStudyReporter(progress)
    return LiveRunReporter(progress) if sys.stdout.isatty() and sys.stderr.isatty() else PlainRunReporter(progress)


class _PlainReporter:
    """The parts of a reporter that holds no resources."""

    def __init__(self, progress: JobProgress) -> None:
        self._progress = progress

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class JsonReporter(_PlainReporter):
    """Prints one event per line on standard output. A single run prints its own events only, a study all job events."""

    def report(self, event: JobEvent) -> None:
        """Print the event in ASCII, so that no name can send control characters to a terminal."""
        if self._progress.job.study is not None:
            self._print(event)
        elif isinstance(event, RunEvent):
            self._print(event.event)
        elif isinstance(event, JobWaiting):
            print_message(waiting_text(event))

    def _print(self, event: Event | JobEvent) -> None:
        sys.stdout.write(json.dumps(event.model_dump(mode="json", by_alias=True)) + "\n")
        sys.stdout.flush()


class PlainRunReporter(_PlainReporter):
    """Prints epochs and result tables on standard output, phases and warnings on standard error."""

    def __init__(self, progress: JobProgress) -> None:
        super().__init__(progress)
        self._out = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160, markup=False, highlight=False)
        self._err = Console(file=sys.stderr, markup=False, highlight=False, soft_wrap=True)

    def report(self, event: JobEvent) -> None:
        """Print the event if it matters in a log."""
        if isinstance(event, RunEvent):
            self._report_run(event.event)
        elif isinstance(event, JobWaiting):
            self._err.print(waiting_text(event))

    def _report_run(self, event: Event) -> None:
        preset = self._progress.job.runs[0]
        match event:
            case RunStarted():
                name = printable(preset.name)
                self._err.print(f"{name}: session {event.session_id} on {event.environment.device_name}")
            case Phase():
                self._err.print(printable(_phase_text(event)))
            case RunResumed():
                self._err.print(resumed_text(event))
            case EpochFinished():
                self._out.print(epoch_line(event, preset.experiment.training.epochs))
            case WarningRaised():
                self._err.print(printable(warning_text(event)))
            case RunFinished():
                print_result(event, self._out, self._err)


class PlainStudyReporter(_PlainReporter):
    """Prints a line for each run that ends on standard error; standard output is for the table."""

    def __init__(self, progress: JobProgress) -> None:
        super().__init__(progress)
        self._phase = ""

    def report(self, event: JobEvent) -> None:
        """Print the event if it matters in a log."""
        match event:
            case JobStarted():
                print_message(f"{event.preset.name}: {pluralize(event.runs, 'run')}")
            case JobWaiting():
                print_message(waiting_text(event))
            case RunReused():
                print_message(f"{run_name(self._progress, event.run)}: kept from session {event.session_id}")
            case RunEvent():
                self._report_run(event.run, event.event)

    def _report_run(self, run: int, event: Event) -> None:
        match event:
            case Phase():
                phase = _phase_text(event)
                if phase != self._phase:  # runs that train together all report it
                    print_message(phase)
                self._phase = phase
            case WarningRaised():
                print_message(warning_text(event))
            case RunFinished():
                self._phase = ""
                print_message(f"{run_name(self._progress, run)}: {_result_text(event)}")


def epoch_line(event: EpochFinished, epochs: int) -> str:
    """An epoch as one line."""
    line = f"epoch {event.epoch}/{epochs}  train loss {event.train_loss:.4f}  accuracy {event.train_accuracy:.4f}"
    if event.validation_loss is not None and event.validation_accuracy is not None:
        line += f"  validation loss {event.validation_loss:.4f}  accuracy {event.validation_accuracy:.4f}"
    return f"{line}  {event.seconds:.1f} s"


def resumed_text(event: RunResumed) -> str:
    """Where an interrupted run continues."""
    return f"resumed after {pluralize(event.epoch, 'epoch')}, step {event.done:,} of {event.total:,}"


def warning_text(event: WarningRaised) -> str:
    """A warning as one paragraph."""
    return "warning: " + ". ".join(part.rstrip(".") for part in (event.title, event.detail, event.hint) if part) + "."


def _phase_text(event: Phase) -> str:
    return f"{event.name}: {event.detail}" if event.detail else event.name


def _result_text(event: RunFinished) -> str:
    """The scores of a run of a study, or the reason why there are none."""
    if event.error is not None:
        detail = event.error.detail.partition("\n")[0]
        return f"failed: {event.error.title}" + (f" ({detail})" if detail else "")
    if event.result is None:
        return "stopped before it could be tested"
    result = event.result
    stopped = "stopped early; " if event.status == "stopped" else ""
    scores = ", ".join(f"{metric.heading} {metric.text(result.value(metric))}" for metric in COLUMNS)
    return f"{stopped}{scores}, {result.train_seconds:.1f} s"
