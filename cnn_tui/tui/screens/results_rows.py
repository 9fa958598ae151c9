"""The rows of the tables on Results: classes and confused pairs."""

from __future__ import annotations

from dataclasses import dataclass

from cnn_tui.metrics import MACRO_MEANS, Scores
from cnn_tui.reports.sessions.scores import ClassSummary, ConfusedPair, class_summaries, confused_pairs
from cnn_tui.tui.widgets.table_columns import TableColumn, Tone

_MOST_PAIRS = 200


@dataclass(frozen=True)
class PairRow:
    """A confused pair with the names of its classes."""

    pair: ConfusedPair
    actual: str
    predicted: str


@dataclass(frozen=True)
class ClassLine:
    """The figures of a class, and in words what it is taken for most often, empty if it never is."""

    row: ClassSummary
    rival: str = ""


def class_lines(scores: Scores) -> list[ClassLine]:
    """A line for each class in the dataset's order."""
    return [ClassLine(row, _rival(scores, row.confused)) for row in class_summaries(scores)]


def pair_rows(scores: Scores) -> list[PairRow]:
    """The most confused pairs, at most 200."""
    names = scores.classes
    return [PairRow(pair, names[pair.actual], names[pair.predicted]) for pair in confused_pairs(scores, _MOST_PAIRS)]


def _rival(scores: Scores, pair: ConfusedPair | None) -> str:
    return "" if pair is None else f"{scores.classes[pair.predicted]} {pair.count:,}"


def _tone(line: ClassLine) -> Tone | None:
    return None if line.row.support else "muted"


def _figure(index: int) -> TableColumn[ClassLine]:
    metric = MACRO_MEANS[index]
    return TableColumn(
        metric.per_class,
        metric.heading,
        lambda line: f"{line.row.values[index]:.3f}",
        lambda line: line.row.values[index],
        right=True,
        tone=_tone,
    )


CLASS_COLUMNS: tuple[TableColumn[ClassLine], ...] = (
    TableColumn(
        "class",
        "class",
        lambda line: line.row.name,
        lambda line: line.row.name.casefold(),
        tone=_tone,
        narrowest=10,
        widest=40,
    ),
    *map(_figure, range(len(MACRO_MEANS))),
    TableColumn(
        "support",
        "pictures",
        lambda line: f"{line.row.support:,}",
        lambda line: line.row.support,
        right=True,
        falling=True,
    ),
    TableColumn(
        "rival", "taken for", lambda line: line.rival, lambda line: line.rival.casefold() or None, rank=1, widest=28
    ),
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
