"""Amounts as people say them."""

from __future__ import annotations


def parameter_count(count: int) -> str:
    """Parameters: exact as long as that can be read at a glance, in millions beyond."""
    return f"{_three_digits(count / 1e6)} M" if count >= 1e6 else f"{count:,}"


def share(part: int, whole: int) -> str:
    """A part in per cent with as many digits as it takes to see it."""
    percent = 100 * part / whole if whole else 0.0
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.2g} %"


def noun(count: int, singular: str, plural: str = "") -> str:
    """A noun as it stands behind a count; ``plural`` is the singular with an s unless given."""
    return singular if count == 1 else plural or singular + "s"


def some(count: int, singular: str, plural: str = "") -> str:
    """A count with its noun, such as "1 epoch" or "12 epochs"."""
    return f"{count:,} {noun(count, singular, plural)}"


def unit_after(value: object, unit: str) -> str:
    """A unit in the plural, such as "pictures", as it stands behind a value or its text."""
    return unit.removesuffix("s") if value in (1, "1") else unit


def _three_digits(value: float) -> str:
    decimals = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{decimals}f}"
