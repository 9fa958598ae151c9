"""Heat maps of confusion matrices: the share and the colour of each cell, RGB from 0 to 255."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

RGB = tuple[int, int, int]
HIT: RGB = (24, 100, 171)
ERROR: RGB = (201, 42, 42)
"""The colours at full strength; white text has a contrast of at least 4.5 to both."""
WHITE: RGB = (255, 255, 255)
BLACK: RGB = (0, 0, 0)


@dataclass(frozen=True)
class MatrixChart:
    """A confusion matrix as a heat map: rows are actual classes, columns predicted ones."""

    title: str
    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]

    @property
    def alt(self) -> str:
        """Alternative text for screen readers."""
        hits = sum(row[index] for index, row in enumerate(self.matrix))
        total = sum(map(sum, self.matrix))
        return f"{self.title} of {len(self.classes)} classes as a heat map: {hits:,} of {total:,} on the diagonal."


def signed_shares(matrix: Sequence[Sequence[int]]) -> tuple[tuple[float, ...], ...]:
    """Each count as a share of its row, negative off the diagonal."""
    return tuple(
        tuple(count / (sum(row) or 1) * (1 if actual == predicted else -1) for predicted, count in enumerate(row))
        for actual, row in enumerate(matrix)
    )


def strength(share: float) -> float:
    """The strength of the colour of a share in [-1, 1], from 0 to 1: the square root, so that rare errors show."""
    return math.sqrt(min(1.0, abs(share)))


def background(share: float, ground: RGB) -> RGB:
    """The background of a cell, between ``ground`` and the colour of hits, or of errors for a negative share."""
    weight, full = strength(share), HIT if share > 0 else ERROR
    red, green, blue = (round(low + (high - low) * weight) for low, high in zip(ground, full, strict=True))
    return red, green, blue


def readable_on(colour: RGB) -> RGB:
    """Black or white, whichever contrasts more: at least 4.5 to 1 on any background."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, colour))


def contrast(one: RGB, other: RGB) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: RGB) -> float:
    channels = [channel / 255 for channel in colour]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
