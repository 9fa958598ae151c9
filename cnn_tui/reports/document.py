"""A report as sections of paragraphs, tables and charts, and as Markdown and CSV."""

from __future__ import annotations

from dataclasses import dataclass

from cnn_tui.reports.chart import Chart, MatrixChart
from cnn_tui.reports.tables import Table, markdown_text, to_csv, to_markdown
from cnn_tui.reports.text_chart import plain, text_chart

Block = str | Table | Chart | MatrixChart
"""What a section is made of; a text is one paragraph of plain text."""


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A report. Its texts may contain anything; each format escapes what it would take for markup."""

    title: str
    sections: tuple[Section, ...]

    @property
    def charts(self) -> tuple[Chart | MatrixChart, ...]:
        """The charts of all sections."""
        blocks = (block for section in self.sections for block in section.blocks)
        return tuple(block for block in blocks if isinstance(block, Chart | MatrixChart))


def document_markdown(document: Document) -> str:
    """The report as Markdown; its charts are text in fenced blocks, which every renderer shows.

    A confusion matrix is there as a table, so its heat map is left out.
    """
    parts = [f"# {markdown_text(document.title)}\n"]
    for section in document.sections:
        parts.append(f"## {markdown_text(section.title)}\n")
        parts += [_markdown(block) for block in section.blocks if not isinstance(block, MatrixChart)]
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


def _markdown(block: str | Table | Chart) -> str:
    if isinstance(block, Chart):
        drawn = plain(text_chart(block))
        fence = "`" * (3 + drawn.count("`"))
        return f"{fence}text\n{drawn}{fence}\n"
    return to_markdown(block) if isinstance(block, Table) else f"{markdown_text(block)}\n"
