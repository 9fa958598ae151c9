"""The lines at the top of Results: what was run, and what it came to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from cnn_tui.formatting import dataset_label, elapsed, pluralize, printable, shorten
from cnn_tui.metrics import DETAILS, HEADLINE, Metric, Result, Scores
from cnn_tui.reports.labels import session_label
from cnn_tui.store.notes import NO_NOTE, SessionNote
from cnn_tui.store.records import SessionRecord

_STATUS_STYLES = {"done": "$text-success", "stopped": "$text-warning", "failed": "$text-error", "killed": "$text-error"}
_GAP = "   "


class ResultHeader(Widget):
    """Two lines in the longest words that fit, and a third where a person wrote a note or tags."""

    DEFAULT_CSS = """
    ResultHeader {
        height: 2;
        padding: 0 1;
        &.-noted { height: 3; }
    }
    """

    record: reactive[SessionRecord | None] = reactive(None)
    """The session to tell about."""
    note: reactive[SessionNote] = reactive(NO_NOTE)
    """What a person wrote about it."""

    def watch_note(self, note: SessionNote) -> None:
        """Make room for it."""
        self.set_class(bool(note.line), "-noted")

    def render(self) -> Content:
        """What was run above what came of it and what was written about it."""
        if self.record is None:
            return Content("")
        width = self.size.width
        lines = [run_line(self.record, width), _figures_line(self.record, width)]
        if self.note.line:
            lines.append(note_line(self.note, width))
        return Content("\n").join(lines)


def run_line(record: SessionRecord, width: int) -> Content:
    """Name, status and what was trained on what, in ``width`` cells."""
    status = Content.styled(record.status, f"bold {_STATUS_STYLES.get(record.status, '$text-accent')}")
    data = record.experiment.data
    pictures = dataset_label(data.dataset, data.root)
    candidates = (
        f"{_model(record)} on {pictures} at {data.image_size} pixels",
        f"{_short_model(record)} on {pictures} at {data.image_size} pixels",
        f"{_short_model(record)} on {pictures}",
    )
    longest = max(12, width // 3)
    name = Content.styled(shorten(session_label(record.name, record.study), longest), "bold")
    return _fitting((Content(_GAP).join((name, status, Content(printable(text)))) for text in candidates), width)


def note_line(note: SessionNote, width: int) -> Content:
    """Tags and note in one line of ``width`` cells."""
    tags, words = Content.styled(printable(note.tag_line), "$text-accent"), Content(printable(note.note))
    line = Content("  ").join(part for part in (tags, words) if part.plain)
    return line.truncate(width, ellipsis=True)


def details_line(scores: Scores) -> Content:
    """The metrics for which the header has room only in a wide terminal."""
    figures = [(one.title, one.screen_text(scores.value(one))) for one in DETAILS if one in scores.metrics]
    return _labelled(*figures, gap="  ")


def _figures_line(record: SessionRecord, width: int) -> Content:
    result = record.result
    if result is None:
        return Content.styled("no test result", "$foreground-muted")
    part = f"{_measured(result)}/{len(result.classes)}"
    macro, short = (f"macro of {part} classes", f"macro of {part}") if result.unsupported else ("macro", "macro")
    scores, loss = _short_figures(result, short)
    candidates = (
        _long_figures(result, macro, result.metrics, _GAP),
        _long_figures(result, macro, HEADLINE, _GAP),
        _long_figures(result, macro, HEADLINE, "  "),
        _labelled(*scores, *loss, _cost(result), gap="  "),
        _labelled(*scores, *loss, gap="  "),
        _labelled(*scores, gap="  "),
    )
    return _fitting(candidates, width)


def _long_figures(result: Result, macro: str, metrics: Sequence[Metric], gap: str) -> Content:
    labels = _with_macro_once(metrics, [one.heading if one.per_class else one.title for one in metrics], macro)
    figures = [one.screen_text(result.value(one)) for one in metrics]
    cost = f"{pluralize(result.epochs_run, 'epoch')} in", elapsed(result.train_seconds)
    return _labelled(*zip(labels, figures, strict=True), cost, gap=gap)


def _short_figures(result: Result, macro: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The headline scores and losses with short labels."""
    labels = _with_macro_once(HEADLINE, [one.symbol for one in HEADLINE], macro)
    figures = [(label, one.screen_text(result.value(one), 3)) for label, one in zip(labels, HEADLINE, strict=True)]
    losses = [figure for figure, one in zip(figures, HEADLINE, strict=True) if one.is_loss]
    return [figure for figure in figures if figure not in losses], losses


def _with_macro_once(metrics: Sequence[Metric], labels: Sequence[str], macro: str) -> list[str]:
    """The labels, the first macro mean's behind the word for all of them."""
    first = next((one for one in metrics if one.per_class), None)
    return [f"{macro} {label}" if one is first else label for one, label in zip(metrics, labels, strict=True)]


def _cost(result: Result) -> tuple[str, str]:
    return f"{result.epochs_run:,} ep.", elapsed(result.train_seconds)


def _labelled(*figures: tuple[str, str], gap: str = _GAP) -> Content:
    return Content(gap).join(
        Content.styled(f"{label} ", "$foreground-muted").append(Content.styled(value, "bold $text"))
        for label, value in figures
    )


def _fitting(candidates: Iterable[Content], width: int) -> Content:
    """The first candidate that fits, else the last, cut."""
    content = Content("")
    for content in candidates:
        if content.cell_length <= width:
            return content
    return content.truncate(width, ellipsis=True)


def _measured(result: Result) -> int:
    return len(result.classes) - len(result.unsupported)


def _model(record: SessionRecord) -> str:
    model = record.experiment.model
    trained = {"last_layer": "last layer trained", "classifier": "classifier trained", "all": "all layers trained"}
    return f"{_short_model(record)} ({model.weights}), {trained[model.trainable]},"


def _short_model(record: SessionRecord) -> str:
    return record.experiment.model.architecture
