"""What the Compare screen shows: sessions read and put side by side, and the files that it exports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.style import Style
from rich.table import Table as RichTable
from rich.text import Text

from cnn_tui.formatting import printable
from cnn_tui.reports.charts.layout import sample
from cnn_tui.reports.charts.series import CURVE_STYLES, Role, Series
from cnn_tui.reports.comparison.compare import ClassComparison, Comparison, CurveName, compare, differences
from cnn_tui.reports.comparison.document import (
    SAME_SETTINGS,
    change_text,
    classes_table,
    comparison_document,
    images_table,
    measurements_table,
    multiple_tests_note,
    overlay,
    rounded_change,
    score_text,
    sessions_table,
    settings_table,
)
from cnn_tui.reports.comparison.images import ImageComparison
from cnn_tui.reports.documents.tables import Table
from cnn_tui.reports.formats import render
from cnn_tui.reports.labels import setting_text
from cnn_tui.reports.sessions.data import read_session
from cnn_tui.reports.sessions.document import epoch_table
from cnn_tui.tui.screens.results_export import chart_files, table_files
from cnn_tui.tui.widgets.table_columns import TableColumn, Tone

_BEST = Style(bold=True)
_Values = Callable[[ClassComparison], tuple[float | None, ...]]


def load_comparison(ids: Sequence[str]) -> Comparison:
    """Read sessions and compare them; they may have many events, so call this in a thread.

    Raises:
        SessionNotFoundError: one is gone.
        StorageError: the record of one is damaged.
    """
    return compare([read_session(name) for name in ids])


def curves(comparison: Comparison, name: CurveName) -> tuple[Series, ...]:
    """One figure of all sessions by epoch, each under its letter."""
    return overlay(comparison, name, comparison.letters).series


def curve_sample(index: int) -> tuple[str, Role]:
    """How the curves of the session at ``index`` are drawn: a sample, and the role that gives the colour."""
    cue = CURVE_STYLES[index % len(CURVE_STYLES)]
    return sample(cue), cue.role


def comparison_files(folder: Path, comparison: Comparison) -> dict[Path, str | bytes]:
    """The comparison as a page and as Markdown, its charts as figures, each of its tables as CSV and Markdown."""
    document = comparison_document(comparison)
    tables: dict[str, Table] = {
        "sessions": sessions_table(comparison),
        "settings": settings_table(comparison),
        "figures": measurements_table(comparison),
        "classes": classes_table(comparison, comparison.classes),
        "pictures": images_table(comparison),
    }
    for letter, session in zip(comparison.letters, comparison.sessions, strict=True):
        tables[f"epochs-{letter}"] = epoch_table(session.epochs)
    pages: dict[Path, str | bytes] = {
        folder / "report.html": render(document, "html").content,
        folder / "report.md": render(document, "markdown").content,
    }
    return (
        pages
        | chart_files(folder, document)
        | table_files(folder, {name: table for name, table in tables.items() if table.rows})
    )


def pictures_words(comparison: Comparison) -> str:
    """What the pictures say of each session against the first, a paragraph each."""
    paragraphs = [f"{row.sentence}{_counts(row)}" for row in comparison.images]
    return "\n\n".join((*paragraphs, *multiple_tests_note(comparison)))


def settings_grid(comparison: Comparison) -> RichTable | Text:
    """The settings that differ, a column for each session."""
    if not comparison.settings:
        return Text(SAME_SETTINGS)
    grid = _grid(comparison.letters, figures=False)
    for row in comparison.settings:
        grid.add_row(Text(row.title, "dim"), *(Text(printable(setting_text(value))) for value in row.values))
    return grid


def figures_grid(comparison: Comparison) -> RichTable:
    """The figures side by side, the best of each bold."""
    table, grid = measurements_table(comparison), _grid(comparison.letters, figures=True)
    for (name, *values), heat in zip(table.rows, table.heat, strict=True):
        cells = [Text(value, _BEST if warm else "") for value, warm in zip(values, heat, strict=True)]
        grid.add_row(Text(name, "dim"), *cells)
    return grid


def class_columns(comparison: Comparison) -> tuple[TableColumn[ClassComparison], ...]:
    """The class, F1 and recall of the first session, and how far those of the others are above or below.

    Changes have colours only where the test pictures are the same.
    """
    letters, coloured = comparison.letters, comparison.same_tests
    name = TableColumn[ClassComparison](
        "class", "class", lambda row: row.name, lambda row: row.name.casefold(), narrowest=10, widest=40
    )
    f1 = _columns("F1", letters, lambda row: row.f1, 0, coloured)
    recall = _columns("recall", letters, lambda row: row.recall, len(letters), coloured)
    return name, *f1, *recall


def _columns(
    title: str, letters: Sequence[str], values: _Values, rank: int, coloured: bool
) -> list[TableColumn[ClassComparison]]:
    """A column for the first session's score, and one for each change from it, the last to give way first."""
    first = TableColumn[ClassComparison](
        f"{title} {letters[0]}",
        f"{title} {letters[0]}",
        lambda row: score_text(values(row)[0]),
        lambda row: values(row)[0],
        right=True,
        rank=rank,
    )
    return [
        first,
        *(
            _change(f"{title} {letter}", values, place, rank + place, coloured)
            for place, letter in enumerate(letters[1:])
        ),
    ]


def _change(heading: str, values: _Values, place: int, rank: int, coloured: bool) -> TableColumn[ClassComparison]:
    def change(row: ClassComparison) -> float | None:
        return differences(values(row))[place]

    def tone(row: ClassComparison) -> Tone | None:
        seen = rounded_change(change(row)) if coloured else 0.0
        return "good" if seen > 0 else "bad" if seen < 0 else None

    return TableColumn(heading, heading, lambda row: change_text(change(row)), change, right=True, tone=tone, rank=rank)


def _counts(row: ImageComparison) -> str:
    """How many pictures each got right, on a line of its own."""
    if row.test is None:
        return ""
    parts = (
        f"{row.both_right:,} both right",
        f"{len(row.only_first):,} only {row.first}",
        f"{len(row.only_second):,} only {row.second}",
        f"{row.both_wrong:,} both wrong",
    )
    return f"\n{' · '.join(parts)}"


def _grid(letters: Sequence[str], *, figures: bool) -> RichTable:
    """A table without rows, a column for each session behind one for names."""
    grid = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    grid.add_column("")
    for letter in letters:
        grid.add_column(letter, justify="right" if figures else "left", overflow="fold")
    return grid
