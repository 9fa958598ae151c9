"""Several values typed where one belongs: what a person means by them is a study. No widget in here."""

from __future__ import annotations

from typing import Any

from cnn_tui.config.fields import FieldSpec, parse_value

OFFER = "several values: ctrl+t makes a study"
"""What is said under such a field."""


def first_of_several(spec: FieldSpec, value: Any) -> Any:
    """The first value of a list that stands in a number field, None where there is none or it is no list."""
    if spec.kind not in ("integer", "number") or not isinstance(value, str):
        return None
    parts = [parse_value(spec, part.strip()) for part in value.split(",") if part.strip()]
    listed = len(parts) > 1 and all(isinstance(part, int | float) for part in parts)
    return parts[0] if listed else None
