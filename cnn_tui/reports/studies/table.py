"""A study as a table: one row per value of the factor, with the results of its runs and the published scores."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from cnn_tui.config.fields import field
from cnn_tui.config.study import Cell, ReportedRow, StudyPreset, Value
from cnn_tui.events import Environment
from cnn_tui.metrics import ACCURACY, HEADLINE, SCORES, Metric, Result
from cnn_tui.reports.labels import value_text
from cnn_tui.store.records import SessionRecord

COLUMNS = tuple(metric for metric in HEADLINE if not metric.is_loss)
"""The test metrics with a column in the table of results; ``SCORES`` are all of them."""
REPORTED = tuple(metric for metric in SCORES if metric.key in ReportedRow.model_fields)
"""The metrics of which a preset can hold published scores."""
Criterion = Literal["validation accuracy", "test accuracy"]
"""The score by which the best value of a study is chosen."""
RowStatus = Literal["waiting", "running", "done", "stopped", "failed"]


@dataclass(frozen=True)
class Aggregate:
    """One quantity over the runs of a row.

    Attributes:
        values: of each run, in the order of the seeds.
        deviation: the sample standard deviation, None for a single run.
    """

    values: tuple[float, ...]
    mean: float
    deviation: float | None


@dataclass(frozen=True)
class StudyRow:
    """The results of one value. They cover the finished runs, and are None without one.

    Attributes:
        label: the value as text, as ``second_label``, which is empty without a second factor.
        runs: the indices of its runs in the study, of which ``done`` have finished.
        sessions: the ids of their sessions, None for runs that have not started.
        reason: why it failed or stopped.
        scores: by the keys of their metrics, None if a finished run has no record of the metric.
        train_seconds: of one run; a share of the time if runs were trained together.
        together: the number of runs that were trained as one computation, 1 for none.
        reported: the scores published elsewhere.
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
    scores: Mapping[str, Aggregate | None]
    validation_accuracy: Aggregate | None
    train_seconds: Aggregate | None
    together: int
    reported: ReportedRow | None

    @property
    def accuracy(self) -> Aggregate | None:
        """The test accuracy."""
        return self.score(ACCURACY)

    def score(self, metric: Metric) -> Aggregate | None:
        """A score on the test split."""
        return self.scores[metric.key]

    def published(self, metric: Metric) -> float | None:
        """The score published for this value."""
        return getattr(self.reported, metric.key, None)

    def difference(self, metric: Metric) -> float | None:
        """Our score minus the published one."""
        ours, theirs = self.score(metric), self.published(metric)
        return None if ours is None or theirs is None else ours.mean - theirs


@dataclass(frozen=True)
class StudyTable:
    """The rows of a study in the order of its preset, and the distinct environments of its runs."""

    study: StudyPreset
    rows: tuple[StudyRow, ...]
    environments: tuple[Environment, ...]

    @property
    def factor(self) -> str:
        """The title of the factor."""
        return field(self.study.factor).title

    @property
    def second_factor(self) -> str:
        """The title of the second factor, empty for none."""
        return field(self.study.second_factor).title if self.study.second_factor else ""

    @property
    def runs(self) -> int:
        """The number of runs."""
        return sum(len(row.runs) for row in self.rows)

    @property
    def done(self) -> int:
        """The number of finished runs."""
        return sum(row.done for row in self.rows)

    @property
    def finished(self) -> tuple[StudyRow, ...]:
        """The rows whose runs have all finished."""
        return tuple(row for row in self.rows if row.status == "done")

    @property
    def criterion(self) -> Criterion:
        """Validation accuracy if every finished row has one, else test accuracy.

        Before the first row has finished, the validation fraction of the base decides.
        """
        validated = [row.validation_accuracy is not None for row in self.finished]
        by_validation = all(validated) if validated else self.study.base.data.validation_fraction > 0
        return "validation accuracy" if by_validation else "test accuracy"


def study_table(study: StudyPreset, records: Mapping[int, SessionRecord], running: Collection[int] = ()) -> StudyTable:
    """The present table of a study.

    Args:
        records: the sessions of its runs by their indices in the study, without those that have not run.
        running: the indices of the runs in progress.
    """
    cells = groupby(study.cells(), key=lambda cell: (cell.second_value, cell.value))
    rows = tuple(_row(study, tuple(group), records, running) for _, group in cells)
    known = [record.environment for _, record in sorted(records.items()) if record.environment is not None]
    return StudyTable(study, rows, tuple(dict.fromkeys(known)))


def _row(
    study: StudyPreset, cells: Sequence[Cell], records: Mapping[int, SessionRecord], running: Collection[int]
) -> StudyRow:
    value, second = cells[0].value, cells[0].second_value
    known = [records.get(cell.index) for cell in cells]
    finished = [record for record in known if record is not None and record.status == "done"]
    results = [record.result for record in finished if record.result is not None]
    status, reason = _status(known, any(cell.index in running for cell in cells))
    validations = [record.validation.accuracy for record in finished if record.validation is not None]
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
        validation_accuracy=_aggregate(validations) if len(validations) == len(results) else None,
        train_seconds=_aggregate([result.train_seconds for result in results]),
        together=max((record.study.together for record in finished if record.study is not None), default=1),
        reported=_reported(study, value, second),
    )


def _status(records: Sequence[SessionRecord | None], running: bool) -> tuple[RowStatus, str]:
    """The status of a row with a reason: running before failed or stopped, and these before waiting."""
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


def _score(metric: Metric, results: Sequence[Result]) -> Aggregate | None:
    known = [value for result in results if (value := result.value(metric)) is not None]
    return _aggregate(known) if len(known) == len(results) else None


def _aggregate(values: Sequence[float]) -> Aggregate | None:
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Aggregate(tuple(values), math.fsum(values) / len(values), deviation)
