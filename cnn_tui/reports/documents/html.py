"""Reports as self-contained HTML pages. Imports jinja2, so import this module only to export."""

from __future__ import annotations

import base64
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from cnn_tui.reports.charts.heat import WHITE, background, readable_on
from cnn_tui.reports.charts.series import Chart
from cnn_tui.reports.documents.document import Document
from cnn_tui.reports.documents.tables import HeatTable, IllustratedTable, Illustration, Table
from cnn_tui.reports.labels import visible

_TEMPLATES = Path(__file__).with_name("templates")


def document_html(document: Document) -> str:
    """A report as one page with charts as SVG, but without heat maps, because matrices are coloured tables."""
    numbers = itertools.count(1)

    def svg(chart: Chart) -> Markup:
        from cnn_tui.reports.charts.figure_files import to_svg  # imports matplotlib, which only charts need

        return Markup(to_svg(chart, f"chart-{next(numbers)}"))

    template = _environment().get_template("report.html")
    return template.render(title=document.title, sections=document.sections, svg=svg)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        keep_trailing_newline=True,
    )
    environment.filters |= {"data_url": _data_url, "heat_cells": _heat_cells}
    environment.tests |= {
        "chart": lambda block: isinstance(block, Chart),
        "table": lambda block: isinstance(block, Table),
        "heat": lambda block: isinstance(block, HeatTable) and bool(block.heat),
        "gallery": lambda block: isinstance(block, IllustratedTable),
    }
    return environment


def _finalize(value: Any) -> Any:
    """Replace control characters in text, which escaping does not change."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _data_url(image: Illustration) -> str:
    return f"data:image/png;base64,{base64.b64encode(image.png).decode('ascii')}"


def _heat_cells(table: Table) -> Iterator[list[tuple[str, str]]]:
    """The cells of each row, each with its CSS, empty for cells without a colour."""
    heat = table.heat if isinstance(table, HeatTable) and table.heat else ((),) * len(table.rows)
    for row, strengths in zip(table.rows, heat, strict=True):
        styles = [*[""] * (len(row) - len(strengths)), *map(_css, strengths)]
        yield list(zip(row, styles, strict=True))


def _css(strength: float) -> str:
    if not strength:
        return ""
    colour = background(strength, WHITE)
    red, green, blue = colour
    return f"background:rgb({red},{green},{blue})" + (";color:#fff" if readable_on(colour) == WHITE else "")
