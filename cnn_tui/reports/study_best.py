"""Which value of a study is best, and how sure that is, in sentences."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from cnn_tui.reports.study_table import Criterion, Figure, StudyRow, StudyTable

# What |t| stays below in 95 of 100 comparisons of things that are the same, by degrees of freedom from 1 on.
_LIMITS = (12.71, 4.31, 3.19, 2.78, 2.58, 2.45, 2.37, 2.31, 2.27, 2.23, 2.21, 2.18, 2.17, 2.15, 2.14, 2.12, 2.11)
_LIMIT_BEYOND = 2.11


@dataclass(frozen=True)
class Best:
    """The best row of a study.

    Attributes:
        criterion: what it was chosen by: test accuracy only for want of validation.
        choice: the sentence that names it and what it was chosen by.
        certainty: the sentence that says how sure it is.
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
    """The row with the highest validation accuracy, or test accuracy where a finished row was not validated.

    Rows of which a run is missing are left out. None where fewer than two rows can be compared.
    """
    criterion = table.criterion
    known = ((figure, row) for row in table.finished if (figure := row.chosen_by(criterion)))
    ranked = sorted(known, key=lambda one: -one[0].mean)
    if len(ranked) < 2:
        return None
    (first, row), (second, runner_up) = ranked[:2]
    warning = ", chosen on test, as there are no validation pictures" if criterion == "test accuracy" else ""
    choice = f"Best by {criterion}: {_named(table, row)} ({first.mean:.4f}){warning}."
    return Best(row, criterion, choice, _certainty(first, second, _named(table, runner_up)))


def _named(table: StudyTable, row: StudyRow) -> str:
    name = f"{table.factor.lower()} = {row.label}"
    return f"{name} with {table.second_factor.lower()} = {row.second_label}" if row.second_label else name


def _certainty(first: Figure, second: Figure, runner_up: str) -> str:
    """Whether the lead over the second best is more than chance, by a t-test of the differences seed by seed."""
    lead = first.mean - second.mean
    runs = min(len(first.values), len(second.values))
    points = f"{100 * lead:.2f}"
    alike = float(points) == 0
    behind = f"{runner_up} did just as well" if alike else f"{runner_up} is {points} points behind"
    if runs < 2:
        return f"With one run each, {behind}; whether that is more than chance, one run each cannot tell."
    if alike:
        return f"Over {runs} seeds, {behind} on average."
    differences = [one - other for one, other in zip(first.values, second.values, strict=True)]
    error = statistics.stdev(differences) / math.sqrt(runs)
    limit = _LIMITS[runs - 2] if runs - 2 < len(_LIMITS) else _LIMIT_BEYOND
    sure = lead > limit * error
    return (
        f"Over {runs} seeds, compared seed by seed, {behind} with a standard error of {100 * error:.2f}. "
        f"That is {'more' if sure else 'not more'} than {limit:.1f} standard errors, so it "
        f"{'is hardly chance' if sure else 'may be chance'} (paired t-test at 5 %)."
    )
