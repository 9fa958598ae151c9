"""A study as a table: one row for each value of the factor, with what its runs came to and what was reported of it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Literal

from cnn_tui.config.fields import field
from cnn_tui.config.study import Cell, ReportedRow, StudyPreset, Value
from cnn_tui.events import Environment
from cnn_tui.metrics import ACCURACY, HEADLINE, SCORES, Metric, Result
from cnn_tui.store.records import SessionRecord

COLUMNS = tuple(metric for metric in HEADLINE if not metric.is_loss)
"""The metrics of a row, all on test pictures, that its table has columns for; ``SCORES`` are all of them."""
REPORTED = tuple(metric for metric in SCORES if metric.key in ReportedRow.model_fields)
"""Those that a preset can hold published figures of."""
Criterion = Literal["validation accuracy", "test accuracy"]
"""What the best value of a study is chosen by."""
RowStatus = Literal["waiting", "running", "done", "stopped", "failed"]


@dataclass(frozen=True)
class Figure:
    """A mean over the runs of a row.

    Attributes:
        values: what each run came to, in the order of the seeds.
        spread: their sample standard deviation, None where there is one run only.
    """

    values: tuple[float, ...]
    mean: float
    spread: float | None


@dataclass(frozen=True)
class StudyRow:
    """What the runs of one value came to. Figures are of the finished runs, None before the first has finished.

    Attributes:
        label: the value as text; ``second_label`` is empty where there is no second factor.
        runs: the places of its runs in the study; ``done`` is how many have finished.
        sessions: their sessions' ids, None for those that have not begun.
        reason: why it failed or stopped.
        scores: by the keys of their metrics; a metric that one of the runs has no record of is None.
        train_seconds: of one run; its share of the time where runs were trained together.
        together: how many runs were trained as one computation, 1 for none.
        reported: the figures published elsewhere.
    """

    value: Value
    second_value: Value
    label: str
    second_label: str
    runs: tuple[int, ...]
    sessions: tuple[str | None, ...]
    done: int
    status: RowStatus
    reason: str
    scores: Mapping[str, Figure | None]
    validation_accuracy: Figure | None
    train_seconds: Figure | None
    together: int
    reported: ReportedRow | None

    @property
    def accuracy(self) -> Figure | None:
        """The test accuracy."""
        return self.figure(ACCURACY)

    def chosen_by(self, criterion: Criterion) -> Figure | None:
        """The figure by which the best row is chosen."""
        return self.validation_accuracy if criterion == "validation accuracy" else self.accuracy

    def figure(self, metric: Metric) -> Figure | None:
        """One of the test figures."""
        return self.scores[metric.key]

    def published(self, metric: Metric) -> float | None:
        """The figure that was published for this value."""
        return getattr(self.reported, metric.key, None)

    def difference(self, metric: Metric) -> float | None:
        """Ours less the published one."""
        ours, theirs = self.figure(metric), self.published(metric)
        return None if ours is None or theirs is None else ours.mean - theirs


@dataclass(frozen=True)
class StudyTable:
    """The rows of a study in the order of its preset, and what its runs ran on, each machine once."""

    study: StudyPreset
    rows: tuple[StudyRow, ...]
    environments: tuple[Environment, ...]

    @property
    def factor(self) -> str:
        """What is varied, in words."""
        return factor_title(self.study.factor)

    @property
    def second_factor(self) -> str:
        """What else is varied, in words; empty for nothing."""
        return factor_title(self.study.second_factor) if self.study.second_factor else ""

    @property
    def runs(self) -> int:
        """How many runs it has."""
        return sum(len(row.runs) for row in self.rows)

    @property
    def done(self) -> int:
        """How many of them have finished."""
        return sum(row.done for row in self.rows)

    @property
    def finished(self) -> tuple[StudyRow, ...]:
        """The rows whose runs have all finished."""
        return tuple(row for row in self.rows if row.status == "done")

    @property
    def criterion(self) -> Criterion:
        """Validation accuracy where every finished row has one, else test accuracy.

        Before any row has finished the base decides: whether it keeps pictures for validation.
        """
        validated = [row.validation_accuracy is not None for row in self.finished]
        by_validation = all(validated) if validated else self.study.base.data.validation_fraction > 0
        return "validation accuracy" if by_validation else "test accuracy"


def study_table(study: StudyPreset, records: Mapping[int, SessionRecord], running: Collection[int] = ()) -> StudyTable:
    """The table of a study as far as it has come.

    Args:
        records: the sessions of its runs by their places in the study; those left out have not been run.
        running: the places of those that run now.
    """
    cells = groupby(study.cells(), key=lambda cell: (cell.second_value, cell.value))
    rows = tuple(_row(study, tuple(group), records, running) for _, group in cells)
    known = [record.environment for _, record in sorted(records.items()) if record.environment is not None]
    return StudyTable(study, rows, tuple(dict.fromkeys(known)))


def value_text(value: Value) -> str:
    """A value as a person writes it: small numbers in decimals, null as none."""
    if value is None:
        return "none"
    if isinstance(value, float) and 1e-7 <= abs(value) < 1e7:
        return f"{Decimal(repr(value)).normalize():f}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def factor_title(path: str) -> str:
    """What a factor is called, in words."""
    return field(path).title


def _row(
    study: StudyPreset, cells: Sequence[Cell], records: Mapping[int, SessionRecord], running: Collection[int]
) -> StudyRow:
    value, second = cells[0].value, cells[0].second_value
    known = [records.get(cell.index) for cell in cells]
    finished = [record for record in known if record is not None and record.status == "done"]
    results = [record.result for record in finished if record.result is not None]
    status, reason = _status(known, any(cell.index in running for cell in cells))
    scores = [record.validation.accuracy for record in finished if record.validation is not None]
    return StudyRow(
        value=value,
        second_value=second,
        label=value_text(value),
        second_label="" if study.second_factor is None else value_text(second),
        runs=tuple(cell.index for cell in cells),
        sessions=tuple(None if record is None else record.id for record in known),
        done=len(results),
        status=status,
        reason=reason,
        scores={metric.key: _score(metric, results) for metric in SCORES},
        validation_accuracy=_figure(scores) if len(scores) == len(results) else None,
        train_seconds=_figure([result.train_seconds for result in results]),
        together=max((record.study.together for record in finished if record.study is not None), default=1),
        reported=_reported(study, value, second),
    )


def _status(records: Sequence[SessionRecord | None], running: bool) -> tuple[RowStatus, str]:
    """How far a row is: what goes on before what went wrong, and that before what is still to come."""
    if running:
        return "running", ""
    failed = [record for record in records if record is not None and record.status == "failed"]
    if failed:
        error = failed[0].error
        reason = error.title if error else "it failed"
        return "failed", reason if len(records) == 1 else f"{len(failed)} of {len(records)} runs: {reason}"
    if any(record is not None and record.status in ("stopped", "killed") for record in records):
        return "stopped", "stopped before its end"
    if any(record is not None and record.live for record in records):
        return "running", ""
    return ("done", "") if all(record is not None for record in records) else ("waiting", "")


def _reported(study: StudyPreset, value: Value, second: Value) -> ReportedRow | None:
    return next((row for row in study.reported if (row.value, row.second_value) == (value, second)), None)


def _score(metric: Metric, results: Sequence[Result]) -> Figure | None:
    known = [value for result in results if (value := result.value(metric)) is not None]
    return _figure(known) if len(known) == len(results) else None


def _figure(values: Sequence[float]) -> Figure | None:
    if not values:
        return None
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Figure(tuple(values), math.fsum(values) / len(values), spread)
