"""The panes of Compare: legend, summary, curves and classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.style import Style
from rich.table import Table as RichTable
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from cnn_tui.formatting import dataset_label, printable
from cnn_tui.reports.charts.layout import sample
from cnn_tui.reports.charts.series import CURVE_STYLES
from cnn_tui.reports.comparison.compare import ClassComparison, Comparison, CurveName, differences
from cnn_tui.reports.comparison.document import (
    SAME_SETTINGS,
    change_text,
    main_curves,
    measurements_table,
    multiple_tests_note,
    overlay,
    rounded_change,
    score_text,
)
from cnn_tui.reports.comparison.images import ImageComparison
from cnn_tui.reports.labels import setting_text
from cnn_tui.tui.screens.errors import printable_lines
from cnn_tui.tui.widgets.line_chart import LineChart
from cnn_tui.tui.widgets.sorted_table import SortedTable
from cnn_tui.tui.widgets.table_model import TableColumn, Tone

_BESIDE_WIDTH, _BESIDE_HEIGHT = 100, 18
_BEST = Style(bold=True)
_VALIDATION: tuple[CurveName, CurveName] = ("validation_loss", "validation_accuracy")
_TRAINING: tuple[CurveName, CurveName] = ("train_loss", "train_accuracy")
_Values = Callable[[ClassComparison], tuple[float | None, ...]]


class ComparisonLegend(VerticalScroll):
    """The session of each letter, in the colour and line style of its curve."""

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
        """A text, scrollable for many sessions."""
        yield Static("")

    def show(self, comparison: Comparison, chart: LineChart) -> None:
        """Show the sessions in the colours of ``chart``."""
        self._comparison, self._chart = comparison, chart
        self.query_one(Static).update(_legend(comparison, chart))

    def notify_style_update(self) -> None:
        """Redraw in the colours of the new theme."""
        super().notify_style_update()
        if self._comparison is not None and self._chart is not None:
            self.query_one(Static).update(_legend(self._comparison, self._chart), layout=False)


def _legend(comparison: Comparison, chart: LineChart) -> Text:
    """One line per session."""
    lines = []
    for index, (name, session) in enumerate(zip(comparison.names, comparison.sessions, strict=True)):
        cue, record = CURVE_STYLES[index % len(CURVE_STYLES)], session.record
        data, model = record.experiment.data, record.experiment.model
        details = f"   {model.architecture} on {dataset_label(data.dataset, data.root)} · {record.status}"
        style = chart.get_component_rich_style(f"line-chart--{cue.role}", partial=True)
        lines.append(Text.assemble((sample(cue), style), (f" {printable(name)}", "bold"), (printable(details), "dim")))
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)


class SummaryPane(VerticalScroll):
    """Test images, settings that differ, and metrics."""

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
        """Three sections, scrolled together."""
        yield Static("Images", classes="summary--heading")
        yield Static("", id="images")
        yield Static("Settings that differ", classes="summary--heading")
        yield Static("", id="settings")
        yield Static("Metrics", classes="summary--heading")
        yield Static("", id="notes")
        yield Static("", id="metrics")
        yield Static("", id="damage")

    def show(self, comparison: Comparison) -> None:
        """Show a comparison."""
        paragraphs = [f"{row.sentence}{_image_counts(row)}" for row in comparison.images]
        self.query_one("#images", Static).update(
            Content(printable_lines("\n\n".join((*paragraphs, *multiple_tests_note(comparison)))))
        )
        self.query_one("#settings", Static).update(_settings_grid(comparison))
        self.query_one("#metrics", Static).update(_metrics_grid(comparison))
        notes = self.query_one("#notes", Static)
        notes.update(Content(printable_lines("\n".join(comparison.notes))))
        notes.display = bool(comparison.notes)
        damage = "\n".join(session.damage for session in comparison.sessions if session.damage)
        self.query_one("#damage", Static).update(Content(printable_lines(damage)))


def _image_counts(row: ImageComparison) -> str:
    """A line with the number of images that each session classified correctly."""
    if row.test is None:
        return ""
    parts = (
        f"{row.both_right:,} both right",
        f"{len(row.only_first):,} only {row.first}",
        f"{len(row.only_second):,} only {row.second}",
        f"{row.both_wrong:,} both wrong",
    )
    return f"\n{' · '.join(parts)}"


def _settings_grid(comparison: Comparison) -> RichTable | Text:
    """The settings that differ, a column per session."""
    if not comparison.settings:
        return Text(SAME_SETTINGS)
    grid = _grid(comparison.letters, numeric=False)
    for row in comparison.settings:
        grid.add_row(Text(row.title, "dim"), *(Text(printable(setting_text(value))) for value in row.values))
    return grid


def _metrics_grid(comparison: Comparison) -> RichTable:
    """The metrics, a column per session, the best of each in bold."""
    table, grid = measurements_table(comparison), _grid(comparison.letters, numeric=True)
    for (name, *values), highlights in zip(table.rows, table.heat, strict=True):
        cells = [Text(value, _BEST if highlight else "") for value, highlight in zip(values, highlights, strict=True)]
        grid.add_row(Text(name, "dim"), *cells)
    return grid


def _grid(letters: Sequence[str], *, numeric: bool) -> RichTable:
    """An empty table with a column for names and one per session."""
    grid = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    grid.add_column("")
    for letter in letters:
        grid.add_column(letter, justify="right" if numeric else "left", overflow="fold")
    return grid


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

    training: reactive[bool | None] = reactive(None, init=False)
    """Show training curves instead of validation; None shows validation if every session has it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._comparison: Comparison | None = None

    def compose(self) -> ComposeResult:
        """Two charts, and the reasons for missing curves."""
        yield LineChart(id="loss")
        yield LineChart(id="accuracy")
        yield Static("", id="missing")

    def show(self, comparison: Comparison) -> None:
        """Draw the curves and list the missing ones."""
        self._comparison = comparison
        missing = self.query_one("#missing", Static)
        missing.update(Content(printable_lines("\n".join(comparison.missing))))
        missing.display = bool(comparison.missing)
        self.watch_training()

    def watch_training(self) -> None:
        """Draw the selected curves, each named by the letter of its session."""
        if self._comparison is None:
            return
        for name, chart in zip(self._names(self._comparison), self.query(LineChart), strict=True):
            chart.title, chart.x_label, chart.percent = name.replace("_", " "), "epoch", name.endswith("accuracy")
            chart.empty_text = "no session has this curve"
            chart.series = overlay(self._comparison, name, self._comparison.letters).series

    def toggle(self) -> None:
        """Switch between validation and training curves."""
        if self._comparison is not None:
            self.training = self._names(self._comparison) == _VALIDATION

    def on_resize(self) -> None:
        """Put the charts side by side if the pane is wide enough, or too low for two charts."""
        beside = self.size.width >= _BESIDE_WIDTH or self.size.height < _BESIDE_HEIGHT <= self.size.width // 4
        self.set_class(beside, "-beside")

    def _names(self, comparison: Comparison) -> tuple[CurveName, CurveName]:
        if self.training is None:
            return main_curves(comparison)
        return _TRAINING if self.training else _VALIDATION


