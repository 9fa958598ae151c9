"""Where a study differs from the figures that were reported, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from cnn_tui.formatting import noun, pluralize
from cnn_tui.metrics import ACCURACY
from cnn_tui.reports.study_table import REPORTED, StudyRow, StudyTable

_LEAST = 0.0005  # reported figures have three decimals: below half of one there is no difference


def differences(table: StudyTable) -> Iterator[str]:
    """The largest difference, how far figures are apart, and whether the values come in another order."""
    compared = _compared(table)
    mean = mean_difference(table)
    if mean is None:
        return
    yield _largest(table, *max(compared, key=lambda one: abs(one[0])))
    figures = pluralize(len(compared), "figure that was", "figures that were")
    yield f"Over the {figures} reported, ours differ by {100 * mean:.2f} points on average."
    both = [row for row in table.rows if row.difference(ACCURACY) is not None]
    if len(both) > 1:
        yield _order(both)


def mean_difference(table: StudyTable) -> float | None:
    """How far our figures are from the reported ones on average, either way; None where none can be compared."""
    compared = _compared(table)
    return sum(abs(difference) for difference, _, _ in compared) / len(compared) if compared else None


def _compared(table: StudyTable) -> list[tuple[float, str, StudyRow]]:
    """Ours less the reported figure, for each that there is, with its name and row."""
    return [
        (difference, metric.heading, row)
        for row in table.rows
        for metric in REPORTED
        if (difference := row.difference(metric)) is not None
    ]


def _largest(table: StudyTable, difference: float, name: str, row: StudyRow) -> str:
    if abs(difference) < _LEAST:
        return "Every figure is the reported one, as far as that is written out."
    what = f"{row.second_label} {row.label}".strip()
    side = "above" if difference > 0 else "below"
    return (
        f"The largest difference from the report: {name} with {table.factor.lower()} = {what} is "
        f"{100 * abs(difference):.2f} points {side} it."
    )


def _order(rows: list[StudyRow]) -> str:
    """Whether the values come in the same order, by accuracy; what the report has as equal counts as either."""
    theirs, ours = max(rows, key=_theirs), max(rows, key=_ours)
    same = _theirs(ours) == _theirs(theirs) or _ours(ours) == _ours(theirs)
    best = (
        f"The best by accuracy is {_name(theirs)} in both"
        if same
        else f"The report's best by accuracy is {_name(theirs)}, ours is {_name(ours)}"
    )
    pairs = [(one, other) for one, other in combinations(rows, 2) if _theirs(one) != _theirs(other)]
    turned = sum((_theirs(one) - _theirs(other)) * (_ours(one) - _ours(other)) < 0 for one, other in pairs)
    pairs_of_values = pluralize(len(pairs), "pair of values", "pairs of values")
    return f"{best}; of {pairs_of_values} {turned or 'none'} {noun(turned, 'comes', 'come')} in the other order."


def _name(row: StudyRow) -> str:
    return f"{row.second_label} {row.label}".strip()


def _ours(row: StudyRow) -> float:
    return row.accuracy.mean if row.accuracy is not None else 0.0


def _theirs(row: StudyRow) -> float:
    return row.published(ACCURACY) or 0.0
