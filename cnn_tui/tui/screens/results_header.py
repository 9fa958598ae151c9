"""The header of Results: the experiment, its metrics and the user's note."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cnn_tui.formatting import dataset_label, elapsed, pluralize, printable, shorten
from cnn_tui.metrics import DETAILS, HEADLINE, Metric, Result, Scores
from cnn_tui.reports.labels import session_label
from cnn_tui.store.notes import SessionNote
from cnn_tui.store.records import SessionRecord
from cnn_tui.tui.screens.results_data import SessionView

_STATUS_STYLES = {"done": "$text-success", "stopped": "$text-warning", "failed": "$text-error", "killed": "$text-error"}
_TRAINED = {"last_layer": "last layer trained", "classifier": "classifier trained", "all": "all layers trained"}
_GAP = "   "


class ResultHeader(Widget):
    """Experiment and metrics, each in the longest form that fits on a line, then the note if there is one."""

    DEFAULT_CSS = """
    ResultHeader {
        height: 2;
        padding: 0 1;
        &.-noted { height: 3; }
    }
    """

    view: reactive[SessionView | None] = reactive(None)
    """The session to show."""

    def show(self, view: SessionView) -> None:
        """Show a session."""
        self.view = view
        self.set_class(bool(view.note.line), "-noted")

    def render(self) -> Content:
        """Two or three lines."""
        if self.view is None:
            return Content("")
        record, note, width = self.view.record, self.view.note, self.size.width
        lines = [run_line(record, width), _metrics_line(record, width)]
        if note.line:
            lines.append(note_line(note, width))
        return Content("\n").join(lines)


def run_line(record: SessionRecord, width: int) -> Content:
    """Name, status, model and data in at most ``width`` cells."""
    status = Content.styled(record.status, f"bold {_STATUS_STYLES.get(record.status, '$text-accent')}")
    data, model = record.experiment.data, record.experiment.model
    dataset = dataset_label(data.dataset, data.root)
    trained = f"({model.weights}), {_TRAINED[model.trainable]},"
    candidates = (
        f"{model.architecture} {trained} on {dataset} at {data.image_size} pixels",
        f"{model.architecture} on {dataset} at {data.image_size} pixels",
        f"{model.architecture} on {dataset}",
    )
    name = Content.styled(shorten(session_label(record.name, record.study), max(12, width // 3)), "bold")
    return _longest_fitting(
        (Content(_GAP).join((name, status, Content(printable(text)))) for text in candidates), width
    )


def note_line(note: SessionNote, width: int) -> Content:
    """Tags and note in at most ``width`` cells."""
    tags, text = Content.styled(printable(note.tag_line), "$text-accent"), Content(printable(note.note))
    line = Content("  ").join(part for part in (tags, text) if part.plain)
    return line.truncate(width, ellipsis=True)


def details_line(scores: Scores) -> Content:
    """The metrics that fit into the header only on a wide terminal."""
    values = [
        (metric.title, metric.screen_text(scores.value(metric))) for metric in DETAILS if metric in scores.metrics
    ]
    return _labelled(*values, gap="  ")


def _metrics_line(record: SessionRecord, width: int) -> Content:
    result = record.result
    if result is None:
        return Content.styled("no test result", "$foreground-muted")
    classes = f"{len(result.classes) - len(result.unsupported)}/{len(result.classes)}"
    macro, short = (f"macro of {classes} classes", f"macro of {classes}") if result.unsupported else ("macro", "macro")
    scores, loss = _short_metrics(result, short)
    cost = f"{result.epochs_run:,} ep.", elapsed(result.train_seconds)
    candidates = (
        _long_metrics(result, macro, result.metrics, _GAP),
        _long_metrics(result, macro, HEADLINE, _GAP),
        _long_metrics(result, macro, HEADLINE, "  "),
        _labelled(*scores, *loss, cost, gap="  "),
        _labelled(*scores, *loss, gap="  "),
        _labelled(*scores, gap="  "),
    )
    return _longest_fitting(candidates, width)


def _long_metrics(result: Result, macro: str, metrics: Sequence[Metric], gap: str) -> Content:
    labels = _with_macro_once(
        metrics, [metric.heading if metric.per_class else metric.title for metric in metrics], macro
    )
    values = [metric.screen_text(result.value(metric)) for metric in metrics]
    cost = f"{pluralize(result.epochs_run, 'epoch')} in", elapsed(result.train_seconds)
    return _labelled(*zip(labels, values, strict=True), cost, gap=gap)


def _short_metrics(result: Result, macro: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The headline scores and losses with short labels."""
    scores: list[tuple[str, str]] = []
    losses: list[tuple[str, str]] = []
    labels = _with_macro_once(HEADLINE, [metric.symbol for metric in HEADLINE], macro)
    for label, metric in zip(labels, HEADLINE, strict=True):
        (losses if metric.is_loss else scores).append((label, metric.screen_text(result.value(metric), 3)))
    return scores, losses


def _with_macro_once(metrics: Sequence[Metric], labels: Sequence[str], macro: str) -> list[str]:
    """The labels, with ``macro`` before that of the first macro mean only."""
    first = next((metric for metric in metrics if metric.per_class), None)
    return [f"{macro} {label}" if metric is first else label for metric, label in zip(metrics, labels, strict=True)]


def _labelled(*values: tuple[str, str], gap: str = _GAP) -> Content:
    return Content(gap).join(
        Content.styled(f"{label} ", "$foreground-muted").append(Content.styled(value, "bold $text"))
        for label, value in values
    )


def _longest_fitting(candidates: Iterable[Content], width: int) -> Content:
    """The first candidate that fits, otherwise the last one truncated."""
    content = Content("")
    for content in candidates:
        if content.cell_length <= width:
            return content
    return content.truncate(width, ellipsis=True)
