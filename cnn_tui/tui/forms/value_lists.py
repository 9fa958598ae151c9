"""Lists of values, typed with commas: the values of a study, or a sign that the user wants one. No widgets here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnn_tui.config.fields import FieldSpec, field, parse_value
from cnn_tui.config.study import Value
from cnn_tui.reports.labels import value_text

STUDY_HINT = "several values: ctrl+t makes a study"
"""Shown below a field of an experiment that holds a list."""


def parse_values(path: str, text: str) -> tuple[Value, ...]:
    """The comma-separated values of a setting; a value that cannot be parsed stays text."""
    parts = [part.strip() for part in text.split(",")]
    if not parts[-1]:  # an empty text, or a trailing comma
        parts.pop()
    return tuple(parse_value(field(path), part) for part in parts)


def format_values(values: Sequence[Value]) -> str:
    """Values separated by commas, as the user would type them."""
    return ", ".join(value_text(value) for value in values)


def first_value(spec: FieldSpec, value: Any) -> Any:
    """The first number of a list typed into a number field, None if ``value`` is not such a list."""
    if spec.kind not in ("integer", "number") or not isinstance(value, str):
        return None
    parts = [parse_value(spec, part.strip()) for part in value.split(",") if part.strip()]
    is_list = len(parts) > 1 and all(isinstance(part, int | float) for part in parts)
    return parts[0] if is_list else None
