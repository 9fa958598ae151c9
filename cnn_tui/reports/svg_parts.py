"""The pieces of SVG pictures: lines, marks and texts, as elements."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Literal

from rich.cells import cell_len, set_cell_size

from cnn_tui.store.names import printable

Dash = Literal["solid", "dashed", "dotted", "none"]
"""How the points of a series are joined; "none" leaves them apart."""
Marker = Literal["none", "circle", "square", "diamond", "triangle", "cross", "plus"]
INK = "#333333"
"""The colour of texts and axes."""
_DASHES = {"solid": "", "dashed": ' stroke-dasharray="7 4"', "dotted": ' stroke-dasharray="2 3"'}
_SHAPES: dict[Marker, str] = {  # as paths from the middle
    "none": "",
    "circle": "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z",
    "square": "m-3.5 -3.5h7v7h-7z",
    "diamond": "m0 -4.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z",
    "triangle": "m0 -4.5l4.5 7.5h-9z",
    "cross": "m-3.5 -3.5l7 7m-7 0l7 -7",
    "plus": "m-4.5 0h9m-4.5 -4.5v9",
}


def stroke(places: Sequence[tuple[float, float]], colour: str, dash: Dash) -> str:
    """A line through places; empty where there is nothing to join."""
    if dash == "none" or len(places) < 2:
        return ""
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    style = f'fill="none" stroke="{safe(colour)}" stroke-width="2" stroke-linejoin="round"{_DASHES[dash]}'
    return f'<polyline points="{joined}" {style}/>'


def mark(marker: Marker, x: float, y: float, colour: str) -> str:
    """A marker around a place; empty for none."""
    shape = _SHAPES[marker]
    if not shape:
        return ""
    filled = "none" if marker in ("cross", "plus") else safe(colour)
    return f'<path d="M{x:.1f} {y:.1f}{shape}" fill="{filled}" stroke="{safe(colour)}" stroke-width="1.5"/>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    """A thin line between two places."""
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{safe(colour)}"/>'


def text(x: float, y: float, words: str, style: str = "") -> str:
    """A text, which may hold anything; ``style`` is further attributes."""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{INK}" {style}>{safe(words)}</text>'


def cut(words: str, cells: int) -> str:
    """A text cut to at most so many cells, an ellipsis at the end of what was cut."""
    words = printable(words)
    return words if cell_len(words) <= cells else set_cell_size(words, cells - 1).rstrip() + "…"


def safe(words: str) -> str:
    """A text as it may stand in an element or an attribute; what XML has no place for becomes U+FFFD."""
    return escape(printable(words).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd"))
