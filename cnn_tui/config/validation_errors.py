"""Pydantic's validation errors as messages for users: field, value and what is allowed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from cnn_tui.config.experiment import RULE_VIOLATION
from cnn_tui.config.fields import bounds

_BOUNDS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_unicode": "text without lone surrogates",
    "bool_type": "true or false",
    "model_type": "an object",
    "dict_type": "an object",
    "list_type": "a list",
    "tuple_type": "a list",
}
_LONGEST_VALUE = 60


@dataclass(frozen=True)
class FieldError:
    """One validation error.

    Attributes:
        path: the field's dotted path, empty for a rule between fields.
        message: one sentence without the path.
        fields: for a rule between fields, their dotted paths.
    """

    path: str
    message: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def field_errors(error: ValidationError, model: type[BaseModel]) -> tuple[FieldError, ...]:
    """List the distinct errors of a failed validation of ``model``, in the order of its fields."""
    found = [_field_error(details, model) for details in error.errors(include_url=False)]
    return tuple(dict.fromkeys(found))


def error_text(error: ValidationError, model: type[BaseModel]) -> str:
    """The errors of a failed validation of ``model``, one on each line."""
    return "\n".join(map(str, field_errors(error, model)))


def _field_error(details: ErrorDetails, model: type[BaseModel]) -> FieldError:
    names = [part for part in details["loc"] if isinstance(part, str)]
    path, kind = ".".join(str(part) for part in details["loc"]), details["type"]
    context = details.get("ctx", {})
    if kind == RULE_VIOLATION:
        return FieldError("", str(context["reason"]), tuple(context["fields"]))
    if kind == "extra_forbidden":
        return FieldError(path, "there is no such field" + _similar_field(names, model))
    if kind == "missing":
        return FieldError(path, "this field is missing")
    return FieldError(path, f"{_shown(details['input'])} is not allowed: {_allowed(details, context, model)}")


def _allowed(details: ErrorDetails, context: Mapping[str, Any], model: type[BaseModel]) -> str:
    kind, field = details["type"], _field(details, model)
    if kind in _BOUNDS and field:
        return " and ".join(bound for bound in bounds(field.metadata) if bound)
    if kind in _TYPES:
        return f"{_TYPES[kind]} is expected"
    if kind == "literal_error":
        return f"expected is {context['expected']}" + _similar_choice(details["input"], str(context["expected"]))
    if kind == "string_pattern_mismatch":
        description = (field.description or "").rstrip(".") if field else ""
        return description or f"it must match {context['pattern']}"
    return details["msg"][0].lower() + details["msg"][1:]


def _similar_choice(value: Any, expected: str) -> str:
    """Suggest the most similar of the choices that pydantic lists in quotes."""
    likely = difflib.get_close_matches(str(value), re.findall(r"'([^']*)'", expected), n=1)
    return f"; did you mean '{likely[0]}'?" if likely else ""


def _similar_field(names: list[str], model: type[BaseModel]) -> str:
    """Suggest the field with the most similar name in the model that holds an unknown one."""
    holder = _holder(names[:-1], model)
    if holder is None or not names:
        return ""
    likely = difflib.get_close_matches(names[-1], holder.model_fields, n=1)
    return f"; did you mean '{likely[0]}'?" if likely else f"; there are {', '.join(holder.model_fields)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"


def _field(details: ErrorDetails, model: type[BaseModel]) -> FieldInfo | None:
    names = [part for part in details["loc"] if isinstance(part, str)]
    holder = _holder(names[:-1], model) if names else None
    return holder.model_fields.get(names[-1]) if holder else None


def _holder(names: list[str], model: type[BaseModel]) -> type[BaseModel] | None:
    """The model at the end of a path of fields; None if the path leads to something else."""
    for name in names:
        field = model.model_fields.get(name)
        kind = field.annotation if field else None
        if get_origin(kind) is tuple:  # a list of objects of one kind
            kind = get_args(kind)[0]
        if not isinstance(kind, type) or not issubclass(kind, BaseModel):
            return None
        model = kind
    return model
