"""A study as a report: its table, its curves, the best value, what was reported of it, and what was run on what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import experiment_fields, value_at
from cnn_tui.config.study import StudyPreset, Value
from cnn_tui.events import Environment
from cnn_tui.formatting import dataset_label, pluralize
from cnn_tui.metrics import DETAILS
from cnn_tui.reports.chart import CUES, Chart, Series
from cnn_tui.reports.document import Block, Document, Section
from cnn_tui.reports.study_best import best
from cnn_tui.reports.study_differences import differences
from cnn_tui.reports.study_plot import FactorAxis, curve, drawn_series, factor_axis
from cnn_tui.reports.study_table import COLUMNS, Figure, StudyRow, StudyTable, value_text
from cnn_tui.reports.tables import Table

_REPORTED = "The figures that were reported, and in brackets ours less them:"


def study_document(table: StudyTable, *, with_settings: bool = True) -> Document:
    """The report of one study; ``with_settings`` lists every setting at its end."""
    study = table.study
    opening = (study.description,) if study.description else ()
    ran = Section("What was run", (setup_text(study), *environment_texts(table.environments)))
    settings = (Section("Settings", (settings_table(study),)),) if with_settings else ()
    return Document(study.name, (Section("Results", (*opening, *study_blocks(table))), ran, *settings))


def study_blocks(table: StudyTable) -> tuple[Block, ...]:
    """What there is to say of a study's results: tables, curves, sentences."""
    chosen = best(table)
    return (
        results_table(table),
        *_remarks(table),
        *((chosen.sentence,) if chosen else ()),
        *charts(table),
        *((details_table(table),) if table.done else ()),
        *_comparison(table),
    )


def results_table(table: StudyTable) -> Table:
    """What each value came to; mean and standard deviation where it was run with several seeds."""
    labels = _label_columns(table)
    columns = [*labels, *(metric.heading for metric in COLUMNS)]
    validated = table.criterion == "validation accuracy"
    columns += ["validation accuracy"] if validated else []
    columns += ["seconds"]
    shared, unfinished = any(row.together > 1 for row in table.rows), len(table.finished) < len(table.rows)
    columns += (["trained together"] if shared else []) + (["state"] if unfinished else [])
    rows = []
    for row in table.rows:
        cells = [*_labels(row), *(_shown(row.figure(metric)) for metric in COLUMNS)]
        cells += [_shown(row.validation_accuracy)] if validated else []
        cells += [_shown(row.train_seconds, 1)]
        cells += [str(row.together) if row.together > 1 else ""] if shared else []
        cells += [state(row)] if unfinished else []
        rows.append(tuple(cells))
    return Table(tuple(columns), tuple(rows), len(labels))


def reported_table(table: StudyTable) -> Table:
    """The published figures, each with ours less it in brackets."""
    labels = _label_columns(table)
    rows = [
        (*_labels(row), *(_beside(row.published(metric), row.difference(metric)) for metric in COLUMNS))
        for row in table.rows
        if row.reported is not None
    ]
    return Table((*labels, *(metric.heading for metric in COLUMNS)), tuple(rows), len(labels))


def details_table(table: StudyTable) -> Table:
    """The metrics that the table of results has no room for, where they were recorded."""
    labels = _label_columns(table)
    metrics = [metric for metric in DETAILS if any(row.figure(metric) for row in table.rows)]
    rows = [(*_labels(row), *(_shown(row.figure(metric)) for metric in metrics)) for row in table.rows if row.done]
    return Table((*labels, *(metric.title for metric in metrics)), tuple(rows), len(labels))


def charts(table: StudyTable) -> Iterator[Chart]:
    """The figures over the factor, and the time where each run was trained on its own."""
    axis = factor_axis(table)
    points = drawn_series(table)
    if points:
        curves = tuple(curve(axis, index, one) for index, one in enumerate(points))
        yield _chart(f"{table.factor}: what the runs came to on test pictures", axis, curves, "score on test pictures")
    if table.study.plain and table.done:
        yield _chart(f"{table.factor}: time of training", axis, tuple(_times(table, axis)), "seconds")


