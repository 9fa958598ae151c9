"""The styles of a heat map: the hotter, the nearer to one colour, with text that stays readable on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style
from textual.color import Color

_LEVELS = 24
_HOTTEST = 0.9
_LIGHT, _DARK = Color(255, 255, 255), Color(0, 0, 0)


@dataclass(frozen=True)
class Palette:
    """The colours of a heat map: its cold background, that of hits (the diagonal) and that of errors."""

    background: Color
    hit: Color
    error: Color
    nothing: Color

    @property
    def is_ansi(self) -> bool:
        """Whether colours are the terminal's own, of which nobody knows a shade between two."""
        return self.background.ansi is not None


def heat_style(palette: Palette, share: float, *, hit: bool, cursor: bool) -> Style:
    """The style of a cell that holds ``share`` in [0, 1] of its class. Hits are bold, the cursor is reversed."""
    level = round(min(1.0, max(0.0, share)) ** 0.5 * _LEVELS)
    if share > 0:
        level = max(1, level)
    return _style(palette, level, hit, cursor)


@lru_cache(maxsize=1024)
def _style(palette: Palette, level: int, hit: bool, cursor: bool) -> Style:
    hue = palette.hit if hit else palette.error
    if level == 0:
        background, text = palette.background, palette.nothing
    elif palette.is_ansi:
        background, text = palette.background, hue
    else:
        background = palette.background.blend(hue, _HOTTEST * level / _LEVELS)
        text = readable_on(background)
    return Style(
        color=text.rich_color, bgcolor=background.rich_color, bold=(hit and level > 0) or cursor, reverse=cursor
    )


def readable_on(background: Color) -> Color:
    """Black or white, whichever contrasts more: at least 4.5 to 1 on any background."""
    return max((_LIGHT, _DARK), key=lambda text: contrast(text, background))


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
