"""Pages of HTML that need nothing else: texts, tables and pictures in one file."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from cnn_tui.reports.heat import WHITE, background, readable_on
from cnn_tui.reports.svg_parts import safe
from cnn_tui.reports.tables import HeatTable, Picture, PictureTable, Table

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 72rem; margin: 2rem auto;
  padding: 0 1.5rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #ddd; }
.scroll { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .92rem; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #e6e6e6; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #999; white-space: nowrap; }
.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.heat td.figure { border: 1px solid #fff; }
figure { display: inline-block; margin: .6rem 1rem .6rem 0; max-width: min(100%, 34rem); }
svg { max-width: 100%; height: auto; }
.gallery { display: flex; flex-wrap: wrap; gap: .8rem; margin: .8rem 0; }
.gallery figure { margin: 0; width: 8.5rem; }
.gallery img { width: 8.5rem; height: 8.5rem; object-fit: contain; image-rendering: pixelated; background: #8883; }
.gallery figcaption { font-size: .82rem; line-height: 1.35; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #16181d; }
  h2, th, td { border-color: #3a3e47; } figure svg { border-radius: 6px; }
  .heat td.figure { border-color: #16181d; } .heat td.figure[style] { color: #222; } }
@media print { h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""


def page(title: str, body: Iterable[str]) -> str:
    """A whole page around elements."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
            f"<title>{safe(title)}</title>",
            f"<style>{_STYLE}</style></head>",
            "<body>",
            f"<h1>{safe(title)}</h1>",
            *body,
            "</body></html>",
            "",
        ]
    )


def heading(text: str) -> str:
    """The heading of a section."""
    return f"<h2>{safe(text)}</h2>"


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{safe(text)}</p>"


def figure(svg: str) -> str:
    """A picture; those that have room for it stand beside each other."""
    return f"<figure>{svg}</figure>"


def to_html(table: Table) -> str:
    """A table, coloured by its heat where it has any, or its pictures; a wide one scrolls on its own."""
    if isinstance(table, PictureTable):
        pictures = "\n".join(map(_picture, table.pictures))
        return f'<div class="gallery">\n{pictures}\n</div>'
    heat = table.heat if isinstance(table, HeatTable) else ()
    kind = ' class="heat"' if heat else ""
    rows = [_row(row, table.labels, heat[place] if heat else ()) for place, row in enumerate(table.rows)]
    head = "".join(f"<th{_kind(place, table.labels)}>{safe(name)}</th>" for place, name in enumerate(table.columns))
    body = "\n".join(rows)
    return f'<div class="scroll"><table{kind}>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _picture(picture: Picture) -> str:
    """A picture that is part of the page, above the lines of its caption."""
    source = f"data:image/png;base64,{base64.b64encode(picture.png).decode('ascii')}"
    lines = "<br>".join(map(safe, picture.caption))
    return f'<figure><img src="{source}" alt="{safe(picture.alt)}"><figcaption>{lines}</figcaption></figure>'


def _row(cells: Sequence[str], labels: int, heat: Sequence[float]) -> str:
    strengths = [*[0.0] * (len(cells) - len(heat)), *heat]
    columns = [
        f"<td{_kind(place, labels)}{_heat(strength)}>{safe(cell)}</td>"
        for place, (cell, strength) in enumerate(zip(cells, strengths, strict=True))
    ]
    return f"<tr>{''.join(columns)}</tr>"


def _kind(place: int, labels: int) -> str:
    return ' class="figure"' if place >= labels else ""


def _heat(share: float) -> str:
    """The background of a cell: blue for good, red for bad, the fuller the further from 0."""
    if not share:
        return ""
    colour = background(share, WHITE)
    red, green, blue = colour
    ink = ";color:#fff" if readable_on(colour) == WHITE else ""
    return f' style="background:rgb({red},{green},{blue}){ink}"'
