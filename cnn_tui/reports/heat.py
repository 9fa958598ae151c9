"""The colours of heat maps, as triples of red, green and blue from 0 to 255."""

from __future__ import annotations

import math

Colour = tuple[int, int, int]
HIT: Colour = (24, 100, 171)
ERROR: Colour = (201, 42, 42)
"""At full strength; white text has a contrast of at least 4.5 to both."""
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


def strength(share: float) -> float:
    """How strong the colour of a share in [-1, 1] is, 0 to 1: the square root, so that rare errors are seen."""
    return math.sqrt(min(1.0, abs(share)))


def background(share: float, ground: Colour) -> Colour:
    """The background of a cell: from ``ground`` to the colour of hits, or of errors below 0."""
    part, full = strength(share), HIT if share > 0 else ERROR
    red, green, blue = (round(low + (high - low) * part) for low, high in zip(ground, full, strict=True))
    return red, green, blue


def readable_on(colour: Colour) -> Colour:
    """Black or white, whichever contrasts more: at least 4.5 to 1 on any background."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, colour))


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Colour) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
