"""Pictures as half-block cells: each cell shows one pixel above another, so cells are about square pixels."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Pixels = NDArray[np.uint8]
"""An RGB picture of shape (height, width, 3)."""

_UPPER_HALF = "▀"


def fitted(height: int, width: int, rows: int, columns: int) -> tuple[int, int]:
    """The (height, width) in pixels at which a picture fills ``rows`` by ``columns`` cells and keeps its shape."""
    scale = min(2 * rows / height, columns / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """A picture at another size: shrunk by averaging, grown smoothly."""
    if pixels.shape[:2] == (height, width):
        return pixels
    from PIL import Image  # not needed before the first picture is shown

    grows = height * width > pixels.shape[0] * pixels.shape[1]
    method = Image.Resampling.BICUBIC if grows else Image.Resampling.BOX
    return np.asarray(Image.fromarray(pixels).resize((width, height), method), dtype=np.uint8)


def half_blocks(pixels: Pixels, rows: int, columns: int) -> list[Strip]:
    """A picture as strips of cells, at most ``rows`` of at most ``columns``; none where there is no room or picture.

    Raises:
        ValueError: the picture is not of shape (height, width, 3).
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"a picture of shape {pixels.shape} is not (height, width, 3)")
    height, width, _ = pixels.shape
    if min(height, width, rows, columns) < 1:
        return []
    shown = resized(pixels, *fitted(height, width, rows, columns))
    return [_strip(shown[y], shown[y + 1] if y + 1 < len(shown) else None) for y in range(0, len(shown), 2)]


def _strip(upper: Pixels, lower: Pixels | None) -> Strip:
    below = [None] * len(upper) if lower is None else [tuple(pixel) for pixel in lower.tolist()]
    pairs = zip((tuple(pixel) for pixel in upper.tolist()), below, strict=True)
    return Strip([Segment(_UPPER_HALF * len(list(run)), _style(*pair)) for pair, run in groupby(pairs)])


def _style(upper: tuple[int, ...], lower: tuple[int, ...] | None) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower) if lower else None)
