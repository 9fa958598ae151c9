"""Reports as pages of HTML that need no other file. Imports jinja2, so import this only to export."""

from __future__ import annotations

import base64
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from cnn_tui.reports.chart import Chart
from cnn_tui.reports.document import Document
from cnn_tui.reports.heat import WHITE, background, readable_on
from cnn_tui.reports.tables import HeatTable, Picture, PictureTable, Table, visible

_TEMPLATES = Path(__file__).with_name("templates")


def document_html(document: Document) -> str:
    """A report as one page, its charts as SVG.

    A confusion matrix is a coloured table there, so its heat map is left out.
    """
    numbers = itertools.count(1)

    def svg(chart: Chart) -> Markup:
        from cnn_tui.reports.figure_files import to_svg  # matplotlib, which pages without charts do not need

        return Markup(to_svg(chart, f"chart-{next(numbers)}"))

    template = _environment().get_template("report.html")
    return template.render(title=document.title, sections=document.sections, svg=svg)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        keep_trailing_newline=True,
    )
    environment.filters |= {"data_url": _data_url, "heat_cells": _heat_cells}
    environment.tests |= {
        "chart": lambda block: isinstance(block, Chart),
        "table": lambda block: isinstance(block, Table),
        "heat": lambda block: isinstance(block, HeatTable) and bool(block.heat),
        "gallery": lambda block: isinstance(block, PictureTable),
    }
    return environment


def _shown(value: Any) -> Any:
    """Texts from users without control characters, which escaping leaves alone."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _data_url(picture: Picture) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.png).decode('ascii')}"


def _heat_cells(table: Table) -> Iterator[list[tuple[str, str]]]:
    """The cells of each row, each with its CSS, which is empty for cells without a colour."""
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
