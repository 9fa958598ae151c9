"""The findings of a study in sentences: the best value with its certainty, and differences from published scores."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from cnn_tui.formatting import noun, pluralize
from cnn_tui.metrics import ACCURACY
from cnn_tui.reports.studies.table import REPORTED, Aggregate, Criterion, StudyRow, StudyTable

# The two-sided 5 % limits of Student's t, rounded up, by degrees of freedom from 1 on.
_LIMITS = (12.71, 4.31, 3.19, 2.78, 2.58, 2.45, 2.37, 2.31, 2.27, 2.23, 2.21, 2.18, 2.17, 2.15, 2.14, 2.12, 2.11)
_LIMIT_BEYOND = 2.11
_LEAST_DIFFERENCE = 0.0005  # half of the last decimal of published scores


@dataclass(frozen=True)
class Best:
    """The best row of a study.

    Attributes:
        criterion: the score by which it was chosen: test accuracy only if there is no validation accuracy.
        choice: a sentence with its value and the criterion.
        certainty: a sentence about the lead over the second best.
    """

    row: StudyRow
    criterion: Criterion
    choice: str
    certainty: str

    @property
    def sentence(self) -> str:
        """Both sentences."""
        return f"{self.choice} {self.certainty}"


def best(table: StudyTable) -> Best | None:
    """The finished row with the highest score by the table's criterion; None with fewer than two of them."""
    criterion = table.criterion
    by_validation = criterion == "validation accuracy"
    scores = ((row.validation_accuracy if by_validation else row.accuracy, row) for row in table.finished)
    ranked = sorted(((score, row) for score, row in scores if score), key=lambda pair: -pair[0].mean)
    if len(ranked) < 2:
        return None
    (first, row), (second, runner_up) = ranked[:2]
    warning = "" if by_validation else ", chosen on the test split because there are no validation images"
    choice = f"Best by {criterion}: {_setting(table, row)} ({first.mean:.4f}){warning}."
    return Best(row, criterion, choice, _certainty(first, second, _setting(table, runner_up)))


def differences(table: StudyTable) -> Iterator[str]:
    """The largest difference from published scores, the mean difference, and whether the order of values changed."""
    compared = _compared(table)
    mean = mean_difference(table)
    if mean is None:
        return
    yield _largest(table, *max(compared, key=lambda one: abs(one[0])))
    yield f"The mean difference over {pluralize(len(compared), 'reported score')} is {100 * mean:.2f} points."
    both = [row for row in table.rows if row.difference(ACCURACY) is not None]
    if len(both) > 1:
        yield _order(both)


def mean_difference(table: StudyTable) -> float | None:
    """The mean absolute difference from the published scores; None if there are none to compare."""
    compared = _compared(table)
    return sum(abs(difference) for difference, _, _ in compared) / len(compared) if compared else None


def _certainty(first: Aggregate, second: Aggregate, runner_up: str) -> str:
    """A sentence on whether the lead over the second best is significant, by a paired t-test over seeds."""
    lead = first.mean - second.mean
    runs = min(len(first.values), len(second.values))
    points = f"{100 * lead:.2f}"
    equal = float(points) == 0
    distance = f"{runner_up} did equally well" if equal else f"{runner_up} is {points} points behind"
    if runs < 2:
        return f"With one run each, {distance}; single runs cannot show whether that is more than chance."
    if equal:
        return f"Over {runs} seeds, {distance} on average."
    pairs = [one - other for one, other in zip(first.values, second.values, strict=True)]
    error = statistics.stdev(pairs) / math.sqrt(runs)
    limit = _LIMITS[runs - 2] if runs - 2 < len(_LIMITS) else _LIMIT_BEYOND
    significant = lead > limit * error
    return (
        f"Over {runs} seeds, compared seed by seed, {distance} with a standard error of {100 * error:.2f}. "
        f"That is {'more' if significant else 'not more'} than {limit:.1f} standard errors, so the difference is "
        f"{'significant' if significant else 'not significant'} (paired t-test at 5 %)."
    )


def _compared(table: StudyTable) -> list[tuple[float, str, StudyRow]]:
    """Our score minus the published one, with its name and row, for each that can be compared."""
    return [
        (difference, metric.heading, row)
        for row in table.rows
        for metric in REPORTED
        if (difference := row.difference(metric)) is not None
    ]


def _largest(table: StudyTable, difference: float, name: str, row: StudyRow) -> str:
    if abs(difference) < _LEAST_DIFFERENCE:
        return "Every score equals the reported one, to the decimals that were reported."
    side = "above" if difference > 0 else "below"
    return (
        f"The largest difference from the report: {name} with {table.factor.lower()} = {_values(row)} is "
        f"{100 * abs(difference):.2f} points {side} it."
    )


def _order(rows: list[StudyRow]) -> str:
    """A sentence on whether the values have the same order by accuracy; equal published scores fit any order."""
    theirs, ours = max(rows, key=_published), max(rows, key=_accuracy)
    same = _published(ours) == _published(theirs) or _accuracy(ours) == _accuracy(theirs)
    most_accurate = (
        f"The most accurate is {_values(theirs)} in both"
        if same
        else f"The most accurate is {_values(theirs)} in the report and {_values(ours)} here"
    )
    pairs = [(one, other) for one, other in combinations(rows, 2) if _published(one) != _published(other)]
    opposite = sum((_published(a) - _published(b)) * (_accuracy(a) - _accuracy(b)) < 0 for a, b in pairs)
    count = f"{opposite or 'none'} of {pluralize(len(pairs), 'pair of values', 'pairs of values')}"
    return f"{most_accurate}; {count} {noun(opposite or 1, 'has', 'have')} the opposite order."


def _setting(table: StudyTable, row: StudyRow) -> str:
    setting = f"{table.factor.lower()} = {row.label}"
    return f"{setting} with {table.second_factor.lower()} = {row.second_label}" if row.second_label else setting


def _values(row: StudyRow) -> str:
    return f"{row.second_label} {row.label}".strip()


def _accuracy(row: StudyRow) -> float:
    return row.accuracy.mean if row.accuracy is not None else 0.0


def _published(row: StudyRow) -> float:
    return row.published(ACCURACY) or 0.0
