"""The Compare screen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from cnn_tui.errors import CnnTuiError
from cnn_tui.reports.comparison.compare import Comparison, compare
from cnn_tui.reports.comparison.document import (
    classes_table,
    comparison_document,
    images_table,
    measurements_table,
    sessions_table,
    settings_table,
)
from cnn_tui.reports.documents.document import document_markdown
from cnn_tui.reports.formats import render
from cnn_tui.reports.sessions.data import read_session
from cnn_tui.reports.sessions.document import epoch_table
from cnn_tui.tui.screen_keys import ModeName
from cnn_tui.tui.screens.compare_panes import ClassChangesPane, ComparisonLegend, OverlayPane, SummaryPane
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.screens.export import Files, chart_files, export_into_folder, table_files
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.line_chart import LineChart
from cnn_tui.tui.widgets.pane_tabs import PaneTabs
from cnn_tui.tui.widgets.title_bar import TitleBar

_TITLES = {"summary": "Summary", "curves": "Curves", "classes": "Classes"}
_WIDE, _NORMAL_HEIGHT = 110, 30


class CompareScreen(Screen[None]):
    """The differences between sessions: settings, metrics, curves, classes and test images.

    Args:
        ids: two or more sessions; the others are compared with the first.
    """

    DEFAULT_CSS = """
    CompareScreen {
        #body { layout: vertical; height: 1fr; }
        #failure { height: 1fr; padding: 1 3; display: none; }
        &.-wide #body {
            layout: grid;
            grid-size: 2;
            grid-columns: 56 1fr;
            grid-rows: 3fr 2fr;
            grid-gutter: 0 1;
            SummaryPane { row-span: 2; }
        }
        &.-wide PaneTabs { display: none; }
        &.-failed {
            ComparisonLegend, PaneTabs, #body { display: none; }
            #failure { display: block; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back"),
        Binding("t", "step(1)", "View", tooltip="Show the next view"),
        Binding("T", "step(-1)", "Previous view", show=False),
        Binding("v", "toggle_curves", "Train/val.", tooltip="Switch between validation and training curves"),
        Binding("y", "copy", "Copy", tooltip="Copy the entire comparison as Markdown"),
        Binding("ctrl+e", "export", "Export", tooltip="Write a report, the charts and all tables into a folder"),
    ]
    AUTO_FOCUS = ""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__()
        self._ids = tuple(ids)
        self._comparison: Comparison | None = None
        self._active = "summary"

    def compose(self) -> ComposeResult:
        """The legend and the panes, and the error that replaces them."""
        yield TitleBar(cast(ModeName, self.app.current_mode))
        yield ComparisonLegend()
        yield PaneTabs(_TITLES.items())
        with Container(id="body"):
            yield SummaryPane(id="summary")
            yield OverlayPane(id="curves")
            yield ClassChangesPane(id="classes")
        yield Static("", id="failure")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Load the sessions."""
        self.query_one(PaneTabs).panes = tuple(_TITLES)
        self.query_one("#summary").loading = True
        self._load()

    def on_resize(self) -> None:
        """Show the panes side by side if they fit."""
        self.set_class(self.size.width >= _WIDE, "-wide")
        self.query_one(ComparisonLegend).set_class(self.size.height < _NORMAL_HEIGHT, "-short")
        self._update_panes()
        self.refresh_bindings()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        try:
            comparison = await asyncio.to_thread(lambda: compare([read_session(name) for name in self._ids]))
        except CnnTuiError as error:
            self.add_class("-failed")
            self.query_one("#failure", Static).update(error_content(error))
            return
        self._comparison = comparison
        self.query_one(SummaryPane).show(comparison)
        self.query_one(OverlayPane).show(comparison)
        self.query_one(ClassChangesPane).show(comparison)
        self.query_one(ComparisonLegend).show(comparison, self.query(LineChart).first())
        self.query_one("#summary").loading = False
        self.refresh_bindings()
        self._focus_active()

    @on(PaneTabs.Chosen)
    def show_clicked(self, message: PaneTabs.Chosen) -> None:
        """Show the pane whose tab was clicked."""
        self._activate(message.pane)

    def action_step(self, by: int) -> None:
        """Show the next or previous pane."""
        panes = list(_TITLES)
        self._activate(panes[(panes.index(self._active) + by) % len(panes)])

    def action_toggle_curves(self) -> None:
        """Switch between validation and training curves."""
        self.query_one(OverlayPane).toggle()

    def action_copy(self) -> None:
        """Copy the comparison by OSC 52, which works over SSH too."""
        if self._comparison is not None:
            self.app.copy_to_clipboard(document_markdown(comparison_document(self._comparison)))
            self.notify("The comparison as Markdown", title="Copied", markup=False)

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """Export the comparison into a folder."""
        comparison = self._comparison
        if comparison is not None:
            question = "Write a report, the charts as PDF and PNG and all tables as CSV and Markdown into this folder"
            stamps = "-".join(session_id.partition("-")[0] for session_id in self._ids)
            await export_into_folder(
                self, question, f"./comparison-{stamps}", lambda folder: comparison_files(folder, comparison)
            )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a comparison there is nothing to copy; without tabs there is no next view."""
        if action == "step":
            return not self.has_class("-wide") and self._comparison is not None
        return self._comparison is not None or action not in ("toggle_curves", "copy", "export")

    def _activate(self, pane: str) -> None:
        self._active = pane
        self._update_panes()
        self._focus_active()

    def _update_panes(self) -> None:
        wide = self.has_class("-wide")
        for pane in _TITLES:
            self.query_one(f"#{pane}").display = wide or pane == self._active
        self.query_one(PaneTabs).active = self._active

    def _focus_active(self) -> None:
        """Focus the pane's first focusable widget; the curves have none."""
        pane = self.query_one(f"#{self._active}")
        nodes = (pane, *pane.query("*").results(Widget))
        self.set_focus(next((node for node in nodes if node.focusable), None))


def comparison_files(folder: Path, comparison: Comparison) -> Files:
    """A report as HTML and Markdown, the charts as figures, and each table as CSV and Markdown."""
    document = comparison_document(comparison)
    tables = {
        "sessions": sessions_table(comparison),
        "settings": settings_table(comparison),
        "figures": measurements_table(comparison),
        "classes": classes_table(comparison, comparison.classes),
        "pictures": images_table(comparison),
    }
    for letter, session in zip(comparison.letters, comparison.sessions, strict=True):
        tables[f"epochs-{letter}"] = epoch_table(session.epochs)
    reports: Files = {
        folder / "report.html": render(document, "html").content,
        folder / "report.md": render(document, "markdown").content,
    }
    filled = {name: table for name, table in tables.items() if table.rows}
    return reports | chart_files(folder, document) | table_files(folder, filled)
