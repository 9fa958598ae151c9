"""Texts cut to cells, and quantities in words."""

from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len, set_cell_size

from cnn_tui.amounts import unit_after
from cnn_tui.store.names import printable

_ELLIPSIS = "…"
_SHORT = 60.0  # seconds that are told to the tenth


def shorten(text: str, width: int) -> str:
    """A text made safe to show and cut to at most ``width`` cells, an ellipsis at the end of what was cut."""
    text = printable(text)
    if cell_len(text) <= width:
        return text
    if width < 1:
        return ""
    return set_cell_size(text, width - 1).rstrip() + _ELLIPSIS


def fit(text: str, width: int, *, right: bool = False) -> str:
    """A text made safe to show, cut or filled to exactly ``width`` cells."""
    short = shorten(text, width)
    margin = " " * (width - cell_len(short))
    return margin + short if right else short + margin


def duration(seconds: float) -> str:
    """A time span in the two largest units that matter, such as "1 h 05 min" or "8 s"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def data_words(dataset: str, root: str | None) -> str:
    """What pictures are called: their folder, the person's own as ~, or the dataset's name."""
    if root is None:
        return dataset
    path = Path(root).expanduser()
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def taken(seconds: float) -> str:
    """How long something took: as ``duration``, but below a minute to the tenth, such as "0.4 s"."""
    return f"{max(0.0, seconds):.1f} s" if seconds < _SHORT else duration(seconds)


def quantity(value: float, unit: str) -> str:
    """A count with its unit, thousands separated; bytes in decimal multiples."""
    if unit == "bytes":
        return _size(value)
    number = _number(value)
    return f"{number} {unit_after(number, unit)}"


def part_of(done: float, total: float, unit: str) -> str:
    """How far a count is, such as "1 of 300 pictures" or "1.2 MB of 3.4 MB"."""
    if unit == "bytes":
        return f"{_size(done)} of {_size(total)}"
    return f"{_number(done)} of {quantity(total, unit)}"


def _number(value: float) -> str:
    return f"{round(value):,}" if value == round(value) or abs(value) >= 100 else f"{value:.3g}"


def _size(value: float) -> str:
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value:.0f} B"
