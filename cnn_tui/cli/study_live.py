"""The live view of a study on a terminal: its table as it fills, and what the present run is at."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cnn_tui.amounts import some
from cnn_tui.cli.live import phase_bar, warning
from cnn_tui.cli.study_words import row_name
from cnn_tui.events import RowEvent, StudyEvent, WarningRaised
from cnn_tui.history import RunHistory
from cnn_tui.reports.studies.document import state
from cnn_tui.reports.studies.table import COLUMNS, Aggregate, RowStatus, StudyRow
from cnn_tui.reports.study_progress import StudyProgress
from cnn_tui.store.names import printable

_MOST_ROWS = 16
_STYLES: dict[RowStatus, str] = {
    "waiting": "dim",
    "running": "bold",
    "done": "green",
    "stopped": "yellow",
    "failed": "red",
}


class LiveStudyReporter:
    """Draws the present state on standard error; it vanishes at the end, when the report says it all."""

    def __init__(self, progress: StudyProgress) -> None:
        self._progress = progress
        self._console = Console(stderr=True, markup=False, highlight=False)
        self._live = Live(console=self._console, get_renderable=self._view, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def report(self, event: StudyEvent) -> None:
        """Put what should stay above the view; all else is seen in it."""
        if isinstance(event, RowEvent) and isinstance(event.event, WarningRaised):
            self._live.console.print(warning(event.event))

    def _view(self) -> RenderableType:
        table = self._progress.table
        title = Text(printable(table.study.name), style="bold")
        title.append(f"  {table.done} of {some(table.runs, 'run')}", style="not bold dim")
        return Group(title, self._rows(), self._now())

    def _rows(self) -> Table:
        table = self._progress.table
        grid = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ([table.second_factor] if table.second_factor else []) + [table.factor]:
            grid.add_column(heading)
        validated = table.criterion == "validation accuracy"
        for heading in (*(metric.heading for metric in COLUMNS), *(["validation"] if validated else [])):
            grid.add_column(heading, justify="right")
        grid.add_column("")
        for row in _window(table.rows):
            labels = [row.second_label, row.label] if row.second_label else [row.label]
            figures = [_shown(row.score(metric)) for metric in COLUMNS]
            figures += [_shown(row.validation_accuracy)] if validated else []
            cells = [Text(printable(cell)) for cell in (*labels, *figures)]
            grid.add_row(*cells, Text(printable(state(row)), style=_STYLES[row.status]))
        return grid

    def _now(self) -> RenderableType:
        current = self._progress.current
        if current is None:
            return Text() if self._progress.finished else Spinner("dots", Text("getting ready", style="dim"))
        phase = current.phase
        return Group(Text(self._what(current), style="dim"), phase_bar(current, phase) if phase else Text())

    def _what(self, current: RunHistory) -> str:
        histories = self._progress.histories
        place = next(place for place, history in histories.items() if history is current)
        together = f" and {len(histories) - 1} more together" if len(histories) > 1 else ""
        batch = current.batches[-1] if current.batches else None
        figures = f"  epoch {batch.epoch}, loss {batch.loss:.4f}, accuracy {batch.accuracy:.4f}" if batch else ""
        return printable(f"{row_name(self._progress, place)}{together}{figures}")


def _window(rows: tuple[StudyRow, ...]) -> tuple[StudyRow, ...]:
    """As many rows as fit a terminal, around the first that has not ended."""
    if len(rows) <= _MOST_ROWS:
        return rows
    ended = ("done", "failed", "stopped")
    place = next((place for place, row in enumerate(rows) if row.status not in ended), len(rows))
    first = min(max(0, place - _MOST_ROWS // 2), len(rows) - _MOST_ROWS)
    return rows[first : first + _MOST_ROWS]


def _shown(figure: Aggregate | None) -> str:
    return "" if figure is None else f"{figure.mean:.4f}"