def setup_text(study: StudyPreset) -> str:
    """What was done, in a sentence: all that decides the results but for the factors."""
    varied = [study.factor, *([study.second_factor] if study.second_factor else [])]
    base = study.base
    parts = {
        "model.architecture": base.model.architecture,
        "model.weights": f"weights {Path(base.model.weights).name}",
        "model.trainable": f"trained part {base.model.trainable}",
        "data.dataset": f"on {dataset_label(base.data.dataset, base.data.root)}",
        "data.train_limit": ""
        if base.data.train_limit is None
        else pluralize(base.data.train_limit, "training picture"),
        "data.test_limit": "" if base.data.test_limit is None else pluralize(base.data.test_limit, "test picture"),
        "data.image_size": f"at {base.data.image_size} pixels",
        "data.validation_fraction": f"validation part {base.data.validation_fraction:g}",
        "training.epochs": pluralize(base.training.epochs, "epoch"),
        "training.batch_size": f"batches of {base.training.batch_size}",
        "training.optimizer.name": base.training.optimizer.name,
        "training.optimizer.learning_rate": f"learning rate {value_text(base.training.optimizer.learning_rate)}",
        "training.schedule": f"schedule {base.training.schedule}",
    }
    said = ", ".join(part for path, part in parts.items() if part and path not in varied)
    seeds = "" if study.repeats == 1 else f" Every value with {study.repeats} seeds, from {base.training.seed} on."
    return f"{said}.{seeds}"


def environment_texts(environments: Iterable[Environment]) -> Iterator[str]:
    """What the runs ran on, a line for each machine."""
    for one in environments:
        yield (
            f"On {one.device_name} ({one.device}, {one.precision}), {pluralize(one.cpu_count, 'processor')}, "
            f"{one.memory_bytes / 2**30:.0f} GiB of memory; cnn-tui {one.program}, PyTorch {one.torch}, "
            f"torchvision {one.torchvision}, Python {one.python}, {one.platform}."
        )


def settings_table(study: StudyPreset) -> Table:
    """Every setting, with the values of those that are varied."""
    varied = {study.factor: study.values}
    if study.second_factor is not None:
        varied[study.second_factor] = study.second_values
    rows = [(spec.path, _setting(study.base, spec.path, varied)) for spec in experiment_fields()]
    return Table(("setting", "value"), (*rows, ("repeats", str(study.repeats))), labels=2)


def state(row: StudyRow) -> str:
    """How far a row is, with the reason where something went wrong."""
    counted = f"{row.done} of {len(row.runs)} " if len(row.runs) > 1 and row.status in ("waiting", "running") else ""
    return f"{counted}{row.status}" + (f": {row.reason}" if row.reason else "")


def _setting(base: Experiment, path: str, varied: Mapping[str, tuple[Value, ...]]) -> str:
    if path in varied:
        return ", ".join(map(_value, varied[path]))
    return _value(value_at(base, path))


def _value(value: object) -> str:
    return value_text(value) if value is None or isinstance(value, int | float | str) else str(value)


def _comparison(table: StudyTable) -> tuple[Block, ...]:
    said = tuple(differences(table))
    return (_REPORTED, reported_table(table), *said) if said else ()


def _remarks(table: StudyTable) -> Iterator[str]:
    if table.study.repeats > 1:
        yield f"Mean ± standard deviation over {table.study.repeats} seeds."
    if any(row.together > 1 for row in table.rows):
        yield (
            "Runs that could share work were trained together: their seconds are a share of the whole, or the time "
            "until their last epoch, and not what each takes alone."
        )


def _label_columns(table: StudyTable) -> tuple[str, ...]:
    return (table.second_factor, table.factor) if table.second_factor else (table.factor,)


def _labels(row: StudyRow) -> tuple[str, ...]:
    return (row.second_label, row.label) if row.second_label else (row.label,)


def _shown(figure: Figure | None, digits: int = 4) -> str:
    if figure is None:
        return ""
    return f"{figure.mean:.{digits}f}" + ("" if figure.spread is None else f" ± {figure.spread:.{digits}f}")


def _beside(published: float | None, difference: float | None) -> str:
    if published is None:
        return ""
    return f"{published:.3f}" + ("" if difference is None else f" ({_signed(difference)})")


def _signed(value: float) -> str:
    return f"{round(value, 4) + 0.0:+.4f}"  # the sum has no negative zero


def _chart(title: str, axis: FactorAxis, curves: tuple[Series, ...], y_label: str) -> Chart:
    return Chart(title, curves, axis.label, y_label, log_x=axis.log, x_ticks=axis.ticks)


def _times(table: StudyTable, axis: FactorAxis) -> Iterator[Series]:
    for place, second in enumerate(dict.fromkeys(row.second_label for row in table.rows)):
        known = sorted(
            (axis.places[row.value], row.train_seconds.mean)
            for row in table.rows
            if row.second_label == second and row.train_seconds is not None
        )
        cue = CUES[place % len(CUES)]
        xs, ys = tuple(x for x, _ in known), tuple(y for _, y in known)
        yield Series(second, xs, ys, cue.role, cue.dash if axis.continuous else "none", cue.marker)
