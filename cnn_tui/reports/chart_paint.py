"""A traced chart as rows of text pieces, each with the role that decides its colour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from rich.cells import cell_len

from cnn_tui.formatting import fit, printable, shorten
from cnn_tui.reports.axis import Axis
from cnn_tui.reports.best_epoch import CRITERION
from cnn_tui.reports.chart import Series
from cnn_tui.reports.chart_plan import ChartPlan, Trace, sample

Piece = tuple[str, str]
Row = tuple[Piece, ...]
_BEST = "▲"
_SHORT_NAME = 8
_BLANKS = " \u2800"


def paint(trace: Trace) -> tuple[Row, ...]:
    """The rows of a chart, each exactly as wide as its plan says."""
    plan = trace.plan
    if trace.x_axis is None or trace.y_axis is None:
        return _words(plan)
    best = _best_cell(trace, trace.x_axis)
    canvas = [_canvas_row(rows, trace.roles, best) for rows in zip(*trace.curves, strict=True)]
    scale = _scale(trace.y_axis, trace.height, trace.gutter)
    body = [((label, "axis"), *cells) for label, cells in zip(scale, canvas, strict=True)]
    return (_header(plan), *body, _axis_row(trace, trace.x_axis), _labels_row(trace, trace.x_axis))


def number(value: float, percent: bool) -> str:
    """A value as the legend shows it."""
    if percent:
        return f"{value:.1%}"
    return f"{value:.3f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.2e}"


def _words(plan: ChartPlan) -> tuple[Row, ...]:
    """A chart without curves: the newest values where there is no room, else what is missing."""
    blank: Row = ((" " * plan.width, ""),)
    if plan.is_tiny:
        rows: list[Row] = [((fit(text, plan.width), role),) for text, role in _newest(plan)]
        return tuple((rows + [blank] * plan.height)[: plan.height])
    middle = plan.height // 2
    margin = " " * max(0, (plan.width - cell_len(plan.empty_text)) // 2)
    said: Row = ((fit(margin + plan.empty_text, plan.width), "axis"),)
    return (_header(plan), *[blank] * (middle - 1), said, *[blank] * (plan.height - middle - 1))


def _newest(plan: ChartPlan) -> Iterator[Piece]:
    known = [series for series in plan.series if series.last is not None]
    for series in known:
        yield _entry(series, plan), series.role
    if not known:
        yield plan.empty_text, "axis"


def _header(plan: ChartPlan) -> Row:
    """The title on the left, the legend on the right with as much as there is room for."""
    room = plan.width - cell_len(plan.title) - 2
    candidates = (
        _legend(plan, _entry, best_by=True),
        *(_legend(plan, words) for words in (_entry, _name, _short_name)),
    )
    fitting = (pieces for pieces in candidates if _length(pieces) <= room)
    legend = next(fitting, []) if plan.legend else []
    title = shorten(plan.title, plan.width)
    gap = plan.width - cell_len(title) - _length(legend)
    return (title, "title"), (" " * gap, ""), *legend


def _legend(plan: ChartPlan, words: Callable[[Series, ChartPlan], str], *, best_by: bool = False) -> list[Piece]:
    entries: list[tuple[Piece, Piece]] = [
        ((sample(series), series.role), (f" {words(series, plan)}", "text")) for series in plan.series
    ]
    if plan.best is not None:
        criterion = f" by {CRITERION}" if best_by else ""
        entries.append(((_BEST, "best"), (f" best {plan.best:g}{criterion}", "text")))
    spaced = [piece for entry in entries for piece in (*entry, ("  ", ""))]
    return spaced[:-1]


def _entry(series: Series, plan: ChartPlan) -> str:
    value = "" if series.last is None else f" {number(series.last, plan.percent)}"
    return printable(series.name) + value


def _name(series: Series, plan: ChartPlan) -> str:
    return printable(series.name)


def _short_name(series: Series, plan: ChartPlan) -> str:
    return shorten(series.name, _SHORT_NAME)


def _length(pieces: Sequence[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)


def _scale(axis: Axis, height: int, gutter: int) -> list[str]:
    rows = [" " * gutter + "│"] * height
    for tick in axis.ticks:
        rows[height - 1 - axis.cell(tick.value, height)] = tick.label.rjust(gutter) + "┤"
    return rows


def _canvas_row(rows: Sequence[str], roles: Sequence[str], best: int | None) -> Row:
    """One row of all curves, a later one over an earlier, and the mark of the best epoch where it stays blank."""
    cells = [_cell(chars, roles) for chars in zip(*rows, strict=True)]
    if best is not None and cells[best][1] == "":
        cells[best] = ("┊", "best")
    grouped = groupby(cells, key=itemgetter(1))
    return tuple(("".join(char for char, _ in group), role) for role, group in grouped)


def _cell(chars: Sequence[str], roles: Sequence[str]) -> Piece:
    drawn, shown = " ", ""
    for char, role in zip(chars, roles, strict=True):
        if char not in _BLANKS:
            drawn, shown = char, role
    return drawn, shown


def _best_cell(trace: Trace, axis: Axis) -> int | None:
    best = trace.plan.best
    if best is None or not axis.low <= best <= axis.high:
        return None
    return axis.cell(best, trace.width)


def _axis_row(trace: Trace, axis: Axis) -> Row:
    line = ["─"] * trace.width
    for tick in axis.ticks:
        line[axis.cell(tick.value, trace.width)] = "┬"
    start, best = " " * trace.gutter + "└", _best_cell(trace, axis)
    if best is None:
        return ((start + "".join(line), "axis"),)
    return (start + "".join(line[:best]), "axis"), (_BEST, "best"), ("".join(line[best + 1 :]), "axis")


def _labels_row(trace: Trace, axis: Axis) -> Row:
    """The ticks' labels under their ticks, those left out that would touch; the last one names what is counted."""
    cells, width = [" "] * trace.plan.width, trace.plan.width
    taken = width + 1
    for tick in reversed(axis.ticks):
        middle = trace.gutter + 1 + axis.cell(tick.value, trace.width)
        named = f"{trace.plan.x_label} {tick.label}".strip() if taken > width else tick.label
        for label in (named, tick.label):
            start = min(middle - len(tick.label) // 2 - (len(label) - len(tick.label)), width - len(label))
            if start >= 0 and start + len(label) < taken:
                cells[start : start + len(label)] = label
                taken = start
                break
    return (("".join(cells), "axis"),)
