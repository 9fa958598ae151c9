"""The result of a run on a terminal: the confusion matrix as a heat map, and the scores of each class."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from cnn_tui.cli.output import error_lines
from cnn_tui.events import RunFinished
from cnn_tui.formatting import pluralize, printable, shorten
from cnn_tui.metrics import DETAILS, SUMMARY, Metric, Result, Scores
from cnn_tui.reports.charts.heat import background, signed_shares
from cnn_tui.reports.labels import best_epoch_label
from cnn_tui.reports.sessions.scores import CLASS_HEADINGS, class_summaries, confused_pairs, macro_summary

_MOST_CLASSES = 20  # a larger matrix fits no terminal; the most confused pairs replace it
_MOST_PAIRS = 10
_GROUND = (24, 26, 31)


def print_result(finished: RunFinished, out: Console, messages: Console) -> None:
    """Print the result of a run: tables on ``out``, a failure on ``messages``."""
    if finished.error is not None:
        for line in error_lines(finished.error.title, finished.error.detail, finished.error.hint):
            messages.print(printable(line))
        return
    if finished.result is None:
        messages.print("stopped before there was anything to test")
        return
    scores = finished.result
    out.print(_matrix_table(scores) if len(scores.classes) <= _MOST_CLASSES else _confused_table(scores))
    out.print(class_table(scores))
    out.print(_summary(finished.status, finished.result))


def class_table(scores: Scores) -> Table:
    """The scores of each class and their macro means."""
    table = Table(title="Classes", box=None, padding=(0, 1), pad_edge=False)
    table.add_column("class", no_wrap=True)
    for heading in (*CLASS_HEADINGS, "images"):
        table.add_column(heading, justify="right")
    for row in (*class_summaries(scores), macro_summary(scores)):
        name = "macro mean" if row.index is None else shorten(row.name, 30)  # the caption names excluded classes
        style = "bold" if row.index is None else "dim" if row.support == 0 else None
        table.add_row(Text(name), *(f"{value:.3f}" for value in row.values), f"{row.support:,}", style=style)
    if scores.unsupported:
        excluded = pluralize(len(scores.unsupported), "class", "classes")
        table.caption = f"The macro mean excludes {excluded} without test images"
    return table


def _matrix_table(scores: Scores) -> Table:
    """Actual classes by predicted classes, coloured by the share of the row."""
    table = Table(title="Confusion matrix (rows: actual, columns: predicted)", box=None, padding=(0, 0), pad_edge=False)
    table.add_column("", justify="right", no_wrap=True)
    widest = max((len(str(count)) for row in scores.confusion_matrix for count in row), default=1)
    width = max(5, widest + 2)
    for name in scores.classes:
        table.add_column(shorten(name, width - 1), justify="right", min_width=width, no_wrap=True)
    shares = signed_shares(scores.confusion_matrix)
    for name, row, row_shares in zip(scores.classes, scores.confusion_matrix, shares, strict=True):
        cells = [
            Text(f"{count} ", style=_heat(share)) if count else Text("· ", style="dim")
            for count, share in zip(row, row_shares, strict=True)
        ]
        table.add_row(Text(shorten(name, 18) + " "), *cells)
    return table


def _confused_table(scores: Scores) -> Table:
    table = Table(title="Most confused", box=None, padding=(0, 1), pad_edge=False)
    for heading in ("actual", "predicted", "images"):
        table.add_column(heading, justify="right" if heading == "images" else "left")
    for pair in confused_pairs(scores, _MOST_PAIRS):
        names = (Text(shorten(scores.classes[index], 30)) for index in (pair.actual, pair.predicted))
        table.add_row(*names, str(pair.count))
    return table


def _summary(status: str, result: Result) -> Text:
    best = f", {best_epoch_label(result.best_epoch)}" if result.best_epoch is not None else ""
    lead = "stopped; " if status == "stopped" else ""
    return Text(
        f"{lead}{_metrics_line(result, SUMMARY)}\n{_metrics_line(result, DETAILS)}\n"
        f"{pluralize(result.epochs_run, 'epoch')} in {result.train_seconds:.1f} s{best}, "
        f"{result.images_per_second:,.0f} images/s, {result.total_seconds:.1f} s in total"
    )


def _metrics_line(result: Result, metrics: Iterable[Metric]) -> str:
    return ", ".join(f"{one.title} {one.text(result.value(one))}" for one in metrics if one in result.metrics)


def _heat(share: float) -> Style:
    """A background on which white text is legible."""
    red, green, blue = background(share, _GROUND)
    return Style(color="white", bgcolor=f"rgb({red},{green},{blue})", bold=share > 0)
