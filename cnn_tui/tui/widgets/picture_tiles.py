"""The tiles of a picture grid: a picture each, and two lines of caption below it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from textual.geometry import Offset, Region, Size
from textual.strip import Strip

from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import fit
from cnn_tui.tui.widgets.half_blocks import Pixels, half_blocks

Loader = Callable[[int], Pixels | None]
"""Gives the pixels of a picture by its index, None where there are none. It is called in a thread."""

PICTURE_SIZES = (Size(22, 8), Size(32, 16))
"""The room for a picture in cells, small and large."""
_CAPTION_LINES = 2
_GAP = Size(2, 1)


@dataclass(frozen=True)
class PictureItem:
    """One picture of a grid.

    Attributes:
        index: the number by which its pixels are asked for.
        confidence: of the prediction, in [0, 1].
    """

    index: int
    actual: str
    predicted: str
    confidence: float

    @property
    def is_hit(self) -> bool:
        """Whether it was recognised."""
        return self.actual == self.predicted


def tile_size(picture: Size) -> Size:
    """The room for a picture with its caption and the gap to the next tile."""
    return Size(picture.width + _GAP.width, picture.height + _CAPTION_LINES + _GAP.height)


def tile_region(place: int, columns: int, tile: Size) -> Region:
    """Where the tile at a place lies among all tiles, ``columns`` of them side by side."""
    row, column = divmod(place, columns)
    return Region(column * tile.width, row * tile.height, tile.width, tile.height)


def place_at(offset: Offset, columns: int, tile: Size) -> int | None:
    """The place of the tile at an offset among all tiles, None to the right of them."""
    column = offset.x // tile.width
    return offset.y // tile.height * columns + column if column < columns else None


def caption(item: PictureItem, line: int, width: int) -> str:
    """A line of the caption: what it was taken for and how confidently, then what it is unless that is the same."""
    if line == 0:
        confidence = f" {item.confidence:.0%}"
        return fit(f"{'✓' if item.is_hit else '✗'} {item.predicted}", width - len(confidence)) + confidence
    return fit("" if item.is_hit or line >= _CAPTION_LINES else f"  is {item.actual}", width)


class PictureShelf:
    """Pictures as strips, drawn in a thread when they are first wanted."""

    def __init__(self, load: Loader) -> None:
        self._load = load
        self._drawn: dict[tuple[int, Size], list[Strip] | str] = {}
        self._wanted: list[tuple[int, Size]] = []

    def get(self, index: int, size: Size) -> list[Strip] | str:
        """The strips of a picture drawn to fit ``size`` cells, or in words why there are none (yet)."""
        key = (index, size)
        if key not in self._drawn:
            self._drawn[key] = "loading"
            self._wanted.append(key)
        return self._drawn[key]

    @property
    def is_waiting(self) -> bool:
        """Whether a picture was wanted that is not drawn."""
        return bool(self._wanted)

    async def draw_next(self) -> int:
        """Draw the picture that was wanted last, for that is what a person looks at, and give its index."""
        key = self._wanted.pop()
        self._drawn[key] = await asyncio.to_thread(self._draw, *key)
        return key[0]

    def _draw(self, index: int, size: Size) -> list[Strip] | str:
        try:
            pixels = self._load(index)
        except CnnTuiError as error:
            return error.title
        return "no picture" if pixels is None else half_blocks(pixels, size.height, size.width)
