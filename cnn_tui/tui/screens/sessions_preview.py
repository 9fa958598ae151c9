"""The preview of the selected session, beside the list on large terminals."""

from __future__ import annotations

import asyncio

from rich.table import Table as RichTable
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.css.query import NoMatches
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
from cnn_tui.tui.widgets.confusion_cells import HEADER
from cnn_tui.tui.widgets.confusion_matrix import ConfusionMatrixView

_DELAY = 0.15  # seconds; a cursor that only passes a session loads nothing
_MAX_CLASSES = 20  # a larger matrix would be cut off


class PreviewMatrix(ConfusionMatrixView, can_focus=False):
    """A read-only confusion matrix without a cursor."""

    @property
    def marked_cell(self) -> tuple[int, int]:
        """No cell."""
        return -1, -1


class SessionPreview(Vertical):
    """A session's metrics, curves, confusion matrix and the settings that differ from the defaults.

    Sessions are read in a thread, one at a time; of those selected meanwhile only the last is read.
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

    session_id: reactive[str | None] = reactive(None, init=False)
    """The session to show, None for none."""

    def __init__(self) -> None:
        super().__init__(classes="-empty")
        self._stale = False
        self._loading = False

    def compose(self) -> ComposeResult:
        """The parts of the preview, and the error that replaces them."""
        yield ResultHeader()
        yield CurvesPane()
        yield PreviewMatrix()
        with VerticalScroll(id="preview-settings", can_focus=False):
            yield Static("", id="changed")
        yield Static("", id="preview-problem")

    def watch_session_id(self) -> None:
        """Load the session."""
        self.reload()

    def reload(self) -> None:
        """Reload the session; if it is being loaded, load it once more afterwards."""
        self._stale = True
        if not self._loading and self.is_mounted:
            self._loading = True
            self.run_worker(self._load(), group="preview")

    async def _load(self) -> None:
        try:
            while self._stale:
                await self._wait_for_cursor()
                session_id = self.session_id
                if session_id is None:
                    self.set_classes("-empty")
                    continue
                try:
                    view = await asyncio.to_thread(load_view, session_id)
                except CnnTuiError as error:
                    self.set_classes("-failed")
                    self.query_one("#preview-problem", Static).update(error_content(error))
                else:
                    if session_id == self.session_id:
                        self._show(view)
        except NoMatches:
            return  # The workbench is quitting: Textual removes the children before it cancels the workers of a widget.
        finally:
            self._loading = False

    async def _wait_for_cursor(self) -> None:
        """Wait until the cursor has stopped moving."""
        while self._stale:
            self._stale = False
            await asyncio.sleep(_DELAY)

    def _show(self, view: SessionView) -> None:
        self.set_classes("")
        self.query_one(ResultHeader).show(view)
        self.query_one(CurvesPane).show(view)
        matrix = self.query_one(PreviewMatrix)
        result = view.record.result
        matrix.display = result is not None and len(result.classes) <= _MAX_CLASSES
        if result is not None:
            matrix.styles.height = HEADER + len(result.classes)
            matrix.scores = result
        self.query_one("#changed", Static).update(changed_settings(view.record))


def changed_settings(record: SessionRecord) -> RichTable | Text:
    """The settings of a session that differ from the defaults."""
    grid = RichTable.grid(padding=(0, 2))
    for spec in experiment_fields():
        value = value_at(record.experiment, spec.path)
        if value != spec.default:
            grid.add_row(Text(spec.title, "dim"), Text(printable(setting_text(value))))
    return grid if grid.rows else Text("All settings have their default values.", "dim")
