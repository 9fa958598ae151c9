"""Charts of reports as matplotlib figures. Imports matplotlib, so import this only to export."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib import font_manager, ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from rich.cells import cell_len

from cnn_tui.formatting import shorten
from cnn_tui.reports import confusion
from cnn_tui.reports.axis import Tick
from cnn_tui.reports.chart import COLOURS, Chart, Dash, Marker, MatrixChart, Series
from cnn_tui.reports.heat import WHITE, background, readable_on
from cnn_tui.reports.tables import visible

STYLE = Path(__file__).with_name("cnn_tui.mplstyle")
_DASHES: dict[Dash, str | tuple[int, tuple[float, ...]]] = {
    "solid": "-",
    "dashed": (0, (4.5, 2.2)),
    "dotted": (0, (1.2, 1.8)),
    "none": "",
}
_MARKERS: dict[Marker, str] = {
    "none": "",
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle": "^",
    "cross": "x",
    "plus": "+",
}
_FALLBACK_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Emoji",
)
_POINTS = 72  # in an inch
_CHARACTER = 5.4  # points: the width of an average character, rather more than less
_LEGEND_SAMPLE, _LEGEND_ROW = 44, 13  # points
_AXES_MARGIN = 70  # points: what the y axis with its labels takes of the width
_FREE_ROWS = 2  # of the legend, before the figure grows
_LONGEST_TITLE, _LONGEST_NAME, _LONGEST_TICK = 90, 48, 20
_TILT = 35  # degrees by which tick labels that would touch are turned
_WORTH_TILTING = 6  # shorter labels touch as much when they are turned
_LARGEST = 1e300  # matplotlib computes the range of an axis, which must not overflow
_MOST_COUNTS, _MOST_CLASS_NAMES = 20, 40  # classes of a matrix with figures in its cells, with names along its axes
_LEVEL_CLASS_NAME = 3  # characters: longer names below a matrix are turned
_LOCK = threading.RLock()


@contextmanager
def report_style() -> Iterator[None]:
    """Draw and save figures in here: in our style whatever the user's matplotlibrc, one thread at a time.

    matplotlib's settings and Python's warning filters belong to the whole process.
    """
    # Without a handler a missing font would be reported on stderr, which may be the workbench's screen.
    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)
    with _LOCK, mpl.style.context(("default", str(STYLE))), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about characters that no font has; they become boxes
        installed = {font.name for font in font_manager.fontManager.ttflist}
        fallbacks = [name for name in _FALLBACK_FONTS if name in installed]
        mpl.rcParams["font.family"] = [*mpl.rcParams["font.sans-serif"], *fallbacks]
        yield


def figure_of(chart: Chart | MatrixChart) -> Figure:
    """A chart as a figure of its own; call this and save the figure in :func:`report_style`."""
    figure = Figure(figsize=size_of(chart), layout="constrained")
    draw(figure, chart)
    return figure


def size_of(chart: Chart | MatrixChart) -> tuple[float, float]:
    """Width and height in inches."""
    width, height = mpl.rcParams["figure.figsize"]
    if isinstance(chart, Chart):
        names = [series.name for series in chart.series if series.name]
        rows = -(-len(names) // _legend_columns(names, width))
        return width, height + max(0, rows - _FREE_ROWS) * _LEGEND_ROW / _POINTS
    side = min(9.0, max(4.2, 1.6 + 0.42 * len(chart.classes)))
    return side, side


def draw(parent: FigureBase, chart: Chart | MatrixChart) -> None:
    """Draw a chart into a figure or a part of one."""
    parent.suptitle(shorten(chart.title, _LONGEST_TITLE))
    axes = parent.subplots()
    if isinstance(chart, MatrixChart):
        _draw_matrix(axes, chart)
        return
    lines = [_draw_series(axes, series, chart.log_x) for series in chart.series]
    if not any(line is not None for line in lines):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing to show", ha="center", transform=axes.transAxes)
        return
    axes.set_xlabel(visible(chart.x_label))
    axes.set_ylabel(visible(chart.y_label))
    width = size_of(chart)[0]
    _set_x_axis(axes, chart, width)
    axes.yaxis.set_major_locator(ticker.MaxNLocator(7, steps=[1, 2, 5, 10]))
    if chart.percent:
        axes.yaxis.set_major_formatter(ticker.PercentFormatter(1.0))
    _draw_legend(axes, chart.series, lines, width)


def _draw_series(axes: Axes, series: Series, log_x: bool) -> Line2D | None:
    """A curve with its error bars; None where no point of it can be drawn."""
    xs, ys = np.asarray(series.xs, dtype=np.float64), np.asarray(series.ys, dtype=np.float64)
    spreads = np.asarray(series.spreads or np.zeros(len(xs)), dtype=np.float64)
    keep = (np.abs(xs) < _LARGEST) & (np.abs(ys) < _LARGEST)
    if log_x:
        keep &= xs > 0
    xs, ys, spreads = xs[keep], ys[keep], spreads[keep]
    if not len(xs):
        return None
    colour = COLOURS[series.role].light
    # A single point has no line to be seen by.
    marker: Marker = "circle" if len(xs) == 1 and series.marker == "none" else series.marker
    (line,) = axes.plot(xs, ys, color=colour, linestyle=_DASHES[series.dash], marker=_MARKERS[marker])
    spreads = np.where(np.isfinite(spreads) & (spreads < _LARGEST), spreads, 0.0)
    if spreads.any():
        axes.errorbar(xs, ys, yerr=spreads, fmt="none", ecolor=colour, elinewidth=1.0)
    return line


def _set_x_axis(axes: Axes, chart: Chart, width: float) -> None:
    if chart.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(ticker.NullLocator())
    if chart.x_ticks:
        ticks = sorted(chart.x_ticks, key=lambda tick: tick.value)
        axes.set_xticks([tick.value for tick in ticks])  # widens the axis to hold them
        _label_ticks(axes, ticks, width)
    elif chart.log_x:
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0,) if high > 30 * low else (1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        whole = all(x == round(x) for series in chart.series for x in series.xs if np.isfinite(x))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(8, steps=[1, 2, 5, 10], integer=whole, min_n_ticks=1))


def _label_ticks(axes: Axes, ticks: Sequence[Tick], width: float) -> None:
    """Label the ticks; labels that would touch are turned if they are long, else some are left out."""
    labels = [shorten(tick.label, _LONGEST_TICK) for tick in ticks]
    shares = axes.transAxes.inverted().transform(axes.transData.transform([(tick.value, 0.0) for tick in ticks]))[:, 0]
    at = [float(share) * (width * _POINTS - _AXES_MARGIN) for share in shares]
    widths = [_CHARACTER * (cell_len(label) + 1) for label in labels]
    touching = any(right - left < (a + b) / 2 for (left, a), (right, b) in pairwise(zip(at, widths, strict=True)))
    if touching and max(map(cell_len, labels)) >= _WORTH_TILTING:
        axes.set_xticklabels(labels, rotation=_TILT, ha="right", rotation_mode="anchor")
        return
    taken = -np.inf
    for index, (middle, wide) in enumerate(zip(at, widths, strict=True)):
        if middle - wide / 2 < taken:
            labels[index] = ""
        else:
            taken = middle + wide / 2
    axes.set_xticklabels(labels)


def _legend_columns(names: Sequence[str], width: float) -> int:
    """As many columns as there is room for; matplotlib fills one after the other, each as wide as its longest name."""
    widths = [_LEGEND_SAMPLE + _CHARACTER * cell_len(shorten(name, _LONGEST_NAME)) for name in names]
    for columns in range(len(widths), 1, -1):
        rows = -(-len(widths) // columns)
        wide = sum(max(widths[start : start + rows]) for start in range(0, len(widths), rows))
        if wide <= width * _POINTS - _AXES_MARGIN:
            return columns
    return 1


def _draw_legend(axes: Axes, series: Sequence[Series], lines: Sequence[Line2D | None], width: float) -> None:
    """The named curves between title and axes."""
    known = [(line, one.name) for one, line in zip(series, lines, strict=True) if line is not None and one.name]
    if not known:
        return
    columns = _legend_columns([name for _, name in known], width)
    handles = [line for line, _ in known]
    labels = [str(index) for index in range(len(known))]
    legend = axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns)
    # matplotlib leaves out labels that begin with an underscore, so the names come afterwards.
    for text, (_, name) in zip(legend.get_texts(), known, strict=True):
        text.set_text(shorten(name, _LONGEST_NAME))


def _draw_matrix(axes: Axes, chart: MatrixChart) -> None:
    count = len(chart.classes)
    colours = [[background(share, WHITE) for share in row] for row in confusion.heat(chart.matrix)]
    pixels: NDArray[np.uint8] = np.array(colours, dtype=np.uint8).reshape(count, count, 3)
    axes.imshow(pixels, interpolation="nearest")
    axes.grid(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    if count <= _MOST_CLASS_NAMES:
        names = [shorten(name, _LONGEST_TICK) for name in chart.classes]
        turned = max(map(cell_len, names), default=0) > _LEVEL_CLASS_NAME
        axes.set_xticks(range(count), names, rotation=45 * turned, ha="right" if turned else "center")
        for label in axes.get_xticklabels():
            label.set_rotation_mode("anchor" if turned else "default")
        axes.set_yticks(range(count), names)
        axes.tick_params(length=0)
    if count <= _MOST_COUNTS:
        for actual, row in enumerate(chart.matrix):
            for predicted, number in enumerate(row):
                ink = "#ffffff" if readable_on(colours[actual][predicted]) == WHITE else "#333333"
                shown = f"{number:,}" if number else ""
                axes.text(predicted, actual, shown, ha="center", va="center", color=ink, fontsize=7.5)
