"""The fields of a study's form, and how lists of values are read and written there. No widget in here."""

from __future__ import annotations

from collections.abc import Sequence

from cnn_tui.config.fields import FieldSpec, experiment_fields, field, parse_value
from cnn_tui.config.study import StudyPreset, Value
from cnn_tui.config.validation_errors import FieldError
from cnn_tui.reports.labels import value_text
from cnn_tui.tui.forms.wording import in_titles

NONE = "none"
"""The choice of no second factor."""

_TITLES = {spec.title: spec.path for spec in experiment_fields()}
_PLAIN = "Whether every row is trained on its own, so that its time is its own. Otherwise rows that can share work do."
SPECS: dict[str, FieldSpec] = {
    "factor": FieldSpec("factor", "Factor", "The setting that is varied.", "choice", "", tuple(_TITLES)),
    "values": FieldSpec("values", "Values", "What it is set to, separated by commas.", "text", ""),
    "second": FieldSpec("second_factor", "Second factor", "Varied too: a grid.", "choice", NONE, (NONE, *_TITLES)),
    "second_values": FieldSpec("second_values", "Its values", "What it is set to, separated by commas.", "text", ""),
    "repeats": FieldSpec(
        "repeats",
        "Repeats",
        StudyPreset.model_fields["repeats"].description or "",
        "integer",
        1,
        lower="at least 1",
        upper="at most 1,000",
        unit="seeds",
    ),
    "plain": FieldSpec("plain", "Each on its own", _PLAIN, "choice", "no", ("no", "yes")),
}
"""The form's fields by the names of its rows."""
_CANNOT, _REFUSED = " cannot be: ", " is not allowed: "


def factor_title(path: str) -> str:
    """The title of a setting."""
    return field(path).title


def factor_path(title: str) -> str | None:
    """The setting of a title, None for the choice of none."""
    return _TITLES.get(title)


def read_list(path: str, text: str) -> tuple[Value, ...]:
    """Values for a setting as a person typed them, separated by commas; what cannot be read is passed on as text."""
    parts = [part.strip() for part in text.split(",")]
    if not parts[-1]:  # nothing yet, or a comma that the next value will follow
        parts.pop()
    return tuple(parse_value(field(path), part) for part in parts)


def as_list(values: Sequence[Value]) -> str:
    """Values as a person would type them."""
    return ", ".join(value_text(value) for value in values)


def said(problem: FieldError) -> str:
    """A problem in one short sentence: the value that is wrong and what is allowed, without the study around it."""
    _, cannot, reason = problem.message.partition(_CANNOT)
    if not cannot:
        return in_titles(problem.message.removeprefix("values: ").removeprefix("second_values: "))
    reason = reason.partition("; ")[0] if _REFUSED in reason else reason
    path, _, rest = reason.partition(": ")
    return rest if path in _TITLES.values() else in_titles(reason)
