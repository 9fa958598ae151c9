"""The rows of the tables on Results: classes and confused pairs."""

from __future__ import annotations

from dataclasses import dataclass

from cnn_tui.metrics import Scores
from cnn_tui.reports.tables import ConfusedPair, confused_pairs
from cnn_tui.tui.widgets.table_columns import TableColumn, Tone

_MOST_PAIRS = 200


@dataclass(frozen=True)
class ClassRow:
    """The scores of a class; ``place`` is None for the macro means.

    ``rival`` is the class that it is taken for most often and how often, empty if it never is.
    """

    place: int | None
    name: str
    precision: float
    recall: float
    f1: float
    support: int
    rival: str = ""


@dataclass(frozen=True)
class PairRow:
    """A confused pair with the names of its classes."""

    pair: ConfusedPair
    actual: str
    predicted: str


def class_rows(scores: Scores) -> list[ClassRow]:
    """A row for each class in the dataset's order, and one with the macro means at the end."""
    rows = [
        ClassRow(place, row.name, row.precision, row.recall, row.f1, row.support, _rival(scores, place))
        for place, row in enumerate(scores.per_class)
    ]
    total = sum(row.support for row in rows)
    means = (scores.macro_precision, scores.macro_recall, scores.macro_f1)
    measured = f"macro, {len(rows) - len(scores.unsupported)} of {len(rows)}" if scores.unsupported else "macro mean"
    return [*rows, ClassRow(None, measured, *means, total)]


def pair_rows(scores: Scores) -> list[PairRow]:
    """The most confused pairs, at most 200."""
    names = scores.classes
    return [PairRow(pair, names[pair.actual], names[pair.predicted]) for pair in confused_pairs(scores, _MOST_PAIRS)]


def _rival(scores: Scores, actual: int) -> str:
    counts = [(count, -place) for place, count in enumerate(scores.confusion_matrix[actual]) if place != actual]
    count, place = max(counts, default=(0, 0))
    return f"{scores.classes[-place]} {count:,}" if count else ""


def _tone(row: ClassRow) -> Tone | None:
    return None if row.support else "muted"


CLASS_COLUMNS: tuple[TableColumn[ClassRow], ...] = (
    TableColumn("class", "class", lambda r: r.name, lambda r: r.name.casefold(), tone=_tone, narrowest=10, widest=40),
    TableColumn("precision", "prec.", lambda r: f"{r.precision:.3f}", lambda r: r.precision, right=True, tone=_tone),
    TableColumn("recall", "recall", lambda r: f"{r.recall:.3f}", lambda r: r.recall, right=True, tone=_tone),
    TableColumn("f1", "F1", lambda r: f"{r.f1:.3f}", lambda r: r.f1, right=True, tone=_tone),
    TableColumn("support", "pictures", lambda r: f"{r.support:,}", lambda r: r.support, right=True, falling=True),
    TableColumn("rival", "taken for", lambda r: r.rival, lambda r: r.rival.casefold() or None, rank=1, widest=28),
)
PAIR_COLUMNS: tuple[TableColumn[PairRow], ...] = (
    TableColumn("actual", "actual", lambda r: r.actual, lambda r: r.actual.casefold(), narrowest=10, widest=40),
    TableColumn(
        "predicted", "taken for", lambda r: r.predicted, lambda r: r.predicted.casefold(), narrowest=10, widest=40
    ),
    TableColumn("count", "pictures", lambda r: f"{r.pair.count:,}", lambda r: r.pair.count, right=True, falling=True),
    TableColumn(
        "share", "of actual", lambda r: f"{r.pair.share * 100:.1f} %", lambda r: r.pair.share, right=True, falling=True
    ),
)
