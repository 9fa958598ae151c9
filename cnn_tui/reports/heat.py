"""The colours of heat maps in reports: blue for good, red for bad, the fuller the further from 0."""

from __future__ import annotations

import math

Rgb = tuple[int, int, int]
_GOOD, _BAD, _GROUND = (24, 100, 171), (201, 42, 42), (255, 255, 255)
_DARK = 0.19  # backgrounds of a luminance below it have white text on them


def heat_colour(strength: float) -> Rgb:
    """The background for a strength from -1, bad, to 1, good; 0 is white.

    Its square root is what is shown, so that rare confusions are seen too.
    """
    part = min(1.0, abs(strength)) ** 0.5
    full = _GOOD if strength > 0 else _BAD
    red, green, blue = (round(low + (high - low) * part) for low, high in zip(_GROUND, full, strict=True))
    return red, green, blue


def is_dark(colour: Rgb) -> bool:
    """Whether white text is easier to read on a colour than dark text."""
    # A power of 2.2 instead of sRGB's curve is accurate enough here.
    red, green, blue = (math.pow(part / 255, 2.2) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < _DARK
