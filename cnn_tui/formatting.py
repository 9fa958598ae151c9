"""Numbers, quantities and names as text that is safe to show in a terminal."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

_ELLIPSIS = "…"
_TENTHS_BELOW = 60.0  # seconds
_UNIT_TITLES = {"pictures": "images"}
"""Units that recorded events spell differently from the interface."""
# Control characters (C0, DEL, C1), marks that reorder text, line and paragraph separators, lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Replace characters that could control a terminal, line breaks included, by U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text)


def display(path: Path | str) -> str:
    """Decode a path or file name to valid Unicode; undecodable bytes become replacement characters."""
    return os.fsencode(path).decode("utf-8", "replace")


def shorten(text: str, width: int) -> str:
    """Make a text printable and truncate it to ``width`` terminal cells, ending in an ellipsis if cut."""
    from rich.cells import cell_len, set_cell_size

    text = printable(text)
    if cell_len(text) <= width:
        return text
    if width < 1:
        return ""
    return set_cell_size(text, width - 1).rstrip() + _ELLIPSIS


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Make a text printable and truncate or pad it to exactly ``width`` terminal cells."""
    from rich.cells import cell_len

    short = shorten(text, width)
    margin = " " * (width - cell_len(short))
    return margin + short if right else short + margin


def noun(count: int, singular: str, plural: str = "") -> str:
    """Choose the singular or plural for a count; the plural defaults to the singular with an "s"."""
    return singular if count == 1 else plural or singular + "s"


def pluralize(count: int, singular: str, plural: str = "") -> str:
    """Format a count with its noun, such as "1 epoch" or "12 epochs"."""
    return f"{count:,} {noun(count, singular, plural)}"


def unit_for(value: object, unit: str) -> str:
    """Turn a plural unit, such as "epochs", into the form that follows a value or its text."""
    unit = _UNIT_TITLES.get(unit, unit)
    return unit.removesuffix("s") if value in (1, "1") else unit


def parameter_count(count: int) -> str:
    """Format a number of parameters: exact below a million, in millions above."""
    if count < 1e6:
        return f"{count:,}"
    millions = count / 1e6
    decimals = 0 if millions >= 99.95 else 1 if millions >= 9.995 else 2
    return f"{millions:,.{decimals}f} M"


def percentage(part: int, whole: int) -> str:
    """Format a fraction in per cent, with two significant digits below 10 %."""
    percent = 100 * part / whole if whole else 0.0
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.2g} %"


def quantity(value: float, unit: str) -> str:
    """Format a value with its unit and thousands separators; bytes in decimal multiples."""
    if unit == "bytes":
        return _size(value)
    number = _number(value)
    return f"{number} {unit_for(number, unit)}"


def progress_text(done: float, total: float, unit: str) -> str:
    """Format progress, such as "1 of 300 images" or "1.2 MB of 3.4 MB"."""
    if unit == "bytes":
        return f"{_size(done)} of {_size(total)}"
    return f"{_number(done)} of {quantity(total, unit)}"


def duration(seconds: float) -> str:
    """Format a time span in whole seconds and its two largest units, such as "1 h 05 min" or "8 s"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def clock(seconds: float, longest: float) -> str:
    """Format a time span like a clock, in a width that depends on the longest one: "0:05", "00:05" or "0:00:05"."""
    minutes, rest = divmod(int(seconds), 60)
    if longest >= 3600:
        return f"{minutes // 60:0{len(str(int(longest) // 3600))}}:{minutes % 60:02}:{rest:02}"
    return f"{minutes:0{len(str(int(longest) // 60))}}:{rest:02}"


def elapsed(seconds: float) -> str:
    """Format a measured time: like :func:`duration`, but to the tenth below a minute, such as "0.4 s"."""
    return f"{max(0.0, seconds):.1f} s" if seconds < _TENTHS_BELOW else duration(seconds)


def time_ago(seconds: float) -> str:
    """Format how long ago a time was; ``seconds`` is since the epoch."""
    passed = max(0.0, time.time() - seconds)
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if passed >= length:
            return f"{pluralize(int(passed // length), unit)} ago"
    return f"{passed:.0f} s ago"


def dataset_label(dataset: str, root: str | None) -> str:
    """Name a dataset, or for a folder of images its path, shortened to ``~`` within the home folder."""
    if root is None:
        return dataset
    path = Path(root).expanduser()
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def _number(value: float) -> str:
    return f"{round(value):,}" if value == round(value) or abs(value) >= 100 else f"{value:.3g}"


def _size(value: float) -> str:
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value:.0f} B"
