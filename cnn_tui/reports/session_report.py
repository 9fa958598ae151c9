"""A session as tables and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cnn_tui.events import EpochFinished, WarningRaised
from cnn_tui.formatting import dataset_label, pluralize
from cnn_tui.metrics import Result, Scores
from cnn_tui.reports.chart import Chart, MatrixChart, Series
from cnn_tui.reports.document import Document, Section
from cnn_tui.reports.mistakes import Mistake, mistakes_table
from cnn_tui.reports.session_data import SessionData
from cnn_tui.reports.session_facts import facts_table, session_facts
from cnn_tui.reports.tables import Table, class_table, confused_table, epoch_table, matrix_table
from cnn_tui.store.records import SessionRecord

_PAIRS = 20
_MISTAKES = "The test pictures that were taken for another class with the highest confidence:"
_TITLES = {
    "figures": "Figures",
    "classes": "Classes",
    "confusion-matrix": "Confusion matrix",
    "confused-pairs": "Most confused",
    "epochs": "Epochs",
    "settings": "Settings",
}


def session_tables(
    record: SessionRecord, epochs: Sequence[EpochFinished], warnings: Iterable[WarningRaised], folder: Path
) -> dict[str, Table]:
    """All tables of a session by their names; those that it has no figures for are left out."""
    tables = {}
    if record.result is not None:
        tables["figures"] = result_table(record.result)
        tables["classes"] = class_table(record.result)
        tables["confusion-matrix"] = matrix_table(record.result)
        tables["confused-pairs"] = confused_table(record.result)
    if epochs:
        tables["epochs"] = epoch_table(epochs)
    tables["settings"] = facts_table(session_facts(record, warnings, folder))
    return tables


def result_table(result: Result) -> Table:
    """The metrics of the test split."""
    return Table(("figure", "value"), tuple((one.title, one.text(result.value(one))) for one in result.metrics))


def session_document(session: SessionData, mistakes: Sequence[Mistake] = ()) -> Document:
    """Everything on record of a session; of its pictures these mistakes, as :func:`read_mistakes` gives them."""
    record = session.record
    tables = session_tables(record, session.epochs, session.warnings, session.folder)
    if "confused-pairs" in tables and record.result is not None:
        tables["confused-pairs"] = confused_table(record.result, _PAIRS)
    sections = [Section("Summary", (*_summary(record), *_written(session)))]
    if session.epochs:
        sections.append(Section("Curves", curve_charts(record, session.epochs)))
    for name, table in tables.items():
        charts = matrix_charts(record) if name == "confusion-matrix" else ()
        sections.append(Section(_TITLES[name], (*_words(name, record), table, *charts)))
        if name == "confused-pairs" and mistakes:
            sections.append(Section("Most confident mistakes", (_MISTAKES, mistakes_table(mistakes))))
    return Document(record.name, tuple(sections))


def _summary(record: SessionRecord) -> tuple[str, ...]:
    """What was run and how it ended, in words."""
    model, data, training = record.experiment.model, record.experiment.data, record.experiment.training
    what = (
        f"{model.architecture} ({model.weights} weights, trained: {model.trainable.replace('_', ' ')}) on "
        f"{dataset_label(data.dataset, data.root)} at {data.image_size} pixels, {pluralize(training.epochs, 'epoch')} "
        f"of {training.optimizer.name} at learning rate {training.optimizer.learning_rate:g} in batches of "
        f"{training.batch_size:,}. Session {record.id}: {record.status}."
    )
    described = (record.description,) if record.description else ()
    if record.error is None:
        return (*described, what)
    failure = ". ".join(part.rstrip(".") for part in (record.error.title, record.error.detail) if part)
    return (*described, what, f"{failure}.")


def _written(session: SessionData) -> tuple[str, ...]:
    """What a person wrote about the session."""
    note = session.note
    return (*((f"Note: {note.note}",) if note.note else ()), *((f"Tags: {note.tag_line}",) if note.tags else ()))


def _words(name: str, record: SessionRecord) -> tuple[str, ...]:
    """What has to be known to read a table."""
    if name == "confusion-matrix":
        return ("Rows are actual classes, columns predicted ones.",)
    if name == "classes" and record.result is not None and record.result.unsupported:
        return (left_out(record.result),)
    return ()


def left_out(scores: Scores) -> str:
    """Which classes the macro means leave out, empty for none."""
    names = scores.unsupported
    if not names:
        return ""
    shown = ", ".join(names[:5]) + ("…" if names[5:] else "")
    return f"The macro means leave out {pluralize(len(names), 'class', 'classes')} without test pictures: {shown}"


def matrix_charts(record: SessionRecord) -> tuple[MatrixChart, ...]:
    """The confusion matrix, none without a result."""
    result = record.result
    return (MatrixChart("Confusion matrix", result.classes, result.confusion_matrix),) if result else ()


def curve_charts(record: SessionRecord, epochs: Sequence[EpochFinished]) -> tuple[Chart, ...]:
    """Loss and accuracy by epoch, with the test figure at the epoch that was tested; none without epochs."""
    if not epochs:
        return ()
    result = record.result
    tested = float(result.best_epoch or epochs[-1].epoch) if result else 0.0
    losses = [(e.epoch, e.validation_loss) for e in epochs if e.validation_loss is not None]
    accuracies = [(e.epoch, e.validation_accuracy) for e in epochs if e.validation_accuracy is not None]
    loss = _curves([e.epoch for e in epochs], [e.train_loss for e in epochs], losses)
    accuracy = _curves([e.epoch for e in epochs], [e.train_accuracy for e in epochs], accuracies)
    if result is not None:
        loss.append(Series("test", [tested], [result.test_loss], "test", "none", "diamond"))
        accuracy.append(Series("test", [tested], [result.accuracy], "test", "none", "diamond"))
    return (
        Chart("Loss", tuple(loss), "epoch", "loss"),
        Chart("Accuracy", tuple(accuracy), "epoch", "accuracy", percent=True),
    )


def _curves(places: list[int], train: list[float], validation: list[tuple[int, float]]) -> list[Series]:
    series = [Series("train", places, train, "train")]
    if validation:
        xs, ys = zip(*validation, strict=True)
        series.append(Series("validation", xs, ys, "validation", "dashed"))
    return series
