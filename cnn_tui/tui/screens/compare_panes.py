"""The parts of Compare: what differs in words and figures, the curves over each other, the classes."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from cnn_tui.formatting import dataset_label, printable
from cnn_tui.reports.comparison.compare import ClassComparison, Comparison, CurveName
from cnn_tui.reports.comparison.document import main_curves
from cnn_tui.tui.screens.compare_data import (
    class_columns,
    curve_sample,
    curves,
    figures_grid,
    pictures_words,
    settings_grid,
)
from cnn_tui.tui.screens.errors import safe_lines
from cnn_tui.tui.widgets.line_chart import LineChart
from cnn_tui.tui.widgets.sorted_table import SortedTable

_BESIDE_WIDTH, _BESIDE_HEIGHT = 100, 18
_VALIDATION: tuple[CurveName, CurveName] = ("validation_loss", "validation_accuracy")
_TRAINING: tuple[CurveName, CurveName] = ("train_loss", "train_accuracy")


class SummaryPane(VerticalScroll):
    """The verdict on the pictures, the settings that differ, the figures."""

    DEFAULT_CSS = """
    SummaryPane {
        padding: 0 1;
        scrollbar-size-vertical: 1;
        Static { height: auto; margin: 0 1 1 0; }
        .summary--heading { margin-bottom: 0; text-style: bold underline; }
        #notes { margin-bottom: 0; color: $text-warning; }
    }
    """

    def compose(self) -> ComposeResult:
        """Three texts under their headings, scrolled as a whole."""
        for name, heading in (("pictures", "Pictures"), ("differing", "Settings that differ"), ("figures", "Figures")):
            yield Static(heading, classes="summary--heading")
            if name == "figures":
                yield Static("", id="notes")
            yield Static("", id=name)
        yield Static("", id="damage")

    def show(self, comparison: Comparison) -> None:
        """Tell about a comparison."""
        self.query_one("#pictures", Static).update(Content(safe_lines(pictures_words(comparison))))
        self.query_one("#differing", Static).update(settings_grid(comparison))
        self.query_one("#figures", Static).update(figures_grid(comparison))
        notes = self.query_one("#notes", Static)
        notes.update(Content(safe_lines("\n".join(comparison.notes))))
        notes.display = bool(comparison.notes)
        damage = "\n".join(session.damage for session in comparison.sessions if session.damage)
        self.query_one("#damage", Static).update(Content(safe_lines(damage)))


class OverlayPane(Container):
    """Loss and accuracy of all sessions in one chart each."""

    DEFAULT_CSS = """
    OverlayPane {
        layout: vertical;
        &.-beside { layout: horizontal; }
        LineChart { margin: 0 1; }
        #missing { dock: bottom; height: auto; max-height: 3; margin: 0 1; color: $text-warning; display: none; }
    }
    """

    of_training: reactive[bool | None] = reactive(None, init=False)
    """Whether the curves are of training; None shows validation where every session has it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._comparison: Comparison | None = None

    def compose(self) -> ComposeResult:
        """Two charts, and why curves are missing from them."""
        yield LineChart(id="loss")
        yield LineChart(id="accuracy")
        yield Static("", id="missing")

    def show(self, comparison: Comparison) -> None:
        """Draw a comparison's curves, and say which are missing and why."""
        self._comparison = comparison
        missing = self.query_one("#missing", Static)
        missing.update(Content(safe_lines("\n".join(comparison.missing))))
        missing.display = bool(comparison.missing)
        self.watch_of_training()

    def watch_of_training(self) -> None:
        """Draw the others."""
        if self._comparison is None:
            return
        for name, chart in zip(self._names(self._comparison), self.query(LineChart), strict=True):
            chart.title, chart.x_label, chart.percent = name.replace("_", " "), "epoch", name.endswith("accuracy")
            chart.empty_text = "no session has this curve"
            chart.series = curves(self._comparison, name)

    def turn(self) -> None:
        """Show training in the place of validation, or the other way round."""
        if self._comparison is not None:
            self.of_training = self._names(self._comparison) == _VALIDATION

    def on_resize(self) -> None:
        """Put the charts beside each other where there is the width for it, or no height for anything else."""
        beside = self.size.width >= _BESIDE_WIDTH or self.size.height < _BESIDE_HEIGHT <= self.size.width // 4
        self.set_class(beside, "-beside")

    def _names(self, comparison: Comparison) -> tuple[CurveName, CurveName]:
        if self.of_training is None:
            return main_curves(comparison)
        return _TRAINING if self.of_training else _VALIDATION


class ClassChangesTable(SortedTable[ClassComparison]):
    """One row for each class; there is nothing behind a row to be opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Open", show=False)]


class ClassChangesPane(Container):
    """F1 and recall of each class, and how far they are from those of the first session."""

    DEFAULT_CSS = """
    ClassChangesPane { Static { height: 1fr; padding: 1 2; color: $text-muted; } }
    """

    def show(self, comparison: Comparison) -> None:
        """Show the classes of a comparison."""
        if not comparison.classes:
            self.mount(Static("No session has a result to compare."))
            return
        table = ClassChangesTable(class_columns(comparison), key=lambda row: row.name, id="classes-table")
        self.mount(table)
        table.show_rows(comparison.classes)


class ComparisonLegend(VerticalScroll):
    """What each letter stands for, in the colour and with the line of its curve."""

    DEFAULT_CSS = """
    ComparisonLegend {
        height: auto;
        max-height: 5;
        padding: 0 1;
        margin: 1 0;
        scrollbar-size-vertical: 1;
        Static { height: auto; }
        &.-short { margin: 0; max-height: 4; }
    }
    """

    _comparison: Comparison | None = None
    _chart: LineChart | None = None

    def compose(self) -> ComposeResult:
        """One text, scrolled where there are many sessions."""
        yield Static("")

    def show(self, comparison: Comparison, chart: LineChart) -> None:
        """Tell of a comparison whose curves are on a chart."""
        self._comparison, self._chart = comparison, chart
        self.query_one(Static).update(_legend(comparison, chart))

    def notify_style_update(self) -> None:
        """Take the new theme's colours."""
        super().notify_style_update()
        if self._comparison is not None and self._chart is not None:
            self.query_one(Static).update(_legend(self._comparison, self._chart), layout=False)


def _legend(comparison: Comparison, chart: LineChart) -> Text:
    """A line for each session."""
    lines = []
    for place, name in enumerate(comparison.names):
        (sample, role), record = curve_sample(place), comparison.sessions[place].record
        data = record.experiment.data
        told = (
            f"   {record.experiment.model.architecture} on {dataset_label(data.dataset, data.root)} · {record.status}"
        )
        style = chart.get_component_rich_style(f"line-chart--{role}", partial=True)
        lines.append(Text.assemble((sample, style), (f" {printable(name)}", "bold"), (printable(told), "dim")))
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)
