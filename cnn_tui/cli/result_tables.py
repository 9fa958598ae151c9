"""A result as tables: the confusion matrix as a heat map, the scores of each class, the macro row."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from cnn_tui.cli.output import error_lines
from cnn_tui.events import RunFinished
from cnn_tui.formatting import pluralize, printable
from cnn_tui.metrics import DETAILS, SUMMARY, Metric, Result, Scores
from cnn_tui.reports import confusion, heat
from cnn_tui.reports.best_epoch import best_epoch_words

_MOST_CLASSES = 20  # beyond this a matrix fits no terminal, and the most confused pairs say more
_PAIRS = 10
_GROUND = (24, 26, 31)


def print_result(finished: RunFinished, out: Console, talk: Console) -> None:
    """Print how a run ended: tables on ``out``, a failure on ``talk``."""
    if finished.error is not None:
        for line in error_lines(finished.error.title, finished.error.detail, finished.error.hint):
            talk.print(printable(line))
        return
    if finished.result is None:
        talk.print("stopped before there was anything to test")
        return
    print_scores(finished.result, out)
    out.print(_summary(finished))


def print_scores(scores: Scores, out: Console) -> None:
    """Print the matrix, or the most confused pairs of a large one, and the table of classes."""
    if len(scores.classes) <= _MOST_CLASSES:
        out.print(matrix_table(scores))
    else:
        out.print(confused_table(scores))
    out.print(class_table(scores))


def matrix_table(scores: Scores) -> Table:
    """Actual classes by predicted ones; the stronger the colour, the larger the part of its row."""
    table = Table(title="Confusion matrix (rows: actual, columns: predicted)", box=None, padding=(0, 0), pad_edge=False)
    table.add_column("", justify="right", no_wrap=True)
    widest = max((len(str(count)) for row in scores.confusion_matrix for count in row), default=1)
    width = max(5, widest + 2)
    for name in scores.classes:
        table.add_column(_short(name, width - 1), justify="right", min_width=width, no_wrap=True)
    shares = confusion.heat(scores.confusion_matrix)
    for name, row, parts in zip(scores.classes, scores.confusion_matrix, shares, strict=True):
        cells = [
            Text(f"{count} ", style=_heat(part)) if count else Text("· ", style="dim")
            for count, part in zip(row, parts, strict=True)
        ]
        table.add_row(Text(_short(name, 18) + " "), *cells)
    return table


def confused_table(scores: Scores) -> Table:
    """The pairs of classes that were most often taken for each other."""
    table = Table(title="Most confused", box=None, padding=(0, 1), pad_edge=False)
    for heading in ("actual", "taken for", "pictures"):
        table.add_column(heading, justify="right" if heading == "pictures" else "left")
    for pair in confusion.confused_pairs(scores, _PAIRS):
        names = (Text(_short(scores.classes[index], 30)) for index in (pair.actual, pair.predicted))
        table.add_row(*names, str(pair.count))
    return table


def class_table(scores: Scores) -> Table:
    """The figures of each class and their macro means."""
    table = Table(title="Classes", box=None, padding=(0, 1), pad_edge=False)
    table.add_column("class", no_wrap=True)
    for heading in (*confusion.CLASS_FIGURES, "pictures"):
        table.add_column(heading, justify="right")
    for row in (*confusion.class_rows(scores), confusion.macro_row(scores)):
        name = "macro mean" if row.index is None else _short(row.name, 30)  # what it leaves out is in the caption
        style = "bold" if row.index is None else "dim" if row.support == 0 else None
        table.add_row(Text(name), *(f"{figure:.3f}" for figure in row.figures), f"{row.support:,}", style=style)
    if scores.unsupported:
        table.caption = (
            f"{pluralize(len(scores.unsupported), 'class is', 'classes are')} left out of the macro mean, having no "
            "test pictures"
        )
    return table


def metrics_line(result: Result, metrics: Iterable[Metric]) -> str:
    """Those metrics that mean something for a result, in words and numbers."""
    return ", ".join(f"{one.title} {one.text(result.value(one))}" for one in metrics if one in result.metrics)


def _summary(finished: RunFinished) -> Text:
    result: Result | None = finished.result
    if result is None:
        return Text()
    best = f", {best_epoch_words(result.best_epoch)}" if result.best_epoch is not None else ""
    lead = "stopped; " if finished.status == "stopped" else ""
    return Text(
        f"{lead}{metrics_line(result, SUMMARY)}\n{metrics_line(result, DETAILS)}\n"
        f"{pluralize(result.epochs_run, 'epoch')} in {result.train_seconds:.1f} s{best}, "
        f"{result.images_per_second:,.0f} pictures/s, {result.total_seconds:.1f} s in all"
    )


def _heat(share: float) -> Style:
    """A background between the ground and the full colour; white text is legible on all of them."""
    red, green, blue = heat.background(share, _GROUND)
    return Style(color="white", bgcolor=f"rgb({red},{green},{blue})", bold=share > 0)


def _short(name: str, width: int) -> str:
    text = printable(name)
    return text if len(text) <= width else text[: width - 1] + "…"
