"""The fields of an experiment as a flat list, with everything that forms and help pages show of them."""

from __future__ import annotations

import functools
import json
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo

from cnn_tui.config.experiment import Experiment

Kind = Literal["choice", "integer", "number", "text", "path"]
_AT_LEAST, _AT_MOST = "at least ", "at most "


@dataclass(frozen=True)
class FieldSpec:
    """One scalar field of an experiment.

    Attributes:
        path: dotted, such as ``training.optimizer.learning_rate``.
        kind: determines the control that edits it.
        choices: the allowed values of a choice.
        suggestions: common values of a text that allows others too.
        optional: whether null is allowed.
        lower: the lower bound as text, such as "at least 1"; empty if there is none.
        upper: the upper bound as text.
    """

    path: str
    title: str
    description: str
    kind: Kind
    default: Any
    choices: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    optional: bool = False
    lower: str = ""
    upper: str = ""
    unit: str = ""

    @property
    def section(self) -> str:
        """The first part of the path: data, model or training."""
        return self.path.partition(".")[0]

    @property
    def bounds(self) -> str:
        """The allowed values with their unit, such as "1 to 100,000 epochs"; empty if any are allowed."""
        if self.choices:
            return ", ".join(self.choices) if len(self.choices) <= 10 else f"{len(self.choices)} choices"
        text = f"{self._range()} {self.unit}".strip()
        return f"{text}, or none" if self.optional and text else text

    def _range(self) -> str:
        if self.lower.startswith(_AT_LEAST) and self.upper.startswith(_AT_MOST):
            return f"{self.lower.removeprefix(_AT_LEAST)} to {self.upper.removeprefix(_AT_MOST)}"
        return " and ".join(part for part in (self.lower, self.upper) if part)


@functools.cache
def experiment_fields() -> tuple[FieldSpec, ...]:
    """Every scalar field of :class:`Experiment`, in order."""
    return tuple(_walk(Experiment, ""))


def field(path: str) -> FieldSpec:
    """The field at a dotted path.

    Raises:
        KeyError: there is none.
    """
    for spec in experiment_fields():
        if spec.path == path:
            return spec
    raise KeyError(path)


def value_at(experiment: Experiment, path: str) -> Any:
    """The value of an experiment's field at a dotted path."""
    value: Any = experiment
    for name in path.split("."):
        value = getattr(value, name)
    return value


def set_value(document: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path of a nested document."""
    *parents, name = path.split(".")
    for parent in parents:
        document = document.setdefault(parent, {})
    document[name] = value


def parse_value(spec: FieldSpec, text: str) -> Any:
    """Convert a user's input for a field; input that cannot be converted stays text, for validation to reject."""
    if spec.optional and text in ("", "null", "none"):
        return None
    if spec.kind in ("integer", "number"):
        try:
            value = json.loads(text.replace("_", ""))
        except ValueError:
            return text
        return value if isinstance(value, int | float) and not isinstance(value, bool) else text
    return text


def bounds(metadata: Iterable[Any]) -> tuple[str, str]:
    """The lower and upper bound in a field's annotations as text, such as "at least 1"; empty if there is none."""
    lower = upper = ""
    for item in metadata:
        if isinstance(item, Ge):
            lower = f"{_AT_LEAST}{_number(item.ge)}"
        elif isinstance(item, Gt):
            lower = f"more than {_number(item.gt)}"
        elif isinstance(item, Le):
            upper = f"{_AT_MOST}{_number(item.le)}"
        elif isinstance(item, Lt):
            upper = f"less than {_number(item.lt)}"
    return lower, upper


def _number(value: Any) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def _walk(model: type[BaseModel], prefix: str) -> Iterator[FieldSpec]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _walk(info.annotation, f"{path}.")
        else:
            yield _spec(path, info)


def _spec(path: str, info: FieldInfo) -> FieldSpec:
    annotation, optional = _without_none(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    choices = _choices(annotation, info.metadata)
    suggestions = extra.get("suggestions")
    lower, upper = bounds(info.metadata)
    return FieldSpec(
        path=path,
        title=info.title or path,
        description=info.description or "",
        kind=_kind(annotation, choices, extra.get("format")),
        default=info.get_default(call_default_factory=True, validated_data={}),
        choices=choices,
        suggestions=tuple(str(value) for value in suggestions) if isinstance(suggestions, list) else (),
        optional=optional,
        lower=lower,
        upper=upper,
        unit=str(extra.get("unit", "")),
    )


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        (inner,) = [part for part in get_args(annotation) if part is not type(None)]
        return inner, True
    return annotation, False


def _choices(annotation: Any, metadata: Iterable[Any]) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    schemas = (item.json_schema or {} for item in metadata if isinstance(item, WithJsonSchema))
    return tuple(choice for schema in schemas for choice in schema.get("enum", ()))


def _kind(annotation: Any, choices: tuple[str, ...], text_format: Any) -> Kind:
    if choices:
        return "choice"
    if annotation is int:
        return "integer"
    if annotation is float:
        return "number"
    return "path" if text_format == "path" else "text"
