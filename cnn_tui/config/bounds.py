"""A field's bounds in words, read from its annotations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from annotated_types import Ge, Gt, Le, Lt

_LEAST, _MOST = "at least ", "at most "


def bounds(metadata: Iterable[Any]) -> tuple[str, str]:
    """The lower and the upper bound, such as "at least 1" and "at most 100,000"; empty where there is none."""
    lower = upper = ""
    for item in metadata:
        if isinstance(item, Ge):
            lower = f"{_LEAST}{_number(item.ge)}"
        elif isinstance(item, Gt):
            lower = f"more than {_number(item.gt)}"
        elif isinstance(item, Le):
            upper = f"{_MOST}{_number(item.le)}"
        elif isinstance(item, Lt):
            upper = f"less than {_number(item.lt)}"
    return lower, upper


def span(lower: str, upper: str) -> str:
    """Both bounds, as :func:`bounds` gives them, in one short phrase, such as "1 to 100,000"."""
    if lower.startswith(_LEAST) and upper.startswith(_MOST):
        return f"{lower.removeprefix(_LEAST)} to {upper.removeprefix(_MOST)}"
    return " and ".join(part for part in (lower, upper) if part)


def range_in_words(metadata: Iterable[Any]) -> str:
    """Both bounds in one phrase."""
    return " and ".join(part for part in bounds(metadata) if part)


def _number(value: Any) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
