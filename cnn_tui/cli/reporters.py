"""How a run is told outside the workbench: as JSON, as plain lines, or live on a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from rich.console import Console

from cnn_tui.cli.live import LiveReporter
from cnn_tui.cli.result_tables import print_result
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import OutputError
from cnn_tui.events import EpochFinished, Event, Phase, RunFinished, RunStarted, StudyEvent, WarningRaised
from cnn_tui.formatting import printable

if TYPE_CHECKING:
    from cnn_tui.engine.control import Control

_Told = TypeVar("_Told")


def reported(told: Iterator[_Told], report: Callable[[_Told], None], control: Control) -> Iterator[_Told]:
    """Report what a job tells as it passes.

    Raises:
        OutputError: a report cannot be written. Before that the job is stopped as by an interrupt, and has saved
            what there was.
    """
    broken: OutputError | None = None
    for one in told:
        if broken is None:
            try:
                report(one)
            except OutputError as error:
                broken = error
                control.stop()
        yield one
    if broken is not None:
        raise OutputError(f"{broken.title}; what there was is saved") from broken


class Reporter(Protocol):
    """Tells a run's events to whoever started it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def loading(self) -> None:
        """Say that PyTorch is being loaded."""
        ...

    def report(self, event: Event) -> None:
        """Tell one event."""
        ...


def make_reporter(preset: RunPreset, as_json: bool) -> Reporter:
    """The reporter for where the output goes."""
    if as_json:
        return JsonReporter()
    if sys.stdout.isatty() and sys.stderr.isatty():
        return LiveReporter(preset)
    return PlainReporter(preset)


class Quiet:
    """What reporters share that hold nothing open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def loading(self) -> None:
        """Nothing to say yet."""


class JsonReporter(Quiet):
    """One event per line on standard output."""

    def report(self, event: Event | StudyEvent) -> None:
        """Print the event, in ASCII, so that no name reaches a terminal raw."""
        sys.stdout.write(json.dumps(event.model_dump(mode="json")) + "\n")
        sys.stdout.flush()


class PlainReporter(Quiet):
    """A line per epoch and the tables at the end on standard output; what is going on on standard error."""

    def __init__(self, preset: RunPreset) -> None:
        self._out = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160, markup=False, highlight=False)
        self._talk = Console(file=sys.stderr, markup=False, highlight=False, soft_wrap=True)
        self._name = printable(preset.name)
        self._epochs = preset.experiment.training.epochs

    def report(self, event: Event) -> None:
        """Print the event where it matters to a reader of lines."""
        match event:
            case RunStarted():
                self._talk.print(f"{self._name}: session {event.session_id} on {event.environment.device_name}")
            case Phase():
                self._talk.print(printable(f"{event.name}: {event.detail}" if event.detail else event.name))
            case EpochFinished():
                self._out.print(epoch_line(event, self._epochs))
            case WarningRaised():
                self._talk.print(printable(warning_text(event)))
            case RunFinished():
                print_result(event, self._out, self._talk)


def epoch_line(event: EpochFinished, epochs: int) -> str:
    """An epoch in one line."""
    line = f"epoch {event.epoch}/{epochs}  train loss {event.train_loss:.4f}  accuracy {event.train_accuracy:.4f}"
    if event.validation_loss is not None and event.validation_accuracy is not None:
        line += f"  validation loss {event.validation_loss:.4f}  accuracy {event.validation_accuracy:.4f}"
    return f"{line}  {event.seconds:.1f} s"


def warning_text(event: WarningRaised) -> str:
    """A warning in one paragraph."""
    return "warning: " + ". ".join(part.rstrip(".") for part in (event.title, event.detail, event.hint) if part) + "."
