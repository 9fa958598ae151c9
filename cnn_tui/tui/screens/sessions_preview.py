"""The session under the cursor of Sessions, beside the list where the terminal is large."""

from __future__ import annotations

import asyncio

from rich.table import Table as RichTable
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.reactive import reactive
from textual.widgets import Static

from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import printable
from cnn_tui.reports.labels import setting_text
from cnn_tui.store.records import SessionRecord
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.screens.results_data import SessionView, load_view
from cnn_tui.tui.screens.results_header import ResultHeader
from cnn_tui.tui.screens.results_panes import CurvesPane
from cnn_tui.tui.widgets.confusion_matrix import ConfusionMatrixView
from cnn_tui.tui.widgets.matrix_layout import HEADER

_DELAY = 0.15  # a cursor that goes on sooner has not come to look
_MOST_CLASSES = 20  # of more, a corner of the matrix would be seen


class PreviewMatrix(ConfusionMatrixView, can_focus=False):
    """A matrix to look at, without a cursor; it is walked in on Results."""

    @property
    def marked_cell(self) -> tuple[int, int]:
        """None."""
        return -1, -1


class SessionPreview(Vertical):
    """What a session came to, its curves, its matrix and the settings that are not the defaults.

    Sessions are read in a thread, one at a time: of those that the cursor came to meanwhile only the last is read.
    """

    DEFAULT_CSS = """
    SessionPreview {
        border-left: solid $panel;
        #preview-problem { height: auto; padding: 1 2; display: none; }
        ResultHeader { margin-bottom: 1; }
        CurvesPane { height: 1fr; min-height: 14; }
        PreviewMatrix { margin: 1 0 0 1; }
        #preview-settings { height: auto; max-height: 14; margin-top: 1; padding: 0 1; scrollbar-size-vertical: 1; }
        &.-empty > * { display: none; }
        &.-failed > * { display: none; }
        &.-failed > #preview-problem { display: block; }
    }
    """

    wanted: reactive[str | None] = reactive(None, init=False)
    """The session to show, by its id; None for none."""

    def __init__(self) -> None:
        super().__init__(classes="-empty")
        self._stale = False
        self._loading = False

    def compose(self) -> ComposeResult:
        """Figures, curves, matrix, settings, and what stands in their place."""
        yield ResultHeader()
        yield CurvesPane()
        yield PreviewMatrix()
        with VerticalScroll(id="preview-settings", can_focus=False):
            yield Static("", id="differing")
        yield Static("", id="preview-problem")

    def watch_wanted(self) -> None:
        """Read it."""
        self.reload()

    def reload(self) -> None:
        """Read the session again; a reading under way is followed by one more, never by a queue of them."""
        self._stale = True
        if not self._loading and self.is_mounted:
            self._loading = True
            self.run_worker(self._load(), group="preview")

    async def _load(self) -> None:
        try:
            while self._stale:
                await self._settled()
                wanted = self.wanted
                if wanted is None:
                    self.set_classes("-empty")
                    continue
                try:
                    view = await asyncio.to_thread(load_view, wanted)
                except CnnTuiError as error:
                    self.set_classes("-failed")
                    self.query_one("#preview-problem", Static).update(error_content(error))
                else:
                    if wanted == self.wanted:
                        self._show(view)
        finally:
            self._loading = False

    async def _settled(self) -> None:
        """Wait until the cursor has stayed for a moment."""
        while self._stale:
            self._stale = False
            await asyncio.sleep(_DELAY)

    def _show(self, view: SessionView) -> None:
        self.set_classes("")
        header, matrix = self.query_one(ResultHeader), self.query_one(PreviewMatrix)
        header.record, header.note = view.record, view.note
        self.query_one(CurvesPane).show(view)
        result = view.record.result
        matrix.display = result is not None and len(result.classes) <= _MOST_CLASSES
        if result is not None:
            matrix.styles.height = HEADER + len(result.classes)
            matrix.scores = result
        self.query_one("#differing", Static).update(differing(view.record))


def differing(record: SessionRecord) -> RichTable | Text:
    """The settings of a session that are not the defaults."""
    grid = RichTable.grid(padding=(0, 2))
    for spec in experiment_fields():
        value = value_at(record.experiment, spec.path)
        if value != spec.default:
            grid.add_row(Text(spec.title, "dim"), Text(printable(setting_text(value))))
    return grid if grid.rows else Text("All settings are the defaults.", "dim")
