"""Charts as rows of text, for the workbench, for terminals and for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from rich.cells import cell_len

from cnn_tui.formatting import fit, printable, shorten
from cnn_tui.reports.charts.axis import Axis
from cnn_tui.reports.charts.layout import ChartLayout, ChartPlan, lay_out, sample
from cnn_tui.reports.charts.series import Chart, Series
from cnn_tui.reports.labels import BEST_EPOCH_CRITERION

Span = tuple[str, str]
"""A piece of text with the role that decides its colour."""
Row = tuple[Span, ...]
_BEST = "▲"
_SHORT_NAME, _LONGEST_NAME = 8, 40
_LEGEND_GAP = 3
_BLANKS = " \u2800"


def text_chart(chart: Chart, width: int = 80, height: int = 16) -> tuple[Row, ...]:
    """A chart without error bars as rows, its title and a legend of any length above it; sizes in cells."""
    plan = ChartPlan(
        series=chart.series,
        width=width,
        height=height,
        x_label=chart.x_label,
        log_x=chart.log_x,
        x_ticks=chart.x_ticks,
        percent=chart.percent,
        empty_text="no data",
    )
    title: Row = ((shorten(chart.title, width), "title"),)
    return (title, *_wrapped_legend(chart.series, width), *paint(lay_out(plan))[1:])


def plain(rows: Sequence[Row]) -> str:
    """Rows as lines without colour."""
    return "".join("".join(text for text, _ in row).rstrip() + "\n" for row in rows)


def paint(layout: ChartLayout) -> tuple[Row, ...]:
    """The rows of a chart with title and legend in the first one, each as wide as the plan demands."""
    plan = layout.plan
    if layout.x_axis is None or layout.y_axis is None:
        return _without_curves(plan)
    best = _best_cell(layout, layout.x_axis)
    canvas = [_canvas_row(rows, layout.roles, best) for rows in zip(*layout.curves, strict=True)]
    scale = _scale(layout.y_axis, layout.height, layout.gutter)
    body = [((label, "axis"), *cells) for label, cells in zip(scale, canvas, strict=True)]
    return (_header(plan), *body, _axis_row(layout, layout.x_axis, best), _labels_row(layout, layout.x_axis))


def _without_curves(plan: ChartPlan) -> tuple[Row, ...]:
    """A chart without curves: the last values if it is too small, else the reason."""
    blank: Row = ((" " * plan.width, ""),)
    if plan.is_tiny:
        rows: list[Row] = [((fit(text, plan.width), role),) for text, role in _last_values(plan)]
        return tuple((rows + [blank] * plan.height)[: plan.height])
    middle = plan.height // 2
    margin = " " * max(0, (plan.width - cell_len(plan.empty_text)) // 2)
    reason: Row = ((fit(margin + plan.empty_text, plan.width), "axis"),)
    return (_header(plan), *[blank] * (middle - 1), reason, *[blank] * (plan.height - middle - 1))


def _last_values(plan: ChartPlan) -> list[Span]:
    known: list[Span] = [(_with_value(series, plan), series.role) for series in plan.series if series.last is not None]
    return known or [(plan.empty_text, "axis")]


def _header(plan: ChartPlan) -> Row:
    """The title on the left, and on the right the most detailed legend that fits."""
    space = plan.width - cell_len(plan.title) - 2
    candidates = (
        _legend(plan, _with_value, with_criterion=True),
        _legend(plan, _with_value),
        _legend(plan, lambda series, _: printable(series.name)),
        _legend(plan, lambda series, _: shorten(series.name, _SHORT_NAME)),
    )
    fitting = (spans for spans in candidates if _length(spans) <= space)
    legend = next(fitting, []) if plan.legend else []
    title = shorten(plan.title, plan.width)
    gap = plan.width - cell_len(title) - _length(legend)
    return (title, "title"), (" " * gap, ""), *legend


def _legend(plan: ChartPlan, label: Callable[[Series, ChartPlan], str], *, with_criterion: bool = False) -> list[Span]:
    entries: list[tuple[Span, Span]] = [
        ((sample(series), series.role), (f" {label(series, plan)}", "text")) for series in plan.series
    ]
    if plan.best is not None:
        criterion = f" by {BEST_EPOCH_CRITERION}" if with_criterion else ""
        entries.append(((_BEST, "best"), (f" best {plan.best:g}{criterion}", "text")))
    spaced = [span for entry in entries for span in (*entry, ("  ", ""))]
    return spaced[:-1]


def _wrapped_legend(series: Sequence[Series], width: int) -> Iterator[Row]:
    """The named curves, in as many rows as they need."""
    row: list[Span] = []
    used = 0
    for one in series:
        if one.name:
            name = shorten(one.name, _LONGEST_NAME)
            entry_width = cell_len(sample(one)) + 1 + cell_len(name) + _LEGEND_GAP
            if row and used + entry_width > width:
                yield tuple(row)
                row, used = [], 0
            row += [(sample(one), one.role), (f" {name}{' ' * _LEGEND_GAP}", "text")]
            used += entry_width
    if row:
        yield tuple(row)


def _with_value(series: Series, plan: ChartPlan) -> str:
    """A curve's name and its last value."""
    value = "" if series.last is None else f" {_number(series.last, plan.percent)}"
    return printable(series.name) + value


