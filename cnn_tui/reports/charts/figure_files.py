"""Charts as SVG, PDF and PNG files. The same chart always results in the same bytes, without a date."""

from __future__ import annotations

import io
from collections.abc import Sequence
from xml.etree import ElementTree

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from cnn_tui.reports.charts.figures import draw, figure_of, report_style, size_of
from cnn_tui.reports.charts.heat import MatrixChart
from cnn_tui.reports.charts.series import Chart
from cnn_tui.reports.labels import visible

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_PIXELS = 100 / 72  # per point
_COLUMNS = 2  # of charts in one PNG


def to_svg(chart: Chart | MatrixChart, prefix: str) -> str:
    """A chart as an ``<svg>`` element of a page, with alternative text.

    Args:
        prefix: of every id in it, and different for each chart of a page, because ids are unique in a page.
    """
    file = io.BytesIO()
    with report_style():
        figure_of(chart).savefig(file, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(file.getvalue().decode())
    for element in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(element)
    for element in root.iter():
        _make_local(element, prefix)
    width, height = (float(side) for side in root.attrib["viewBox"].split()[2:])
    root.set("width", f"{width * _PIXELS:.0f}")
    root.set("height", f"{height * _PIXELS:.0f}")
    root.set("role", "img")
    root.set("aria-label", visible(chart.alt))
    ElementTree.register_namespace("", _SVG)
    return ElementTree.tostring(root, encoding="unicode")


def to_pdf(charts: Sequence[Chart | MatrixChart], title: str) -> bytes:
    """Charts as the pages of a document, each the size of its chart; without charts, one page that says so."""
    file = io.BytesIO()
    metadata = {"Title": visible(title), "CreationDate": None}
    with report_style(), PdfPages(file, metadata=metadata) as pages:
        for figure in [figure_of(chart) for chart in charts] or [_empty(title)]:
            figure.savefig(pages, format="pdf")
    return file.getvalue()


def to_png(charts: Sequence[Chart | MatrixChart], title: str) -> bytes:
    """Charts as one image, in two columns."""
    file = io.BytesIO()
    with report_style():
        _sheet(charts, title).savefig(file, format="png", metadata={"Title": visible(title)})
    return file.getvalue()


def _empty(title: str) -> Figure:
    return figure_of(Chart(title, (), "", ""))


def _sheet(charts: Sequence[Chart | MatrixChart], title: str) -> Figure:
    """All charts in one figure, in rows of the height of their highest chart."""
    if len(charts) < _COLUMNS:
        return figure_of(charts[0]) if charts else _empty(title)
    rows = [charts[start : start + _COLUMNS] for start in range(0, len(charts), _COLUMNS)]
    sizes = [[size_of(chart) for chart in row] for row in rows]
    heights = [max(height for _, height in row) for row in sizes]
    width = max(chart_width for row in sizes for chart_width, _ in row)
    sheet = Figure(figsize=(_COLUMNS * width, sum(heights)), layout="constrained")
    grid = sheet.subfigures(len(rows), _COLUMNS, height_ratios=heights, squeeze=False)
    for row, subfigures in zip(rows, grid, strict=True):
        for chart, subfigure in zip(row, subfigures, strict=False):
            draw(subfigure, chart)
    return sheet


def _make_local(element: ElementTree.Element, prefix: str) -> None:
    """Prefix the id of an element and its references to ids; links become those of SVG 2."""
    if _LINK in element.attrib:
        element.set("href", element.attrib.pop(_LINK))
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, f"{prefix}-{value}")
        elif name == "href" and value.startswith("#"):
            element.set(name, f"#{prefix}-{value[1:]}")
        elif "url(#" in value:
            element.set(name, value.replace("url(#", f"url(#{prefix}-"))
