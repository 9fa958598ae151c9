"""Charts as matplotlib figures. Imports matplotlib, so import this module only to export."""

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
from cnn_tui.reports.charts.axis import Tick
from cnn_tui.reports.charts.heat import WHITE, MatrixChart, background, readable_on, signed_shares
from cnn_tui.reports.charts.series import COLOURS, Chart, Dash, Marker, Series
from cnn_tui.reports.labels import visible

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
_POINTS = 72  # per inch
_CHARACTER = 5.4  # points: the width of an average character, rounded up
_LEGEND_SAMPLE, _LEGEND_ROW = 44, 13  # points
_AXES_MARGIN = 70  # points: the width of the y axis with its labels
_FREE_ROWS = 2  # of the legend, for which the figure does not grow
_LONGEST_TITLE, _LONGEST_NAME, _LONGEST_TICK = 90, 48, 20
_TILT = 35  # degrees: the rotation of tick labels that would overlap
_WORTH_TILTING = 6  # characters: shorter labels overlap as much when rotated
_LARGEST = 1e300  # the range of an axis, which matplotlib computes, must not overflow
_MOST_COUNTS, _MOST_CLASS_NAMES = 20, 40  # classes of a matrix with counts in its cells, with names on its axes
_LEVEL_CLASS_NAME = 3  # characters: longer names below a matrix are rotated
_LOCK = threading.RLock()


@contextmanager
def report_style() -> Iterator[None]:
    """Draw and save figures in this context: in the style of reports, whatever the user's matplotlibrc.

    Holds a lock, because matplotlib's settings and Python's warning filters belong to the whole process.
    """
    # Without a handler, missing fonts are reported on stderr, which may be the screen of the workbench.
    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)
    with _LOCK, mpl.style.context(("default", str(STYLE))), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about characters missing from all fonts, which become boxes
        installed = {font.name for font in font_manager.fontManager.ttflist}
        fallbacks = [name for name in _FALLBACK_FONTS if name in installed]
        mpl.rcParams["font.family"] = [*mpl.rcParams["font.sans-serif"], *fallbacks]
        yield


def figure_of(chart: Chart | MatrixChart) -> Figure:
    """A chart as a figure; call this, and save the figure, inside :func:`report_style`."""
    figure = Figure(figsize=size_of(chart), layout="constrained")
    draw(figure, chart)
    return figure


def size_of(chart: Chart | MatrixChart) -> tuple[float, float]:
    """The width and height of a chart's figure in inches."""
    width, height = mpl.rcParams["figure.figsize"]
    if isinstance(chart, Chart):
        names = [series.name for series in chart.series if series.name]
        rows = -(-len(names) // _legend_columns(names, width))
        return width, height + max(0, rows - _FREE_ROWS) * _LEGEND_ROW / _POINTS
    side = min(9.0, max(4.2, 1.6 + 0.42 * len(chart.classes)))
    return side, side


def draw(parent: FigureBase, chart: Chart | MatrixChart) -> None:
    """Draw a chart into a figure or subfigure."""
    parent.suptitle(shorten(chart.title, _LONGEST_TITLE))
    axes = parent.subplots()
    if isinstance(chart, MatrixChart):
        _draw_matrix(axes, chart)
        return
    lines = [_draw_series(axes, series, chart.log_x) for series in chart.series]
    if not any(line is not None for line in lines):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no data", ha="center", transform=axes.transAxes)
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
    """Draw a curve with its error bars; None if no point of it can be drawn."""
    xs, ys = np.asarray(series.xs, dtype=np.float64), np.asarray(series.ys, dtype=np.float64)
    deviations = np.asarray(series.deviations or np.zeros(len(xs)), dtype=np.float64)
    keep = (np.abs(xs) < _LARGEST) & (np.abs(ys) < _LARGEST)
    if log_x:
        keep &= xs > 0
    xs, ys, deviations = xs[keep], ys[keep], deviations[keep]
    if not len(xs):
        return None
    colour = COLOURS[series.role].light
    # A single point without a marker would be invisible.
    marker: Marker = "circle" if len(xs) == 1 and series.marker == "none" else series.marker
    (line,) = axes.plot(xs, ys, color=colour, linestyle=_DASHES[series.dash], marker=_MARKERS[marker])
    deviations = np.where(np.isfinite(deviations) & (deviations < _LARGEST), deviations, 0.0)
    if deviations.any():
        axes.errorbar(xs, ys, yerr=deviations, fmt="none", ecolor=colour, elinewidth=1.0)
    return line


def _set_x_axis(axes: Axes, chart: Chart, width: float) -> None:
    if chart.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(ticker.NullLocator())
    if chart.x_ticks:
        ticks = sorted(chart.x_ticks, key=lambda tick: tick.value)
        axes.set_xticks([tick.value for tick in ticks])  # also extends the axis to hold them
        _label_ticks(axes, ticks, width)
    elif chart.log_x:
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0,) if high > 30 * low else (1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        whole = all(x == round(x) for series in chart.series for x in series.xs if np.isfinite(x))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(8, steps=[1, 2, 5, 10], integer=whole, min_n_ticks=1))


