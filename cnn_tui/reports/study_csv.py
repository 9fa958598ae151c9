"""A study as one flat table of comma-separated values, every figure unrounded in a column of its own."""

from __future__ import annotations

from cnn_tui.metrics import SCORES
from cnn_tui.reports.study_table import REPORTED, Figure, StudyRow, StudyTable
from cnn_tui.reports.tables import Table, to_csv


def study_csv(table: StudyTable) -> str:
    """One line for each row of the study; what is not known is empty."""
    study = table.study
    factors = [study.factor, *([study.second_factor] if study.second_factor else [])]
    columns = [*factors, "status", "reason", "runs", "done"]
    for name in (*(metric.key for metric in SCORES), "validation_accuracy", "train_seconds"):
        columns += [name, f"{name}_deviation"]
    for metric in REPORTED:
        columns += [f"reported_{metric.key}", f"{metric.key}_less_reported"]
    columns += ["trained_together", "sessions"]
    rows = tuple(tuple(_cells(row)) for row in table.rows)
    return to_csv(Table(tuple(columns), rows, len(factors)))


def _cells(row: StudyRow) -> list[str]:
    cells = [row.label, *([row.second_label] if row.second_label else [])]
    cells += [row.status, row.reason, str(len(row.runs)), str(row.done)]
    for figure in (*map(row.figure, SCORES), row.validation_accuracy, row.train_seconds):
        cells += _figure(figure)
    for metric in REPORTED:
        cells += [_number(row.published(metric)), _number(row.difference(metric))]
    return [*cells, str(row.together), " ".join(session for session in row.sessions if session)]


def _figure(figure: Figure | None) -> list[str]:
    return ["", ""] if figure is None else [_number(figure.mean), _number(figure.spread)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
