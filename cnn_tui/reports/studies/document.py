"""A study as a report: its tables, charts and findings, its setup and environments; and as flat CSV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.config.study import StudyPreset, Value
from cnn_tui.events import Environment
from cnn_tui.formatting import dataset_label, pluralize, quantity
from cnn_tui.metrics import DETAILS, SCORES
from cnn_tui.reports.documents.document import Block, Document, Section
from cnn_tui.reports.documents.tables import Table, to_csv
from cnn_tui.reports.labels import value_text
from cnn_tui.reports.studies.charts import charts
from cnn_tui.reports.studies.findings import best, differences
from cnn_tui.reports.studies.table import COLUMNS, REPORTED, Aggregate, StudyRow, StudyTable

_REPORTED_NOTE = "The reported scores, and in parentheses the difference of ours:"


def study_document(table: StudyTable, *, with_settings: bool = True) -> Document:
    """The report of one study, with a list of all settings unless ``with_settings`` is false."""
    study = table.study
    description = (study.description,) if study.description else ()
    setup = Section("Setup", (setup_text(study), *environment_texts(table.environments)))
    settings = (Section("Settings", (_settings_table(study),)),) if with_settings else ()
    return Document(study.name, (Section("Results", (*description, *study_blocks(table))), setup, *settings))


def study_blocks(table: StudyTable) -> tuple[Block, ...]:
    """The results of a study: tables, charts and findings."""
    chosen = best(table)
    compared = tuple(differences(table))
    return (
        results_table(table),
        *_remarks(table),
        *((chosen.sentence,) if chosen else ()),
        *charts(table),
        *((_details_table(table),) if table.done else ()),
        *((_REPORTED_NOTE, _reported_table(table), *compared) if compared else ()),
    )


def study_csv(table: StudyTable) -> str:
    """One line per row of the study, every number unrounded in a column of its own; unknown values are empty."""
    study = table.study
    factors = [study.factor, *([study.second_factor] if study.second_factor else [])]
    columns = [*factors, "status", "reason", "runs", "done"]
    for name in (*(metric.key for metric in SCORES), "validation_accuracy", "train_seconds"):
        columns += [name, f"{name}_deviation"]
    for metric in REPORTED:
        columns += [f"reported_{metric.key}", f"{metric.key}_less_reported"]
    columns += ["trained_together", "sessions"]
    rows = tuple(tuple(_csv_cells(row)) for row in table.rows)
    return to_csv(Table(tuple(columns), rows, len(factors)))


def results_table(table: StudyTable) -> Table:
    """The results of each value, as mean and standard deviation over several seeds."""
    columns = [*_label_columns(table), *(metric.heading for metric in COLUMNS)]
    validated = table.criterion == "validation accuracy"
    columns += ["validation accuracy"] if validated else []
    columns += ["seconds"]
    shared, unfinished = any(row.together > 1 for row in table.rows), len(table.finished) < len(table.rows)
    columns += (["trained together"] if shared else []) + (["state"] if unfinished else [])
    rows = []
    for row in table.rows:
        cells = [*_labels(row), *(_mean_text(row.score(metric)) for metric in COLUMNS)]
        cells += [_mean_text(row.validation_accuracy)] if validated else []
        cells += [_mean_text(row.train_seconds, 1)]
        cells += [str(row.together) if row.together > 1 else ""] if shared else []
        cells += [state(row)] if unfinished else []
        rows.append(tuple(cells))
    return Table(tuple(columns), tuple(rows), len(_label_columns(table)))


def setup_text(study: StudyPreset) -> str:
    """The settings that decide the results, without the factors, as a sentence."""
    varied = _varied(study)
    base = study.base
    parts = {
        "model.architecture": base.model.architecture,
        "model.weights": f"weights {Path(base.model.weights).name}",
        "model.trainable": f"trained layers {base.model.trainable}",
        "data.dataset": f"on {dataset_label(base.data.dataset, base.data.root)}",
        "data.train_limit": "" if base.data.train_limit is None else pluralize(base.data.train_limit, "training image"),
        "data.test_limit": "" if base.data.test_limit is None else pluralize(base.data.test_limit, "test image"),
        "data.image_size": f"at {base.data.image_size} pixels",
        "data.validation_fraction": f"validation fraction {base.data.validation_fraction:g}",
        "training.epochs": pluralize(base.training.epochs, "epoch"),
        "training.batch_size": f"batches of {base.training.batch_size}",
        "training.optimizer.name": base.training.optimizer.name,
        "training.optimizer.learning_rate": f"learning rate {value_text(base.training.optimizer.learning_rate)}",
        "training.schedule": f"schedule {base.training.schedule}",
    }
    settings = ", ".join(part for path, part in parts.items() if part and path not in varied)
    seeds = "" if study.repeats == 1 else f" {study.repeats} seeds per value, starting at {base.training.seed}."
    return f"{settings}.{seeds}"


def environment_texts(environments: Iterable[Environment]) -> Iterator[str]:
    """A sentence for each environment."""
    for one in environments:
        yield (
            f"On {one.device_name} ({one.device}, {one.precision}), {pluralize(one.cpu_count, 'processor')}, "
            f"{quantity(one.memory_bytes, 'bytes')} of memory; cnn-tui {one.program}, PyTorch {one.torch}, "
            f"torchvision {one.torchvision}, Python {one.python}, {one.platform}."
        )


def state(row: StudyRow) -> str:
    """The status of a row, with the reason for a failure or stop."""
    progress = f"{row.done} of {len(row.runs)} " if len(row.runs) > 1 and row.status in ("waiting", "running") else ""
    return f"{progress}{row.status}" + (f": {row.reason}" if row.reason else "")


def _reported_table(table: StudyTable) -> Table:
    reported = [row for row in table.rows if row.reported is not None]
    metrics = [metric for metric in REPORTED if any(row.published(metric) is not None for row in reported)]
    rows = [
        (*_labels(row), *(_reported_text(row.published(metric), row.difference(metric)) for metric in metrics))
        for row in reported
    ]
    labels = _label_columns(table)
    columns = (*labels, *(metric.heading for metric in metrics))
    return Table(columns, tuple(rows), len(labels), caption="Reported results")


def _details_table(table: StudyTable) -> Table:
    """The recorded metrics that the table of results leaves out."""
    metrics = [metric for metric in DETAILS if any(row.score(metric) for row in table.rows)]
    rows = [(*_labels(row), *(_mean_text(row.score(metric)) for metric in metrics)) for row in table.rows if row.done]
    labels = _label_columns(table)
    columns = (*labels, *(metric.title for metric in metrics))
    return Table(columns, tuple(rows), len(labels), caption="Further metrics")


def _settings_table(study: StudyPreset) -> Table:
    """All settings, with every value of the factors."""
    varied = _varied(study)
    rows = [(spec.path, _setting(study.base, spec.path, varied)) for spec in experiment_fields()]
    return Table(("setting", "value"), (*rows, ("repeats", str(study.repeats))), labels=2)


def _varied(study: StudyPreset) -> dict[str, tuple[Value, ...]]:
    """The factors of a study with their values."""
    second = {study.second_factor: study.second_values} if study.second_factor else {}
    return {study.factor: study.values, **second}


def _setting(base: Experiment, path: str, varied: Mapping[str, tuple[Value, ...]]) -> str:
    return ", ".join(map(value_text, varied[path])) if path in varied else value_text(value_at(base, path))


def _remarks(table: StudyTable) -> Iterator[str]:
    if table.study.repeats > 1:
        yield f"Mean ± standard deviation over {table.study.repeats} seeds."
    if any(row.together > 1 for row in table.rows):
        yield (
            "Runs that could share computation were trained together: their seconds are a share of the total, or the "
            "time until their last epoch, and not the time that each would take alone."
        )


def _label_columns(table: StudyTable) -> tuple[str, ...]:
    return (table.second_factor, table.factor) if table.second_factor else (table.factor,)


def _labels(row: StudyRow) -> tuple[str, ...]:
    return (row.second_label, row.label) if row.second_label else (row.label,)


def _mean_text(value: Aggregate | None, digits: int = 4) -> str:
    if value is None:
        return ""
    return f"{value.mean:.{digits}f}" + ("" if value.deviation is None else f" ± {value.deviation:.{digits}f}")


def _reported_text(published: float | None, difference: float | None) -> str:
    if published is None:
        return ""
    # Adding 0.0 turns a negative zero into a positive one.
    return f"{published:.3f}" + ("" if difference is None else f" ({round(difference, 4) + 0.0:+.4f})")


def _csv_cells(row: StudyRow) -> list[str]:
    cells = [row.label, *([row.second_label] if row.second_label else [])]
    cells += [row.status, row.reason, str(len(row.runs)), str(row.done)]
    for value in (*map(row.score, SCORES), row.validation_accuracy, row.train_seconds):
        cells += ["", ""] if value is None else [_number(value.mean), _number(value.deviation)]
    for metric in REPORTED:
        cells += [_number(row.published(metric)), _number(row.difference(metric))]
    return [*cells, str(row.together), " ".join(session for session in row.sessions if session)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
