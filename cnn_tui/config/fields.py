"""The fields of an experiment as a flat list, with all that a form or a help page needs to know of them."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.bounds import bounds, span
from cnn_tui.config.experiment import Experiment

Kind = Literal["choice", "integer", "number", "text", "path"]


@dataclass(frozen=True)
class FieldSpec:
    """One scalar field of an experiment.

    Attributes:
        path: dotted, such as ``training.optimizer.learning_rate``.
        kind: what sort of control edits it.
        choices: the allowed values of a choice.
        suggestions: frequent values of a text that allows others too.
        optional: whether null is allowed.
        lower: the bound in words, such as "at least 1"; empty for none. ``upper`` likewise.
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
        """What is allowed, in words and with the unit; empty where anything is."""
        if self.choices:
            return ", ".join(self.choices) if len(self.choices) <= 10 else f"{len(self.choices)} choices"
        words = f"{span(self.lower, self.upper)} {self.unit}".strip()
        return f"{words}, or none" if self.optional and words else words


@functools.cache
def experiment_fields() -> tuple[FieldSpec, ...]:
    """Every scalar field of :class:`Experiment`, in its order."""
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
    """The value that an experiment has at a dotted path."""
    value: Any = experiment
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _walk(model: type[BaseModel], prefix: str) -> Iterator[FieldSpec]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _walk(info.annotation, f"{path}.")
        else:
            yield _spec(path, info)


def _spec(path: str, info: FieldInfo) -> FieldSpec:
    annotation, optional = _unwrap(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    choices = _choices(path, annotation)
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


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        (inner,) = [part for part in get_args(annotation) if part is not type(None)]
        return inner, True
    return annotation, False


def _choices(path: str, annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(ARCHITECTURES) if path == "model.architecture" else ()


def _kind(annotation: Any, choices: tuple[str, ...], text_format: Any) -> Kind:
    if choices:
        return "choice"
    if annotation is int:
        return "integer"
    if annotation is float:
        return "number"
    return "path" if text_format == "path" else "text"