def _label_ticks(axes: Axes, ticks: Sequence[Tick], width: float) -> None:
    """Label the ticks; labels that would overlap are rotated if they are long, else some are left out."""
    labels = [shorten(tick.label, _LONGEST_TICK) for tick in ticks]
    shares = axes.transAxes.inverted().transform(axes.transData.transform([(tick.value, 0.0) for tick in ticks]))[:, 0]
    centres = [float(share) * (width * _POINTS - _AXES_MARGIN) for share in shares]
    widths = [_CHARACTER * (cell_len(label) + 1) for label in labels]
    overlap = any(right - left < (a + b) / 2 for (left, a), (right, b) in pairwise(zip(centres, widths, strict=True)))
    if overlap and max(map(cell_len, labels)) >= _WORTH_TILTING:
        axes.set_xticklabels(labels, rotation=_TILT, ha="right", rotation_mode="anchor")
        return
    end = -np.inf
    for index, (centre, label_width) in enumerate(zip(centres, widths, strict=True)):
        if centre - label_width / 2 < end:
            labels[index] = ""
        else:
            end = centre + label_width / 2
    axes.set_xticklabels(labels)


def _legend_columns(names: Sequence[str], width: float) -> int:
    """The number of columns that fit. matplotlib fills column by column, each as wide as its longest name."""
    widths = [_LEGEND_SAMPLE + _CHARACTER * cell_len(shorten(name, _LONGEST_NAME)) for name in names]
    for columns in range(len(widths), 1, -1):
        rows = -(-len(widths) // columns)
        needed = sum(max(widths[start : start + rows]) for start in range(0, len(widths), rows))
        if needed <= width * _POINTS - _AXES_MARGIN:
            return columns
    return 1


def _draw_legend(axes: Axes, series: Sequence[Series], lines: Sequence[Line2D | None], width: float) -> None:
    """Draw the legend of the named curves between title and axes."""
    known = [(line, one.name) for one, line in zip(series, lines, strict=True) if line is not None and one.name]
    if not known:
        return
    columns = _legend_columns([name for _, name in known], width)
    handles = [line for line, _ in known]
    labels = [str(index) for index in range(len(known))]
    legend = axes.legend(handles, labels, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns)
    # matplotlib omits labels that begin with an underscore, so the names are set afterwards.
    for text, (_, name) in zip(legend.get_texts(), known, strict=True):
        text.set_text(shorten(name, _LONGEST_NAME))


def _draw_matrix(axes: Axes, chart: MatrixChart) -> None:
    count = len(chart.classes)
    colours = [[background(share, WHITE) for share in row] for row in signed_shares(chart.matrix)]
    pixels: NDArray[np.uint8] = np.array(colours, dtype=np.uint8).reshape(count, count, 3)
    axes.imshow(pixels, interpolation="nearest")
    axes.grid(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual")
    if count <= _MOST_CLASS_NAMES:
        names = [shorten(name, _LONGEST_TICK) for name in chart.classes]
        rotated = max(map(cell_len, names), default=0) > _LEVEL_CLASS_NAME
        axes.set_xticks(range(count), names, rotation=45 * rotated, ha="right" if rotated else "center")
        for label in axes.get_xticklabels():
            label.set_rotation_mode("anchor" if rotated else "default")
        axes.set_yticks(range(count), names)
        axes.tick_params(length=0)
    if count <= _MOST_COUNTS:
        for actual, row in enumerate(chart.matrix):
            for predicted, number in enumerate(row):
                text_colour = "#ffffff" if readable_on(colours[actual][predicted]) == WHITE else "#333333"
                text = f"{number:,}" if number else ""
                axes.text(predicted, actual, text, ha="center", va="center", color=text_colour, fontsize=7.5)
