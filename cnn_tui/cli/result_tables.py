"""A result as tables: the confusion matrix as a heat map, the scores of each class, the macro row."""

from __future__ import annotations

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from cnn_tui.amounts import some
from cnn_tui.cli.output import error_lines
from cnn_tui.events import RunFinished
from cnn_tui.metrics import Result, Scores
from cnn_tui.reports.best_epoch import best_epoch_words
from cnn_tui.store.names import printable

_MOST_CLASSES = 20  # beyond this a matrix fits no terminal, and the most confused pairs say more
_PAIRS = 10
_RIGHT, _WRONG, _GROUND = (38, 139, 210), (220, 80, 47), (24, 26, 31)


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
    for index, (name, row) in enumerate(zip(scores.classes, scores.confusion_matrix, strict=True)):
        total = sum(row) or 1
        cells = [
            Text(f"{count} ", style=_heat(count / total, column == index)) if count else Text("· ", style="dim")
            for column, count in enumerate(row)
        ]
        table.add_row(Text(_short(name, 18) + " "), *cells)
    return table


def confused_table(scores: Scores) -> Table:
    """The pairs of classes that were most often taken for each other."""
    pairs = [
        (count, actual, predicted)
        for actual, row in enumerate(scores.confusion_matrix)
        for predicted, count in enumerate(row)
        if actual != predicted and count
    ]
    table = Table(title="Most confused", box=None, padding=(0, 1), pad_edge=False)
    for heading in ("actual", "taken for", "pictures"):
        table.add_column(heading, justify="right" if heading == "pictures" else "left")
    for count, actual, predicted in sorted(pairs, reverse=True)[:_PAIRS]:
        table.add_row(Text(_short(scores.classes[actual], 30)), Text(_short(scores.classes[predicted], 30)), str(count))
    return table


def class_table(scores: Scores) -> Table:
    """Precision, recall and F1 of each class and their macro means."""
    table = Table(title="Classes", box=None, padding=(0, 1), pad_edge=False)
    table.add_column("class", no_wrap=True)
    for heading in ("precision", "recall", "F1", "pictures"):
        table.add_column(heading, justify="right")
    for row in scores.per_class:
        figures = (f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}", f"{row.support:,}")
        table.add_row(Text(_short(row.name, 30)), *figures, style="dim" if row.support == 0 else None)
    macro = (f"{scores.macro_precision:.3f}", f"{scores.macro_recall:.3f}", f"{scores.macro_f1:.3f}")
    total = sum(row.support for row in scores.per_class)
    table.add_row("macro mean", *macro, f"{total:,}", style="bold")
    if scores.unsupported:
        table.caption = (
            f"{some(len(scores.unsupported), 'class is', 'classes are')} left out of the macro mean, having no test "
            "pictures"
        )
    return table


def _summary(finished: RunFinished) -> Text:
    result: Result | None = finished.result
    if result is None:
        return Text()
    best = f", {best_epoch_words(result.best_epoch)}" if result.best_epoch is not None else ""
    lead = "stopped; " if finished.status == "stopped" else ""
    return Text(
        f"{lead}test accuracy {result.accuracy:.4f}, macro F1 {result.macro_f1:.4f}, test loss {result.test_loss:.4f}\n"
        f"{some(result.epochs_run, 'epoch')} in {result.train_seconds:.1f} s{best}, "
        f"{result.images_per_second:,.0f} pictures/s, {result.total_seconds:.1f} s in all"
    )


def _heat(part: float, right: bool) -> Style:
    """A background between the ground and the full colour; white text is legible on all of them."""
    full = _RIGHT if right else _WRONG
    strength = part**0.5
    red, green, blue = (round(low + (high - low) * strength) for low, high in zip(_GROUND, full, strict=True))
    return Style(color="white", bgcolor=f"rgb({red},{green},{blue})", bold=right)


def _short(name: str, width: int) -> str:
    text = printable(name)
    return text if len(text) <= width else text[: width - 1] + "…"
