"""The cells of a confusion matrix on the screen: their text, position and style, and a sentence about each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.style import Style
from textual.color import Color
from textual.geometry import Offset, Size

from cnn_tui.formatting import printable
from cnn_tui.metrics import Scores
from cnn_tui.reports.charts.heat import readable_on, strength

Mode = Literal["counts", "actual", "predicted"]
MODES: tuple[Mode, ...] = ("counts", "actual", "predicted")
MODE_TITLES: dict[Mode, str] = {"counts": "counts", "actual": "% of actual", "predicted": "% of predicted"}

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

HEADER = 2
"""The number of header lines."""
_MAX_NAME, _MIN_NAME = 20, 8  # the headers in the corner need the minimum
_MAX_CELL, _MIN_CELL = 12, 5
_LEVELS = 24
_MAX_BLEND = 0.9
_WORDS = re.compile(r"[a-z]{3,}([ _][a-z]{3,})*")
_MAX_NOUN = 40
_UNCHANGED = frozenset({"deer", "fish", "sheep", "trout", "shrimp"})
_IRREGULAR = {"mouse": "mice", "man": "men", "woman": "women", "child": "children", "wolf": "wolves", "goose": "geese"}


def shares(matrix: IntArray, mode: Mode) -> FloatArray:
    """The fraction of each cell in its column for "predicted", else in its row, which is fair to small classes."""
    # ``reports.confusion.heat`` returns the fractions of rows, as tuples; the screen needs those of columns too, and
    # arrays, to react to a key in time with 1,000 classes.
    totals = matrix.sum(axis=0 if mode == "predicted" else 1, keepdims=True)
    fractions: FloatArray = matrix / np.maximum(totals, 1)
    return fractions


def cell_texts(matrix: IntArray, mode: Mode) -> tuple[tuple[str, ...], ...]:
    """The text of each cell: "·" for zero, "<1" for less than half a per cent."""
    if mode == "counts":
        return tuple(tuple(f"{count:,}" if count else "·" for count in row) for row in matrix.tolist())
    return tuple(tuple(_percent(share) for share in row) for row in shares(matrix, mode).tolist())


def _percent(share: float) -> str:
    if share == 0:
        return "·"
    if share < 0.005:
        return "<1"
    return f"{min(share * 100, 99 if share < 1 else 100):.0f}"


@dataclass(frozen=True)
class MatrixLayout:
    """The widths of a matrix of ``classes`` classes; ``name`` is that of the row headers with the gap after them."""

    classes: int
    name: int
    cell: int

    @property
    def size(self) -> Size:
        """The size of headers and cells together."""
        return Size(self.name + self.classes * self.cell, HEADER + self.classes)

    def cell_at(self, offset: Offset, scroll: Offset) -> tuple[int, int] | None:
        """The (actual, predicted) cell at an offset of the view, None on a header or beyond the cells."""
        if offset.x < self.name or offset.y < HEADER:
            return None
        row, column = offset.y - HEADER + scroll.y, (offset.x - self.name + scroll.x) // self.cell
        return (row, column) if row < self.classes and column < self.classes else None

    def scroll_to_show(self, row: int, column: int, view: Size, scroll: Offset) -> Offset:
        """The scroll offset nearest to ``scroll`` at which a cell is visible beside the headers."""
        x = _nearest_scroll(scroll.x, column * self.cell, self.cell, view.width - self.name)
        return Offset(x, _nearest_scroll(scroll.y, row, 1, view.height - HEADER))


def lay_out(names: Sequence[str], texts: Sequence[Sequence[str]], width: int) -> MatrixLayout:
    """Divide a width between row headers and columns; the columns always fit their widest text."""
    longest_name = max(cell_len(printable(name)) for name in names)
    name = max(_MIN_NAME, min(longest_name, _MAX_NAME, width // 4)) + 2
    min_cell = max(_MIN_CELL, 2 + max(len(text) for row in texts for text in row))
    wanted_cell = min(_MAX_CELL, max(min_cell, longest_name + 2))
    return MatrixLayout(len(names), name, max(min_cell, min(wanted_cell, (width - name) // len(names))))


def _nearest_scroll(scroll: int, start: int, length: int, view: int) -> int:
    return max(0, min(start, max(scroll, start + length - max(length, view))))


@dataclass(frozen=True)
class HeatColors:
    """The colors of a heat map: its background, hits (the diagonal), errors, and the text of zeros."""

    background: Color
    hit: Color
    error: Color
    zero: Color


def heat_style(colors: HeatColors, share: float, *, hit: bool, cursor: bool) -> Style:
    """The style of a cell with a fraction ``share`` of its class. Hits are bold, the cursor is reversed."""
    level = round(strength(share) * _LEVELS)
    if share > 0:
        level = max(1, level)
    return _level_style(colors, level, hit, cursor)


@lru_cache(maxsize=1024)
def _level_style(colors: HeatColors, level: int, hit: bool, cursor: bool) -> Style:
    hue = colors.hit if hit else colors.error
    if level == 0:
        background, text = colors.background, colors.zero
    elif colors.background.ansi is not None:  # the terminal's own color, which cannot be blended
        background, text = colors.background, hue
    else:
        background = colors.background.blend(hue, _MAX_BLEND * level / _LEVELS)
        text = Color(*readable_on(background.rgb))
    bold = (hit and level > 0) or cursor
    return Style(color=text.rich_color, bgcolor=background.rich_color, bold=bold, reverse=cursor)


def describe_cell(scores: Scores, actual: int, predicted: int) -> str:
    """A sentence about the test images of class ``actual`` that were classified as ``predicted``.

    Class names that are plain English nouns are put in the plural, others in quotation marks.
    """
    name, other = scores.classes[actual], scores.classes[predicted]
    count, support = scores.confusion_matrix[actual][predicted], sum(scores.confusion_matrix[actual])
    if support == 0:
        return f"There were no test images of {_plural(name)}."
    images = _plural(name) if _is_noun(name) else f"images of {_quoted(name)}"
    subject = f"{_fraction(count, support)} {images} {'was' if count == 1 else 'were'}"
    if actual == predicted:
        return f"{subject} classified correctly."
    return f"{subject} classified as {_singular(other) if count == 1 else _plural(other)}."


def _fraction(count: int, support: int) -> str:
    if count == 0:
        return f"None of {support:,}"
    if count == support:
        return f"All {support:,}" if support > 1 else "The only one of 1"
    return f"{count:,} of {support:,}"


def _plural(name: str) -> str:
    if not _is_noun(name):
        return _quoted(name)
    *before, noun = re.split("[ _]", name)
    return " ".join((*before, _noun_plural(noun)))


def _singular(name: str) -> str:
    if not _is_noun(name):
        return _quoted(name)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name.replace('_', ' ')}"


def _is_noun(name: str) -> bool:
    return len(name) <= _MAX_NOUN and _WORDS.fullmatch(name) is not None


def _noun_plural(noun: str) -> str:
    if noun in _UNCHANGED or noun.endswith("fish"):
        return noun
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if re.search(r"(s|x|z|ch|sh)$", noun):
        return noun + "es"
    return noun[:-1] + "ies" if re.search(r"[^aeiou]y$", noun) else noun + "s"


def _quoted(name: str) -> str:
    return f"“{printable(name)}”"
