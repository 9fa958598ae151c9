"""Live views of a job in a terminal: its current state in the last lines, finished parts above."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cnn_tui.cli.result_tables import print_result
from cnn_tui.events import EpochFinished, Event, JobEvent, JobWaiting, RunEvent, RunFinished, RunStarted, WarningRaised
from cnn_tui.formatting import duration, pluralize, printable, progress_text, quantity
from cnn_tui.history import RunHistory
from cnn_tui.reports.job_progress import JobProgress
from cnn_tui.reports.labels import BEST_EPOCH_CRITERION, value_text, waiting_text
from cnn_tui.reports.studies.document import state
from cnn_tui.reports.studies.table import COLUMNS, Aggregate, RowStatus, StudyRow

_BAR = 30
_MOST_ROWS = 16
_STYLES: dict[RowStatus, str] = {
    "waiting": "dim",
    "running": "bold",
    "done": "green",
    "stopped": "yellow",
    "failed": "red",
}


class _LiveReporter(ABC):
    """Repaints :meth:`_view` in the last lines of the terminal until the end."""

    def __init__(self, progress: JobProgress, console: Console) -> None:
        self._progress = progress
        self._console = console
        self._live = Live(console=console, get_renderable=self._view, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    @abstractmethod
    def _view(self) -> RenderableType: ...


class LiveRunReporter(_LiveReporter):
    """Shows the phase of a run; prints every epoch above it, and the result tables at the end."""

    def __init__(self, progress: JobProgress) -> None:
        super().__init__(progress, Console(markup=False, highlight=False))
        self._preset = progress.job.runs[0]
        self._epochs = self._preset.experiment.training.epochs

    @property
    def _run(self) -> RunHistory:
        return self._progress.history.current_run

    def report(self, event: JobEvent) -> None:
        """Print the event if it should stay visible."""
        if isinstance(event, RunEvent):
            self._report_run(event.event)
        elif isinstance(event, JobWaiting):
            self._console.print(Text(waiting_text(event), style="yellow"))

    def _report_run(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._console.print(self._heading(event))
            case WarningRaised():
                self._console.print(_warning(event))
            case EpochFinished():
                if event.epoch == 1:
                    self._console.print(_epoch_heading())
                self._console.print(self._epoch(event))
            case RunFinished():
                self._live.stop()
                print_result(event, self._console, Console(stderr=True, markup=False, highlight=False))

    def _heading(self, event: RunStarted) -> Text:
        model, parameters = event.experiment.model, event.parameters
        trained = f"{parameters.trainable:,} of {parameters.total:,} weights trained" if parameters else ""
        text = Text(printable(self._preset.name), style="bold")
        text.append(
            f"  {model.architecture} on {event.experiment.data.dataset}, {trained}\n"
            f"{event.environment.device_name}, {event.environment.precision}, session {event.session_id}",
            style="not bold dim",
        )
        return text

    def _epoch(self, event: EpochFinished) -> Text:
        columns = f"{event.epoch:>5}/{self._epochs:<5}{event.train_loss:>10.4f}{event.train_accuracy:>10.4f}"
        text = Text(columns, style="red")
        if event.validation_loss is not None and event.validation_accuracy is not None:
            text.append(f"{event.validation_loss:>12.4f}{event.validation_accuracy:>10.4f}", style="blue")
            text.append(" *" if self._run.best_epoch is event else "  ", style="bold")
        text.append(f"{event.seconds:>9.1f} s", style="dim")
        return text

    def _view(self) -> RenderableType:
        if self._run.phase is None:
            return Text() if self._run.finished else Spinner("dots", Text("loading PyTorch", style="dim"))
        return Group(_phase_bar(self._run), self._batch())

    def _batch(self) -> Text:
        if not self._run.batches:
            return Text()
        batch = self._run.batches[-1]
        return Text(
            f"epoch {batch.epoch}/{self._epochs}  step {batch.step}/{batch.steps}  loss {batch.loss:.4f}  "
            f"accuracy {batch.accuracy:.4f}  {batch.images_per_second:,.0f} images/s  "
            f"learning rate {batch.learning_rate:.3g}",
            style="dim",
        )


class LiveStudyReporter(_LiveReporter):
    """Shows the table of a study and the current run on standard error; the final report replaces it."""

    def __init__(self, progress: JobProgress) -> None:
        super().__init__(progress, Console(stderr=True, markup=False, highlight=False))

    def report(self, event: JobEvent) -> None:
        """Print warnings and what the job waits for; the view shows everything else."""
        if isinstance(event, JobWaiting):
            self._console.print(Text(waiting_text(event), style="yellow"))
        if isinstance(event, RunEvent) and isinstance(event.event, WarningRaised):
            self._console.print(_warning(event.event))

    def _view(self) -> RenderableType:
        table = self._progress.table
        title = Text(printable(table.study.name), style="bold")
        title.append(f"  {table.done} of {pluralize(table.runs, 'run')}", style="not bold dim")
        return Group(title, self._rows(), self._current_run())

    def _rows(self) -> Table:
        table = self._progress.table
        grid = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ([table.second_factor] if table.second_factor else []) + [table.factor]:
            grid.add_column(heading)
        validated = table.criterion == "validation accuracy"
        for heading in (*(metric.heading for metric in COLUMNS), *(["validation"] if validated else [])):
            grid.add_column(heading, justify="right")
        grid.add_column("")
        for row in _visible_rows(table.rows):
            labels = [row.second_label, row.label] if row.second_label else [row.label]
            scores = [_score(row.score(metric)) for metric in COLUMNS]
            scores += [_score(row.validation_accuracy)] if validated else []
            cells = [Text(printable(cell)) for cell in (*labels, *scores)]
            grid.add_row(*cells, Text(printable(state(row)), style=_STYLES[row.status]))
        return grid

    def _current_run(self) -> RenderableType:
        history = self._progress.history
        if not history.running:
            return Text() if history.finished else Spinner("dots", Text("getting ready", style="dim"))
        # Runs that train together take turns: show the one that reported last.
        index, run = max(history.running.items(), key=lambda item: item[1].updated or 0.0)
        text = run_name(self._progress, index)
        if len(history.running) > 1:
            text += f" and {len(history.running) - 1} more together"
        if run.batches:
            batch = run.batches[-1]
            text += f"  epoch {batch.epoch}, loss {batch.loss:.4f}, accuracy {batch.accuracy:.4f}"
        return Group(Text(printable(text), style="dim"), _phase_bar(run))


def run_name(progress: JobProgress, index: int) -> str:
    """The number and the values of a run in its study, such as "2/6 epochs 5, seed 1"."""
    study, cell = progress.job.study, progress.job.cells[index]
    assert study is not None
    parts = [f"{study.factor.rpartition('.')[2]} {value_text(cell.value)}"]
    if study.second_factor is not None:
        parts.append(f"{study.second_factor.rpartition('.')[2]} {value_text(cell.second_value)}")
    if study.repeats > 1:
        parts.append(f"seed {cell.experiment.training.seed}")
    return f"{index + 1}/{len(progress.job.cells)} {', '.join(parts)}"


def _phase_bar(run: RunHistory) -> RenderableType:
    """The current phase with a progress bar and the time left."""
    phase = run.phase
    if phase is None:
        return Text()
    progress, fraction, left = phase.progress, phase.fraction, run.seconds_left()
    count = ""
    if progress is not None:
        total, unit = progress.total, progress.unit
        count = progress_text(progress.done, total, unit) if total else quantity(progress.done, unit)
    time_left = "time left unknown" if left is None else f"{duration(left)} left"
    row = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=100, completed=100 * (fraction or 0), width=_BAR, pulse=fraction is None)
    row.add_row(Text(phase.name, style="bold"), bar, Text(f"{count}  {time_left}", style="dim"))
    return row


def _epoch_heading() -> Text:
    columns = f"{'epoch':>8}   {'train loss':>10}{'accuracy':>10}{'val. loss':>12}{'accuracy':>10}{'time':>13}"
    return Text(f"{columns}\n{f'* lowest {BEST_EPOCH_CRITERION} so far':>{len(columns)}}", style="dim")


def _warning(event: WarningRaised) -> Text:
    text = Text(f"! {printable(event.title)}", style="yellow")
    for part in (event.detail, event.hint):
        if part:
            text.append(f"\n  {printable(part)}", style="dim")
    return text


def _visible_rows(rows: tuple[StudyRow, ...]) -> tuple[StudyRow, ...]:
    """As many rows as fit into a terminal, around the first that has not ended."""
    if len(rows) <= _MOST_ROWS:
        return rows
    ended = ("done", "failed", "stopped")
    current = next((index for index, row in enumerate(rows) if row.status not in ended), len(rows))
    first = min(max(0, current - _MOST_ROWS // 2), len(rows) - _MOST_ROWS)
    return rows[first : first + _MOST_ROWS]


def _score(figure: Aggregate | None) -> str:
    return "" if figure is None else f"{figure.mean:.4f}"
