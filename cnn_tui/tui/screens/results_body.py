"""The parts of Results side by side or one behind the other, as the terminal's size has it."""

from __future__ import annotations

from typing import Literal, cast

from textual.app import ComposeResult
from textual.containers import Container
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget

from cnn_tui.tui.screens.results_data import SessionView
from cnn_tui.tui.screens.results_panes import CellWanted, ClassesPane, ConfusedPane, CurvesPane, MatrixPane
from cnn_tui.tui.screens.results_settings import SettingsPane
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
_STANDING: dict[Arrangement, tuple[Pane, ...]] = {"narrow": (), "wide": ("matrix",), "tall": ("matrix", "curves")}
_WIDE, _BROAD = 110, 160
_ROOM_FOR_CURVES = 12
_AROUND_BODY = 6
_AROUND_CELLS = 4  # headers and sentence


def arrangement(size: Size, classes: int) -> Arrangement:
    """How the parts stand in a terminal of this size: one at a time, one beside the matrix, or curves below it too."""
    if size.width < _WIDE:
        return "narrow"
    left_over = size.height - _AROUND_BODY - _AROUND_CELLS - classes
    return "tall" if classes and left_over >= _ROOM_FOR_CURVES else "wide"


class ResultsBody(Container):
    """Matrix, classes, confused pairs, curves and settings; those that do not always stand there take turns."""

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
        &.-broad { grid-columns: 1fr 84; }
        &.-tall {
            ClassesPane, ConfusedPane, SettingsPane { row-span: 2; }
            CurvesPane { layout: horizontal; }
        }
        &.-narrow CurvesPane { layout: horizontal; }
    }
    """

    active: reactive[Pane] = reactive[Pane]("matrix", init=False)
    """Which of the parts that take turns is to be seen."""

    _arrangement: Arrangement = "narrow"
    _view: SessionView | None = None

    def compose(self) -> ComposeResult:
        """Every part; the grid fills up in this order."""
        yield MatrixPane(id="pane-matrix")
        yield PaneTabs(_TITLES.items())
        yield ClassesPane(id="pane-classes")
        yield ConfusedPane(id="pane-confused")
        yield SettingsPane(id="pane-settings")
        yield CurvesPane(id="pane-curves")

    def show(self, view: SessionView) -> None:
        """Show a session."""
        self._view = view
        result = view.record.result
        self.query_one(MatrixPane).show(view)
        self.query_one(CurvesPane).show(view)
        self.query_one(SettingsPane).show(view)
        if result is not None:
            self.query_one(ClassesPane).show(result)
            self.query_one(ConfusedPane).show(result)
        self.lay_out(self.app.size)

    def lay_out(self, size: Size) -> None:
        """Put the parts where they belong in a terminal of this size."""
        result = self._view.record.result if self._view else None
        classes = len(result.classes) if result else 0
        self._arrangement = arrangement(size, classes)
        for name in _STANDING:
            self.set_class(name == self._arrangement, f"-{name}")
        self.set_class(size.width >= _BROAD, "-broad")
        if self._arrangement == "tall":
            self.styles.grid_rows = "1", str(classes + _AROUND_CELLS), "1fr"
        else:
            self.styles.clear_rule("grid_rows")
        self._settle()

    def watch_active(self) -> None:
        """Bring it to the front."""
        self._settle()

    def on_pane_tabs_chosen(self, message: PaneTabs.Chosen) -> None:
        """Show the part whose tab was clicked."""
        self.go_to(cast(Pane, message.pane))

    def on_cell_wanted(self, message: CellWanted) -> None:
        """Bring the matrix to the cell that a row of a table is about."""
        message.stop()
        self.query_one(ConfusionMatrixView).cursor = (message.actual, message.predicted)

    def go_to(self, pane: Pane) -> None:
        """Show a part and walk in it."""
        self.active = pane
        self.focus_pane(pane)

    def step(self, by: int) -> None:
        """Show the next part of those that take turns."""
        turns = self._turns()
        self.go_to(turns[(turns.index(self.active) + by) % len(turns)])

    def focus_pane(self, pane: Pane) -> None:
        """Put the focus on what can be walked in there; nothing can in the curves."""
        nodes = (self._pane(pane), *self._pane(pane).query("*").results(Widget))
        self.screen.set_focus(next((node for node in nodes if node.focusable and node.display), None))

    def focus_first(self) -> None:
        """Put the focus on the matrix if there is one to be seen, else on the part whose tab is chosen."""
        has_matrix = self._view is not None and self._view.record.result is not None
        self.focus_pane("matrix" if has_matrix and self._pane("matrix").display else self.active)

    @property
    def in_view(self) -> Pane:
        """The part that a person is in: the one with the focus, else the one whose tab is chosen."""
        focused = self.screen.focused
        for pane in _TITLES:
            if focused is not None and self._pane(pane) in focused.ancestors_with_self:
                return pane
        return self.active

    def _turns(self) -> tuple[Pane, ...]:
        standing = _STANDING[self._arrangement]
        empty: tuple[Pane, ...] = ()
        if self._view is not None and self._view.record.result is None:
            empty = ("classes", "confused")
        return tuple(pane for pane in _TITLES if pane not in standing and pane not in empty)

    def _settle(self) -> None:
        turns, standing = self._turns(), _STANDING[self._arrangement]
        if self.active not in turns:
            self.set_reactive(ResultsBody.active, turns[0])
        for pane in _TITLES:
            self._pane(pane).display = pane in standing or pane == self.active
        tabs = self.query_one(PaneTabs)
        tabs.panes, tabs.active = turns, self.active

    def _pane(self, pane: Pane) -> Widget:
        return self.query_one(f"#pane-{pane}")