def _number(value: float, percent: bool) -> str:
    if percent:
        return f"{value:.1%}"
    return f"{value:.3f}" if 0.001 <= abs(value) < 1000 or value == 0 else f"{value:.2e}"


def _length(spans: Sequence[Span]) -> int:
    return sum(cell_len(text) for text, _ in spans)


def _scale(axis: Axis, height: int, gutter: int) -> list[str]:
    rows = [" " * gutter + "│"] * height
    for tick in axis.ticks:
        rows[height - 1 - axis.cell(tick.value, height)] = tick.label.rjust(gutter) + "┤"
    return rows


def _canvas_row(rows: Sequence[str], roles: Sequence[str], best: int | None) -> Row:
    """One row of all curves, later ones on top, with the mark of the best epoch if its cell is blank."""
    cells = [_cell(chars, roles) for chars in zip(*rows, strict=True)]
    if best is not None and cells[best][1] == "":
        cells[best] = ("┊", "best")
    grouped = groupby(cells, key=itemgetter(1))
    return tuple(("".join(char for char, _ in group), role) for role, group in grouped)


def _cell(chars: Sequence[str], roles: Sequence[str]) -> Span:
    top = " ", ""
    for char, role in zip(chars, roles, strict=True):
        if char not in _BLANKS:
            top = char, role
    return top


def _best_cell(layout: ChartLayout, axis: Axis) -> int | None:
    best = layout.plan.best
    if best is None or not axis.low <= best <= axis.high:
        return None
    return axis.cell(best, layout.width)


def _axis_row(layout: ChartLayout, axis: Axis, best: int | None) -> Row:
    line = ["─"] * layout.width
    for tick in axis.ticks:
        line[axis.cell(tick.value, layout.width)] = "┬"
    corner = " " * layout.gutter + "└"
    if best is None:
        return ((corner + "".join(line), "axis"),)
    return (corner + "".join(line[:best]), "axis"), (_BEST, "best"), ("".join(line[best + 1 :]), "axis")


def _labels_row(layout: ChartLayout, axis: Axis) -> Row:
    """The labels below their ticks, without those that would touch; the last one includes the name of the axis."""
    cells, width = [" "] * layout.plan.width, layout.plan.width
    limit = width + 1
    for tick in reversed(axis.ticks):
        middle = layout.gutter + 1 + axis.cell(tick.value, layout.width)
        named = f"{layout.plan.x_label} {tick.label}".strip() if limit > width else tick.label
        for label in (named, tick.label):
            start = min(middle - len(tick.label) // 2 - (len(label) - len(tick.label)), width - len(label))
            if start >= 0 and start + len(label) < limit:
                cells[start : start + len(label)] = label
                limit = start
                break
    return (("".join(cells), "axis"),)
