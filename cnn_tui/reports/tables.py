"""Results as tables of text, and tables as Markdown, CSV and TSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from cnn_tui.events import EpochFinished
from cnn_tui.metrics import Scores
from cnn_tui.reports import confusion

MatrixUnit = Literal["counts", "actual", "predicted"]
"""What a confusion matrix holds: counts, or per cent of the actual class (its row) or predicted one (its column)."""
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$])")
_BLOCK_MARKUP = re.compile(r"^(\s*)([#+=-]|\d+(?=[.)]))")
_JOINER = "\u200d"  # holds emoji together; the other invisible characters steer terminals or reorder text


@dataclass(frozen=True)
class Table:
    """Rows of text under column names; the first ``labels`` columns are words, the others figures."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int = 1


@dataclass(frozen=True)
class HeatTable(Table):
    """A table whose figures have colours where there are any: above 0 for good, below for bad, 1 and -1 at the most.

    ``heat`` has a row for each row, with a value for each of its last cells.
    """

    heat: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Picture:
    """A picture as a PNG file, the lines below it, and what it shows for those who do not see it."""

    png: bytes
    caption: tuple[str, ...]
    alt: str


@dataclass(frozen=True)
class PictureTable(Table):
    """A table with a picture for each row; where pictures can be shown they stand in the place of the table."""

    pictures: tuple[Picture, ...] = ()


def matrix_table(scores: Scores, unit: MatrixUnit = "counts") -> HeatTable:
    """The confusion matrix: actual classes in rows, predicted ones in columns, the diagonal good."""
    columns = list(zip(*scores.confusion_matrix, strict=True))
    rows = [
        (name, *(_cell(count, row, column, unit) for count, column in zip(row, columns, strict=True)))
        for name, row in zip(scores.classes, scores.confusion_matrix, strict=True)
    ]
    return HeatTable(
        ("actual \\ predicted", *scores.classes), tuple(rows), heat=confusion.heat(scores.confusion_matrix)
    )


def class_table(scores: Scores) -> Table:
    """The figures of each class, with their macro means in the last row.

    The macro row's name says so where it leaves out classes without test pictures.
    """
    rows = [
        (row.name, *(f"{figure:.4f}" for figure in row.figures), str(row.support))
        for row in (*confusion.class_rows(scores), confusion.macro_row(scores))
    ]
    return Table(("class", *confusion.CLASS_FIGURES, "pictures"), tuple(rows))


def confused_table(scores: Scores, most: int | None = None) -> Table:
    """The most confused pairs, in the order of :func:`confusion.confused_pairs`."""
    rows = [
        (scores.classes[pair.actual], scores.classes[pair.predicted], str(pair.count), f"{pair.share:.4f}")
        for pair in confusion.confused_pairs(scores, most)
    ]
    return Table(("actual", "taken for", "pictures", "part of actual"), tuple(rows), labels=2)


def epoch_table(epochs: Iterable[EpochFinished]) -> Table:
    """The curves of a run, one row for each epoch; validation is empty where there was none."""
    columns = ("epoch", "train loss", "train accuracy", "validation loss", "validation accuracy", "learning rate")
    rows = [
        (
            str(epoch.epoch),
            f"{epoch.train_loss:.6g}",
            f"{epoch.train_accuracy:.6f}",
            "" if epoch.validation_loss is None else f"{epoch.validation_loss:.6g}",
            "" if epoch.validation_accuracy is None else f"{epoch.validation_accuracy:.6f}",
            f"{epoch.learning_rate:g}",
        )
        for epoch in epochs
    ]
    return Table(columns, tuple(rows), labels=0)


def to_markdown(table: Table) -> str:
    """A pipe table with a line end after its last row; what Markdown would take for markup is escaped."""
    rule = ["---" if place < table.labels else "---:" for place in range(len(table.columns))]
    lines = [_escaped(table.columns), rule, *(_escaped(row) for row in table.rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def markdown_text(text: str) -> str:
    """A line of plain text as Markdown, in which nothing is taken for markup."""
    return _BLOCK_MARKUP.sub(_unblocked, _MARKUP.sub(r"\\\1", visible(text)))


def to_csv(table: Table) -> str:
    """Comma-separated values as RFC 4180 has them, but with plain line feeds."""
    return _separated(table, ",")


def to_tsv(table: Table) -> str:
    """Tab-separated values, as spreadsheets take them from the clipboard."""
    return _separated(table, "\t")


def _cell(count: int, row: Sequence[int], column: Sequence[int], unit: MatrixUnit) -> str:
    if unit == "counts":
        return str(count)
    total = sum(row if unit == "actual" else column)
    return f"{100 * count / total if total else 0.0:.2f}"


def _escaped(cells: Sequence[str]) -> list[str]:
    return [_MARKUP.sub(r"\\\1", visible(cell)) for cell in cells]


def _separated(table: Table, separator: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerows([visible(cell) for cell in row] for row in (table.columns, *table.rows))
    return out.getvalue()


def _unblocked(start: re.Match[str]) -> str:
    """The start of a line that would make it a heading or a list item; after a number it is the full stop."""
    margin, mark = start.groups()
    return f"{margin}{mark}\\" if mark.isdigit() else f"{margin}\\{mark}"


def visible(text: str) -> str:
    """One line in which nothing steers a terminal: each character that cannot be seen becomes U+FFFD."""
    return "".join(char if char.isprintable() or char == _JOINER else "\ufffd" for char in text)
