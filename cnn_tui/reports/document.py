"""A report as sections of paragraphs, tables and charts, and as Markdown, HTML, LaTeX and CSV."""

from __future__ import annotations

from dataclasses import dataclass

from cnn_tui.reports import html
from cnn_tui.reports.axis import Tick
from cnn_tui.reports.latex import latex_text, to_latex
from cnn_tui.reports.svg import Series, line_chart
from cnn_tui.reports.tables import Table, markdown_text, to_csv, to_markdown
from cnn_tui.reports.text_chart import plain, text_chart


@dataclass(frozen=True)
class Chart:
    """Curves to be drawn, with the arguments of :func:`cnn_tui.reports.svg.line_chart`."""

    title: str
    series: tuple[Series, ...]
    x_label: str
    y_label: str
    log_x: bool = False
    percent: bool = False
    x_ticks: tuple[Tick, ...] = ()

    def svg(self, width: int = 640, height: int = 360) -> str:
        """The chart as an ``<svg>`` element, sizes in pixels."""
        return line_chart(
            self.series,
            title=self.title,
            x_label=self.x_label,
            y_label=self.y_label,
            log_x=self.log_x,
            percent=self.percent,
            x_ticks=self.x_ticks,
            width=width,
            height=height,
        )

    def text(self, width: int = 80, height: int = 16) -> str:
        """The chart as lines of text, sizes in cells."""
        rows = text_chart(
            self.series,
            title=self.title,
            x_label=self.x_label,
            log_x=self.log_x,
            percent=self.percent,
            x_ticks=self.x_ticks,
            width=width,
            height=height,
        )
        return plain(rows)


Block = str | Table | Chart
"""What a section is made of; a text is one paragraph of plain text."""


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A report. Its texts may hold anything; each format escapes what it would take for markup."""

    title: str
    sections: tuple[Section, ...]


def document_markdown(document: Document) -> str:
    """The report as Markdown; its charts are text in fenced blocks, which every renderer shows."""
    parts = [f"# {markdown_text(document.title)}\n"]
    for section in document.sections:
        parts.append(f"## {markdown_text(section.title)}\n")
        parts += [_markdown(block) for block in section.blocks]
    return "\n".join(parts)


def document_html(document: Document) -> str:
    """The report as one page that needs no other file; its charts are SVG."""
    body: list[str] = []
    for section in document.sections:
        body += [html.heading(section.title), *(_html(block) for block in section.blocks)]
    return html.page(document.title, body)


def document_latex(document: Document) -> str:
    """The report as sections and tables for a document with the package booktabs. It leaves the charts out."""
    parts = [f"% {latex_text(document.title)}\n"]
    for section in document.sections:
        named = latex_text(section.title)
        parts.append(f"\\section{{{named}}}\n")
        parts += [_latex(block, section.title) for block in section.blocks if not isinstance(block, Chart)]
    return "\n".join(parts)


def document_csv(document: Document) -> str:
    """The tables of the report one after the other, each below its section's title and above an empty line."""
    parts = [
        f"{to_csv(Table((section.title,), (), 1))}{to_csv(block)}\n"
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Table)
    ]
    return "".join(parts).removesuffix("\n")


def _markdown(block: Block) -> str:
    if isinstance(block, Chart):
        drawn = block.text()
        fence = "`" * (3 + drawn.count("`"))
        return f"{fence}text\n{drawn}{fence}\n"
    return to_markdown(block) if isinstance(block, Table) else f"{markdown_text(block)}\n"


def _html(block: Block) -> str:
    if isinstance(block, Chart):
        return html.figure(block.svg())
    return html.to_html(block) if isinstance(block, Table) else html.paragraph(block)


def _latex(block: str | Table, caption: str) -> str:
    return to_latex(block, caption) if isinstance(block, Table) else f"{latex_text(block)}\n"
