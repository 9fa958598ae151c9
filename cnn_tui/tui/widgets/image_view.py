"""Images in half-block characters: each cell shows one pixel above another, so that pixels are about square.

By hand: Textual draws no images, and rich-pixels would be one more dependency for the forty lines below.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

Pixels = NDArray[np.uint8]
"""An RGB image of shape (height, width, 3)."""

_UPPER_HALF = "▀"


class ImageView(Widget):
    """An image as large as the widget allows, centered, with its aspect ratio."""

    DEFAULT_CSS = """
    ImageView { width: 1fr; height: 1fr; }
    """

    # An array has no single truth value for "has it changed", so that every assignment counts as a change.
    pixels: reactive[Pixels | None] = reactive(None, init=False, always_update=True)
    """The image, None for none."""

    _strips: list[Strip] | None = None

    def __init__(self, pixels: Pixels | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.set_reactive(ImageView.pixels, pixels)

    def watch_pixels(self) -> None:
        """Draw the new image."""
        self._strips = None

    def on_resize(self) -> None:
        """Draw the image in the new size."""
        self._strips = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the image, or of the space around it."""
        if self._strips is None:
            self._strips = [] if self.pixels is None else half_blocks(self.pixels, self.size.height, self.size.width)
        line = y - (self.size.height - len(self._strips)) // 2
        if not 0 <= line < len(self._strips):
            return Strip.blank(self.size.width, self.rich_style)
        return self._strips[line].text_align(self.size.width, "center").apply_style(self.rich_style)


def half_blocks(pixels: Pixels, rows: int, columns: int) -> list[Strip]:
    """An image as strips, at most ``rows`` of ``columns`` cells; none if image or space is empty.

    Raises:
        ValueError: the image is not of shape (height, width, 3).
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"an image of shape {pixels.shape} is not (height, width, 3)")
    height, width, _ = pixels.shape
    if min(height, width, rows, columns) < 1:
        return []
    shown = resized(pixels, *fitted_size(height, width, rows, columns))
    return [_strip(shown[y], shown[y + 1] if y + 1 < len(shown) else None) for y in range(0, len(shown), 2)]


def fitted_size(height: int, width: int, rows: int, columns: int) -> tuple[int, int]:
    """The (height, width) in pixels at which an image fills ``rows`` by ``columns`` cells with its aspect ratio."""
    scale = min(2 * rows / height, columns / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """An image in another size: averaged where it shrinks, interpolated where it grows."""
    if pixels.shape[:2] == (height, width):
        return pixels
    from PIL import Image  # not needed before the first image

    grows = height * width > pixels.shape[0] * pixels.shape[1]
    method = Image.Resampling.BICUBIC if grows else Image.Resampling.BOX
    return np.asarray(Image.fromarray(pixels).resize((width, height), method), dtype=np.uint8)


def _strip(upper: Pixels, lower: Pixels | None) -> Strip:
    """One line of cells from two rows of pixels."""
    below = [None] * len(upper) if lower is None else [tuple(pixel) for pixel in lower.tolist()]
    pairs = zip((tuple(pixel) for pixel in upper.tolist()), below, strict=True)
    return Strip([Segment(_UPPER_HALF * len(list(run)), _style(*pair)) for pair, run in groupby(pairs)])


def _style(upper: tuple[int, ...], lower: tuple[int, ...] | None) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower) if lower else None)
