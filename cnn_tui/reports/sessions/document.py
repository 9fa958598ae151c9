"""A session as tables, as charts and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from cnn_tui.config.fields import FieldSpec, experiment_fields, value_at
from cnn_tui.events import Environment, EpochFinished, WarningRaised
from cnn_tui.formatting import dataset_label, elapsed, pluralize, quantity, unit_for
from cnn_tui.metrics import Result, Scores
from cnn_tui.reports.charts.heat import MatrixChart
from cnn_tui.reports.charts.series import Chart, Series
from cnn_tui.reports.documents.document import Block, Document, Section
from cnn_tui.reports.documents.tables import IllustratedTable, Illustration, Table
from cnn_tui.reports.labels import BEST_EPOCH_CRITERION
from cnn_tui.reports.sessions.data import Mistake, SessionData
from cnn_tui.reports.sessions.scores import class_table, confused_table, matrix_table
from cnn_tui.store.records import SessionRecord

_MOST_PAIRS = 20
_MISTAKES_NOTE = "The wrong predictions with the highest confidence:"
_TITLES = {
    "figures": "Figures",
    "classes": "Classes",
    "confusion-matrix": "Confusion matrix",
    "confused-pairs": "Most confused",
    "epochs": "Epochs",
    "settings": "Settings",
}
_HARDWARE = {"platform", "device", "device_name", "precision", "cpu_count", "memory_bytes"}
_Pairs = tuple[tuple[str, str], ...]
Facts = tuple[str, _Pairs]
"""A titled section of names with their values."""


def session_document(session: SessionData, mistakes: Sequence[Mistake] = ()) -> Document:
    """All recorded data of a session, with these mistakes from :func:`read_mistakes`."""
    record = session.record
    tables = session_tables(record, session.epochs, session.warnings, session.folder)
    if record.result is not None:
        tables["confused-pairs"] = confused_table(record.result, _MOST_PAIRS)
    sections = [Section("Summary", (*_summary(record), *_note(session)))]
    if session.epochs:
        sections.append(Section("Curves", curve_charts(record, session.epochs)))
    for name, table in tables.items():
        sections.append(Section(_TITLES[name], (*_explanation(name, record), table, *_matrix_chart(name, record))))
        if name == "confused-pairs" and mistakes:
            sections.append(Section("Most confident mistakes", (_MISTAKES_NOTE, _mistakes_table(mistakes))))
    return Document(record.name, tuple(sections))


def session_tables(
    record: SessionRecord, epochs: Sequence[EpochFinished], warnings: Iterable[WarningRaised], folder: Path
) -> dict[str, Table]:
    """All tables of a session by name, without those that it has no data for."""
    tables: dict[str, Table] = {}
    if record.result is not None:
        tables["figures"] = _result_table(record.result)
        tables["classes"] = class_table(record.result)
        tables["confusion-matrix"] = matrix_table(record.result)
        tables["confused-pairs"] = confused_table(record.result)
    if epochs:
        tables["epochs"] = epoch_table(epochs)
    tables["settings"] = facts_table(session_facts(record, warnings, folder))
    return tables


def epoch_table(epochs: Iterable[EpochFinished]) -> Table:
    """The curves of a run, one row per epoch; cells of epochs without validation are empty."""
    columns = ("epoch", "train loss", "train accuracy", "validation loss", "validation accuracy", "learning rate")
    rows = [
        (
            str(epoch.epoch),
            f"{epoch.train_loss:.6g}",
            f"{epoch.train_accuracy:.6f}",
            "" if epoch.validation_loss is None else f"{epoch.validation_loss:.6g}",
            "" if epoch.validation_accuracy is None else f"{epoch.validation_accuracy:.6f}",
            f"{epoch.learning_rate:g}",
        )
        for epoch in epochs
    ]
    return Table(columns, tuple(rows), labels=0)


def facts_table(facts: Iterable[Facts]) -> Table:
    """All facts as rows, with their section in the first column."""
    rows = [(section, name, value) for section, pairs in facts for name, value in pairs]
    return Table(("section", "setting", "value"), tuple(rows), labels=3)


def session_facts(record: SessionRecord, warnings: Iterable[WarningRaised], folder: Path) -> tuple[Facts, ...]:
    """Everything known about a session besides its scores, without empty sections."""
    sections: tuple[Facts, ...] = (
        ("Time", _time_facts(record)),
        ("Experiment", tuple((spec.title, _setting(spec, record)) for spec in experiment_fields())),
        ("Machine", _machine_facts(record)),
        ("Session", (("id", record.id), ("started", _local_time(record.created)), ("folder", str(folder)))),
        ("Warnings", tuple((warning.title, warning.detail) for warning in warnings)),
    )
    return tuple(section for section in sections if section[1])


def unsupported_text(scores: Scores) -> str:
    """The classes that the macro means exclude, empty for none."""
    names = scores.unsupported
    if not names:
        return ""
    listed = ", ".join(names[:5]) + ("…" if names[5:] else "")
    return f"The macro means exclude {pluralize(len(names), 'class', 'classes')} without test images: {listed}"


def curve_charts(record: SessionRecord, epochs: Sequence[EpochFinished]) -> tuple[Chart, ...]:
    """Loss and accuracy by epoch, with the test result at the tested epoch; none without epochs."""
    if not epochs:
        return ()
    result = record.result
    tested = float(result.best_epoch or epochs[-1].epoch) if result else 0.0
    loss = _curves([(e.epoch, e.train_loss, e.validation_loss) for e in epochs])
    accuracy = _curves([(e.epoch, e.train_accuracy, e.validation_accuracy) for e in epochs])
    if result is not None:
        loss.append(Series("test", [tested], [result.test_loss], "test", "none", "diamond"))
        accuracy.append(Series("test", [tested], [result.accuracy], "test", "none", "diamond"))
    return (
        Chart("Loss", tuple(loss), "epoch", "loss"),
        Chart("Accuracy", tuple(accuracy), "epoch", "accuracy", percent=True),
    )


def matrix_charts(record: SessionRecord) -> tuple[MatrixChart, ...]:
    """The confusion matrix, none without a result."""
    result = record.result
    return (MatrixChart("Confusion matrix", result.classes, result.confusion_matrix),) if result else ()


def _result_table(result: Result) -> Table:
    return Table(("figure", "value"), tuple((one.title, one.text(result.value(one))) for one in result.metrics))


def _summary(record: SessionRecord) -> tuple[str, ...]:
    """The description, the experiment and its outcome in a sentence, and the error of a failed run."""
    model, data, training = record.experiment.model, record.experiment.data, record.experiment.training
    experiment = (
        f"{model.architecture} ({model.weights} weights, trained: {model.trainable.replace('_', ' ')}) on "
        f"{dataset_label(data.dataset, data.root)} at {data.image_size} pixels, {pluralize(training.epochs, 'epoch')} "
        f"of {training.optimizer.name} at learning rate {training.optimizer.learning_rate:g} in batches of "
        f"{training.batch_size:,}. Session {record.id}: {record.status}."
    )
    description = (record.description,) if record.description else ()
    if record.error is None:
        return (*description, experiment)
    error = ". ".join(part.rstrip(".") for part in (record.error.title, record.error.detail) if part)
    return (*description, experiment, f"{error}.")


def _note(session: SessionData) -> tuple[str, ...]:
    note = session.note
    return (*((f"Note: {note.note}",) if note.note else ()), *((f"Tags: {note.tag_line}",) if note.tags else ()))


def _explanation(table: str, record: SessionRecord) -> tuple[str, ...]:
    if table == "confusion-matrix":
        return ("Rows are actual classes, columns are predicted classes.",)
    if table == "classes" and record.result is not None and record.result.unsupported:
        return (unsupported_text(record.result),)
    return ()


def _matrix_chart(table: str, record: SessionRecord) -> tuple[Block, ...]:
    return matrix_charts(record) if table == "confusion-matrix" else ()


def _mistakes_table(mistakes: Sequence[Mistake]) -> IllustratedTable:
    rows = [(one.actual, one.predicted, f"{one.confidence * 100:.1f} %", f"{one.index:,}") for one in mistakes]
    images = tuple(
        Illustration(
            mistake.png,
            caption=(f"actual: {actual}", f"predicted: {predicted}", f"{confidence} · image {index}"),
            alt=f"Test image {index}: {actual}, predicted as {predicted} with {confidence} confidence",
        )
        for mistake, (actual, predicted, confidence, index) in zip(mistakes, rows, strict=True)
    )
    return IllustratedTable(("actual", "predicted", "confidence", "test image"), tuple(rows), labels=2, images=images)


def _curves(epochs: Sequence[tuple[int, float, float | None]]) -> list[Series]:
    """The training curve and, if there is one, the validation curve of epochs as (number, training, validation)."""
    series = [Series("train", [number for number, _, _ in epochs], [train for _, train, _ in epochs], "train")]
    validation = [(number, value) for number, _, value in epochs if value is not None]
    if validation:
        xs, ys = zip(*validation, strict=True)
        series.append(Series("validation", xs, ys, "validation", "dashed"))
    return series


def _time_facts(record: SessionRecord) -> _Pairs:
    result = record.result
    if result is None:
        return ()
    best = "" if result.best_epoch is None else f"{result.best_epoch:,} by {BEST_EPOCH_CRITERION}"
    return (
        ("epochs", f"{result.epochs_run:,} of {record.experiment.training.epochs:,}"),
        *((("best epoch", best),) if best else ()),
        ("training time", elapsed(result.train_seconds)),
        ("total time", elapsed(result.total_seconds)),
        ("speed", f"{result.images_per_second:,.0f} images/s"),
        ("peak memory", quantity(result.peak_memory_bytes, "bytes")),
    )


def _machine_facts(record: SessionRecord) -> _Pairs:
    machine, parameters = record.environment, record.parameters
    trained = (("parameters", f"{parameters.trainable:,} of {parameters.total:,} trained"),) if parameters else ()
    if machine is None:
        return trained
    versions = [name for name in Environment.model_fields if name not in _HARDWARE]
    return (
        *trained,
        ("device", f"{machine.device_name} ({machine.device})"),
        ("precision", machine.precision),
        ("processors", f"{machine.cpu_count}, {quantity(machine.memory_bytes, 'bytes')} memory"),
        ("system", machine.platform),
        ("versions", ", ".join(f"{name} {getattr(machine, name)}" for name in versions)),
    )


def _setting(spec: FieldSpec, record: SessionRecord) -> str:
    value = value_at(record.experiment, spec.path)
    if value is None:
        return "–"
    if isinstance(value, int) and spec.title != "Seed":
        text = f"{value:,}"
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {unit_for(value, spec.unit)}".rstrip()


def _local_time(iso: str) -> str:
    try:
        return f"{datetime.fromisoformat(iso).astimezone():%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return iso
