"""The panes of Results, side by side or one at a time depending on the terminal size."""

from __future__ import annotations

from typing import Literal, cast

from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from cnn_tui.tui.screens.results_data import SessionView
from cnn_tui.tui.screens.results_panes import CurvesPane, MatrixPane, SettingsPane
from cnn_tui.tui.screens.results_tables import CellRequested, ClassesPane, ConfusedPane
from cnn_tui.tui.widgets.confusion_matrix import ConfusionMatrixView
from cnn_tui.tui.widgets.pane_tabs import PaneTabs

Pane = Literal["matrix", "classes", "confused", "curves", "settings"]
Arrangement = Literal["narrow", "wide", "tall"]
_TITLES: dict[Pane, str] = {
    "matrix": "Matrix",
    "classes": "Classes",
    "confused": "Confused",
    "curves": "Curves",
    "settings": "Settings",
}
_FIXED: dict[Arrangement, tuple[Pane, ...]] = {"narrow": (), "wide": ("matrix",), "tall": ("matrix", "curves")}
_WIDE, _EXTRA_WIDE = 110, 160
_CURVES_HEIGHT = 12
_HEIGHT_AROUND_BODY = 6
_HEIGHT_AROUND_CELLS = 4  # headers and description


def arrangement(size: Size, classes: int) -> Arrangement:
    """How the panes are arranged: one at a time, one beside the matrix, or also with the curves below the matrix."""
    if size.width < _WIDE:
        return "narrow"
    remaining = size.height - _HEIGHT_AROUND_BODY - _HEIGHT_AROUND_CELLS - classes
    return "tall" if classes and remaining >= _CURVES_HEIGHT else "wide"


class ResultsBody(Container):
    """Matrix, classes, confused pairs, curves and settings: some always visible, the others as tabs."""

    DEFAULT_CSS = """
    ResultsBody {
        height: 1fr;
        layout: vertical;
        PaneTabs { dock: top; }
        &.-wide, &.-tall {
            layout: grid;
            grid-size: 2;
            grid-columns: 1fr 52;
            grid-rows: 1 1fr;
            grid-gutter: 0 1;
            PaneTabs { dock: none; }
            MatrixPane { row-span: 2; }
        }
        &.-extra-wide { grid-columns: 1fr 84; }
        &.-tall {
            ClassesPane, ConfusedPane, SettingsPane { row-span: 2; }
            CurvesPane { layout: horizontal; }
        }
        &.-narrow CurvesPane { layout: horizontal; }
    }
    """

    active: reactive[Pane] = reactive[Pane]("matrix", init=False)
    """The selected tab."""

    _arrangement: Arrangement = "narrow"
    _view: SessionView | None = None

    def compose(self) -> ComposeResult:
        """All panes, in the order in which the grid is filled."""
        yield MatrixPane(id="pane-matrix")
        yield PaneTabs(_TITLES.items())
        yield ClassesPane(id="pane-classes")
        yield ConfusedPane(id="pane-confused")
        yield SettingsPane(id="pane-settings")
        yield CurvesPane(id="pane-curves")

    def show(self, view: SessionView) -> None:
        """Show a session."""
        self._view = view
        self.query_one(MatrixPane).show(view)
        self.query_one(ClassesPane).show(view)
        self.query_one(ConfusedPane).show(view)
        self.query_one(SettingsPane).show(view)
        self.query_one(CurvesPane).show(view)
        self.lay_out(self.app.size)

    def lay_out(self, size: Size) -> None:
        """Arrange the panes for a terminal size."""
        result = self._view.record.result if self._view else None
        classes = len(result.classes) if result else 0
        self._arrangement = arrangement(size, classes)
        for name in _FIXED:
            self.set_class(name == self._arrangement, f"-{name}")
        self.set_class(size.width >= _EXTRA_WIDE, "-extra-wide")
        if self._arrangement == "tall":
            self.styles.grid_rows = "1", str(classes + _HEIGHT_AROUND_CELLS), "1fr"
        else:
            self.styles.clear_rule("grid_rows")
        self._update_panes()

    def watch_active(self) -> None:
        """Show the selected pane."""
        self._update_panes()

    def on_pane_tabs_chosen(self, message: PaneTabs.Chosen) -> None:
        """Show the pane whose tab was clicked."""
        self.go_to(cast(Pane, message.pane))

    def on_cell_requested(self, message: CellRequested) -> None:
        """Move the cursor of the matrix to the cell of the selected table row."""
        message.stop()
        self.query_one(ConfusionMatrixView).cursor = (message.actual, message.predicted)

    def go_to(self, pane: Pane) -> None:
        """Show and focus a pane."""
        self.active = pane
        self.focus_pane(pane)

    def step(self, by: int) -> None:
        """Show the next or previous tab."""
        tabs = self._tabs()
        self.go_to(tabs[(tabs.index(self.active) + by) % len(tabs)])

    def focus_pane(self, pane: Pane) -> None:
        """Focus the pane's first focusable widget; the curves have none."""
        nodes = (self._pane(pane), *self._pane(pane).query("*").results(Widget))
        self.screen.set_focus(next((node for node in nodes if node.focusable and node.display), None))

    def focus_first(self) -> None:
        """Focus the matrix if it is visible, otherwise the pane of the selected tab."""
        has_matrix = self._view is not None and self._view.record.result is not None
        self.focus_pane("matrix" if has_matrix and self._pane("matrix").display else self.active)

    @property
    def current(self) -> Pane:
        """The pane with the focus, otherwise the one of the selected tab."""
        focused = self.screen.focused
        for pane in _TITLES:
            if focused is not None and self._pane(pane) in focused.ancestors_with_self:
                return pane
        return self.active

    def _tabs(self) -> tuple[Pane, ...]:
        without_result = self._view is not None and self._view.record.result is None
        hidden = (*_FIXED[self._arrangement], *(("classes", "confused") if without_result else ()))
        return tuple(pane for pane in _TITLES if pane not in hidden)

    def _update_panes(self) -> None:
        tabs, fixed = self._tabs(), _FIXED[self._arrangement]
        if self.active not in tabs:
            self.set_reactive(ResultsBody.active, tabs[0])
        for pane in _TITLES:
            self._pane(pane).display = pane in fixed or pane == self.active
        bar = self.query_one(PaneTabs)
        bar.panes, bar.active = tabs, self.active

    def _pane(self, pane: Pane) -> Widget:
        return self.query_one(f"#pane-{pane}")