class ClassChangesTable(SortedTable[ClassComparison]):
    """One row per class; rows cannot be opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Open", show=False)]


class ClassChangesPane(Container):
    """F1 and recall of each class, with the differences from the first session."""

    DEFAULT_CSS = """
    ClassChangesPane { Static { height: 1fr; padding: 1 2; color: $text-muted; } }
    """

    def show(self, comparison: Comparison) -> None:
        """Show the classes of a comparison."""
        if not comparison.classes:
            self.mount(Static("No session has a result to compare."))
            return
        table = ClassChangesTable(_class_columns(comparison), key=lambda row: row.name, id="classes-table")
        self.mount(table)
        table.show_rows(comparison.classes)


def _class_columns(comparison: Comparison) -> tuple[TableColumn[ClassComparison], ...]:
    """The class, then F1 and recall of the first session, each followed by the differences of the others.

    Differences are coloured only if the test images are the same.
    """
    letters, coloured = comparison.letters, comparison.same_tests
    name = TableColumn[ClassComparison](
        "class", "class", lambda row: row.name, lambda row: row.name.casefold(), narrowest=10, widest=40
    )
    f1 = _score_columns("F1", letters, lambda row: row.f1, 0, coloured)
    recall = _score_columns("recall", letters, lambda row: row.recall, len(letters), coloured)
    return name, *f1, *recall


def _score_columns(
    title: str, letters: Sequence[str], values: _Values, rank: int, coloured: bool
) -> list[TableColumn[ClassComparison]]:
    """The first session's score and the differences of the others; the last column is dropped first."""
    key = f"{title} {letters[0]}"
    first = TableColumn[ClassComparison](
        key, key, lambda row: score_text(values(row)[0]), lambda row: values(row)[0], right=True, rank=rank
    )
    changes = (
        _change_column(f"{title} {letter}", values, index, rank + index, coloured)
        for index, letter in enumerate(letters[1:])
    )
    return [first, *changes]


def _change_column(key: str, values: _Values, index: int, rank: int, coloured: bool) -> TableColumn[ClassComparison]:
    def change(row: ClassComparison) -> float | None:
        return differences(values(row))[index]

    def tone(row: ClassComparison) -> Tone | None:
        shown = rounded_change(change(row)) if coloured else 0.0
        return "good" if shown > 0 else "bad" if shown < 0 else None

    return TableColumn(key, key, lambda row: change_text(change(row)), change, right=True, tone=tone, rank=rank)
