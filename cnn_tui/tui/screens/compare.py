"""Sessions side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from cnn_tui.errors import CnnTuiError
from cnn_tui.reports.comparison.compare import Comparison
from cnn_tui.reports.comparison.document import comparison_document
from cnn_tui.reports.documents.document import document_markdown
from cnn_tui.tui.screen_keys import ModeName
from cnn_tui.tui.screens.compare_data import comparison_files, load_comparison
from cnn_tui.tui.screens.compare_panes import ClassChangesPane, ComparisonLegend, OverlayPane, SummaryPane
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.screens.export_flow import export_into_folder
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.line_chart import LineChart
from cnn_tui.tui.widgets.pane_tabs import PaneTabs
from cnn_tui.tui.widgets.title_bar import TitleBar

_TITLES = {"summary": "Summary", "curves": "Curves", "classes": "Classes"}
_WIDE, _TALL = 110, 30


class CompareScreen(Screen[None]):
    """What differs between sessions: settings, figures, curves, classes and test pictures.

    Args:
        ids: the sessions, two at least; the others are measured against the first.
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
        Binding("t", "step(1)", "View", tooltip="Show the next of the views"),
        Binding("T", "step(-1)", "Previous view", show=False),
        Binding("v", "turn_curves", "Train/val.", tooltip="Curves of validation or of training"),
        Binding("y", "copy", "Copy", tooltip="Copy all of it as Markdown"),
        Binding("ctrl+e", "export", "Export", tooltip="Write a page, the charts and all tables into a folder"),
    ]
    AUTO_FOCUS = ""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__()
        self._ids = tuple(ids)
        self._comparison: Comparison | None = None
        self._active = "summary"

    def compose(self) -> ComposeResult:
        """What is compared, and the parts of the comparison."""
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
        """Read the sessions."""
        self.query_one(PaneTabs).panes = tuple(_TITLES)
        self.query_one("#summary").loading = True
        self._load()

    def on_resize(self) -> None:
        """Show the parts beside each other where there is room."""
        self.set_class(self.size.width >= _WIDE, "-wide")
        self.query_one(ComparisonLegend).set_class(self.size.height < _TALL, "-short")
        self._settle()
        self.refresh_bindings()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        try:
            comparison = await asyncio.to_thread(load_comparison, self._ids)
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
    def go_to(self, message: PaneTabs.Chosen) -> None:
        """Show the part whose tab was clicked."""
        self._bring_up(message.pane)

    def action_step(self, by: int) -> None:
        """Show another of the parts."""
        parts = list(_TITLES)
        self._bring_up(parts[(parts.index(self._active) + by) % len(parts)])

    def action_turn_curves(self) -> None:
        """Show the curves of training in the place of those of validation, or the other way round."""
        self.query_one(OverlayPane).turn()

    def action_copy(self) -> None:
        """Copy the comparison by OSC 52, which works over SSH too."""
        if self._comparison is not None:
            self.app.copy_to_clipboard(document_markdown(comparison_document(self._comparison)))
            self.notify("The comparison as Markdown", title="Copied", markup=False)

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """Ask for a folder and write the comparison into it."""
        comparison = self._comparison
        if comparison is not None:
            question = "Write a page, the charts as PDF and PNG and all tables as CSV and Markdown into this folder"
            stamps = "-".join(session_id.partition("-")[0] for session_id in self._ids)
            await export_into_folder(
                self, question, f"./comparison-{stamps}", lambda folder: comparison_files(folder, comparison)
            )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what there is: views take turns only where they do not stand beside each other."""
        if action == "step":
            return not self.has_class("-wide") and self._comparison is not None
        return self._comparison is not None or action not in ("turn_curves", "copy", "export")

    def _bring_up(self, part: str) -> None:
        self._active = part
        self._settle()
        self._focus_active()

    def _settle(self) -> None:
        wide = self.has_class("-wide")
        for part in _TITLES:
            self.query_one(f"#{part}").display = wide or part == self._active
        self.query_one(PaneTabs).active = self._active

    def _focus_active(self) -> None:
        """Put the focus on what can be walked in; nothing can in the curves."""
        part = self.query_one(f"#{self._active}")
        nodes = (part, *part.query("*").results(Widget))
        self.set_focus(next((node for node in nodes if node.focusable), None))
