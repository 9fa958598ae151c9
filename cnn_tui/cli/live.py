"""The live view of a run on a terminal: phases with their progress, epochs as they end, tables at the end."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cnn_tui.cli.result_tables import print_result
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import EpochFinished, Event, RunFinished, RunStarted, WarningRaised
from cnn_tui.history import PhaseRecord, RunHistory
from cnn_tui.reports.labels import BEST_EPOCH_CRITERION
from cnn_tui.reports.texts import part_of, quantity
from cnn_tui.store.names import printable

_BAR = 30


class LiveReporter:
    """Draws the present state on a terminal; what is over is printed above it and stays."""

    def __init__(self, preset: RunPreset) -> None:
        self._name = printable(preset.name)
        self._epochs = preset.experiment.training.epochs
        self._history = RunHistory()
        self._console = Console(markup=False, highlight=False)
        self._live = Live(console=self._console, get_renderable=self._view, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def loading(self) -> None:
        """Nothing to print: the view shows that nothing has begun yet."""

    def report(self, event: Event) -> None:
        """Take in one event."""
        self._history.apply(event)
        match event:
            case RunStarted():
                self._print(self._heading(event))
            case WarningRaised():
                self._print(warning(event))
            case EpochFinished():
                if event.epoch == 1:
                    self._print(_epoch_heading())
                self._print(self._epoch(event))
            case RunFinished():
                self._live.stop()
                print_result(event, self._console, Console(stderr=True, markup=False, highlight=False))

    def _print(self, what: RenderableType) -> None:
        self._live.console.print(what)

    def _heading(self, event: RunStarted) -> Text:
        model, parameters = event.experiment.model, event.parameters
        trained = f"{parameters.trainable:,} of {parameters.total:,} weights trained" if parameters else ""
        text = Text(self._name, style="bold")
        text.append(
            f"  {model.architecture} on {event.experiment.data.dataset}, {trained}\n"
            f"{event.environment.device_name}, {event.environment.precision}, session {event.session_id}",
            style="not bold dim",
        )
        return text

    def _epoch(self, event: EpochFinished) -> Text:
        best = self._history.best_epoch
        columns = f"{event.epoch:>5}/{self._epochs:<5}{event.train_loss:>10.4f}{event.train_accuracy:>10.4f}"
        text = Text(columns, style="red")
        if event.validation_loss is not None and event.validation_accuracy is not None:
            text.append(f"{event.validation_loss:>12.4f}{event.validation_accuracy:>10.4f}", style="blue")
            text.append(" *" if best is event else "  ", style="bold")
        text.append(f"{event.seconds:>9.1f} s", style="dim")
        return text

    def _view(self) -> RenderableType:
        phase = self._history.phase
        if phase is None:
            done = self._history.finished is not None
            return Text() if done else Spinner("dots", Text("loading PyTorch", style="dim"))
        return Group(phase_bar(self._history, phase), self._figures())

    def _figures(self) -> Text:
        batch = self._history.batches[-1] if self._history.batches else None
        if batch is None:
            return Text()
        return Text(
            f"epoch {batch.epoch}/{self._epochs}  step {batch.step}/{batch.steps}  loss {batch.loss:.4f}  "
            f"accuracy {batch.accuracy:.4f}  {batch.images_per_second:,.0f} pictures/s  "
            f"learning rate {batch.learning_rate:.3g}",
            style="dim",
        )


def phase_bar(history: RunHistory, phase: PhaseRecord) -> Table:
    """What a run is at, how far that is and how long it will take."""
    row = Table.grid(padding=(0, 1))
    progress = phase.progress
    bar = ProgressBar(total=100, completed=100 * (phase.fraction or 0), width=_BAR, pulse=phase.fraction is None)
    count = ""
    if progress is not None:
        done, total, unit = progress.done, progress.total, progress.unit
        count = part_of(done, total, unit) if total else quantity(done, unit)
    row.add_row(Text(phase.name, style="bold"), bar, Text(f"{count}  {_time_left(history)}", style="dim"))
    return row


def _time_left(history: RunHistory) -> str:
    left = history.seconds_left()
    return "time left not known yet" if left is None else f"{duration(left)} left"


def duration(seconds: float) -> str:
    """A time as a person says it: 12 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _epoch_heading() -> Text:
    columns = f"{'epoch':>8}   {'train loss':>10}{'accuracy':>10}{'val. loss':>12}{'accuracy':>10}{'time':>13}"
    return Text(f"{columns}\n{f'* lowest {BEST_EPOCH_CRITERION} so far':>{len(columns)}}", style="dim")


def warning(event: WarningRaised) -> Text:
    """A warning as a paragraph."""
    text = Text(f"! {printable(event.title)}", style="yellow")
    for part in (event.detail, event.hint):
        if part:
            text.append(f"\n  {printable(part)}", style="dim")
    return text
