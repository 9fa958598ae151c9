"""The styles of a heat map: the hotter, the nearer to one colour, with text that stays readable on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style
from textual.color import Color

from cnn_tui.reports.charts.heat import readable_on, strength

_LEVELS = 24
_HOTTEST = 0.9


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
    level = round(strength(share) * _LEVELS)
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
        text = Color(*readable_on(background.rgb))
    return Style(
        color=text.rich_color, bgcolor=background.rich_color, bold=(hit and level > 0) or cursor, reverse=cursor
    )
