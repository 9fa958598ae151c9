"""The form of a study: the settings it varies, their values, the number of repeats, and whether runs share work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from textual import on
from textual.app import ComposeResult
from textual.message import Message

from cnn_tui.config.changes import derived_study
from cnn_tui.config.fields import FieldSpec, experiment_fields, field
from cnn_tui.config.study import NOT_VARIED, StudyPreset
from cnn_tui.config.validation_errors import FieldError, field_errors
from cnn_tui.tui.forms.fields import FieldForm, FieldRow
from cnn_tui.tui.forms.form_messages import study_error_text
from cnn_tui.tui.forms.value_lists import format_values, parse_values

_NONE = "none"
"""The choice of no second factor."""
_PATHS = {spec.title: spec.path for spec in experiment_fields() if spec.path not in NOT_VARIED}
_PLAIN = "Train each run separately, to measure its own time. Otherwise runs that can share work are trained together."
STUDY_FIELDS: dict[str, FieldSpec] = {
    "factor": FieldSpec("factor", "Factor", "The setting to vary.", "choice", "", tuple(_PATHS)),
    "values": FieldSpec("values", "Values", "The values to try, separated by commas.", "text", ""),
    "second": FieldSpec(
        "second_factor", "Second factor", "A second setting to vary: a grid.", "choice", _NONE, (_NONE, *_PATHS)
    ),
    "second_values": FieldSpec("second_values", "Its values", "The values to try, separated by commas.", "text", ""),
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
    "plain": FieldSpec("plain", "Train separately", _PLAIN, "choice", "no", ("no", "yes")),
}
"""The fields of the form by the names of its rows."""
_ROW_NAMES = {
    "second_values": "second_values",
    "values": "values",
    "repeats": "repeats",
    "factor": "factor",
    "second_factor": "second",
}
"""The names of the rows by the fields of a study."""


def factor_title(path: str) -> str:
    """The title of a setting."""
    return field(path).title


class StudyForm(FieldForm):
    """One row for each property of a study but its base; every change validates the entire study.

    Attributes:
        study: the content of the form, None while it is invalid.
        error: the first error; empty if there is none.
    """

    DEFAULT_CSS = """
    StudyForm {
        height: auto;
        & > .-hidden { display: none; }
    }
    """

    @dataclass
    class Changed(Message):
        """The content of the form has changed; ``error`` is empty if it is valid."""

        study: StudyPreset | None
        error: str

    @dataclass
    class FieldFocused(Message):
        """The focus moved to a field; ``setting`` is the path of the setting that it varies, empty for none."""

        name: str
        setting: str

    def __init__(self, study: StudyPreset) -> None:
        super().__init__()
        self.study: StudyPreset | None = None
        self.error = ""
        self._loaded = study
        self._reported: object = None
        self._by_name: dict[str, FieldRow] = {}

    def compose(self) -> ComposeResult:
        """The rows."""
        values = _field_values(self._loaded)
        self._by_name = {name: FieldRow(spec, values[name]) for name, spec in STUDY_FIELDS.items()}
        self.rows = tuple(self._by_name.values())
        yield from self.rows

    def on_mount(self) -> None:
        """Report the initial content."""
        self._validate()

    def load(self, study: StudyPreset, values: str | None = None) -> None:
        """Show a study, with the text ``values``, if given, in place of its values."""
        self._loaded, self._reported = study, None
        for name, value in _field_values(study).items():
            self._by_name[name].load(value)
        if values is not None:
            self._by_name["values"].load(values)
        self._validate()

    def to_model(self) -> StudyPreset | None:
        """The content of the form, None while it is invalid."""
        return self.study

    def focus_field(self, name: str) -> None:
        """Focus a field."""
        self.focus_row(self._by_name[name])

    def focus_error(self) -> None:
        """Focus the first field with an error, or the values if the error is not about a field of the form."""
        self.focus_row(next((row for row in self.rows if row.error), self._by_name["values"]))

    def on_descendant_focus(self) -> None:
        """Report the focused field."""
        self._report_focus()

    @on(FieldRow.Edited)
    def _edited(self, event: FieldRow.Edited) -> None:
        event.stop()
        self._validate()

    def _validate(self) -> None:
        """Validate the content and report it if it has changed."""
        document = self._document()
        self._by_name["second_values"].set_class(document["second_factor"] is None, "-hidden")
        study, errors = _validated(document)
        self.study = study and derived_study(study, self._loaded)
        self.error = self._mark(errors)
        if (self.study, self.error) != self._reported:
            self._reported = (self.study, self.error)
            self.post_message(self.Changed(self.study, self.error))
        self._report_focus()

    def _document(self) -> dict[str, Any]:
        """The values of the controls, on the base of the loaded study.

        Reported rows remain if the factors are unchanged and the rows still exist.
        """
        shown = {name: row.to_value() for name, row in self._by_name.items()}
        factor, second = _PATHS.get(shown["factor"]), _PATHS.get(shown["second"])
        values = parse_values(factor or "", shown["values"])
        second_values = parse_values(second, shown["second_values"]) if second else ()
        same = (factor, second) == (self._loaded.factor, self._loaded.second_factor)
        cells = {(value, other) for value in values for other in second_values or (None,)}
        reported = [row for row in self._loaded.reported if same and (row.value, row.second_value) in cells]
        return {
            **dict(self._loaded),
            "factor": factor,
            "values": values,
            "second_factor": second,
            "second_values": second_values,
            "repeats": shown["repeats"],
            "plain": shown["plain"] == "yes",
            "reported": reported,
        }

    def _mark(self, errors: Sequence[FieldError]) -> str:
        """Show each error below its field, and return the first."""
        messages: dict[str, str] = {}
        for error in errors:
            fields = (error.path.partition(".")[0], *error.fields)
            name = next((_ROW_NAMES[name] for name in fields if name in _ROW_NAMES), "values")
            messages.setdefault(name, study_error_text(error))
        for name, row in self._by_name.items():
            row.error = messages.get(name, "")
        return next(iter(messages.values()), "")

    def _report_focus(self) -> None:
        name = next((name for name, row in self._by_name.items() if row is self.focused_row), None)
        if name is not None:
            factor = "second" if name.startswith("second") else "factor"
            title = self._by_name[factor].to_value() if name not in ("repeats", "plain") else _NONE
            self.post_message(self.FieldFocused(name, _PATHS.get(title, "")))


def _field_values(study: StudyPreset) -> dict[str, Any]:
    """The values of a study as the rows show them."""
    return {
        "factor": factor_title(study.factor),
        "values": format_values(study.values),
        "second": _NONE if study.second_factor is None else factor_title(study.second_factor),
        "second_values": format_values(study.second_values),
        "repeats": study.repeats,
        "plain": "yes" if study.plain else "no",
    }


def _validated(document: dict[str, Any]) -> tuple[StudyPreset | None, tuple[FieldError, ...]]:
    try:
        return StudyPreset.model_validate(document), ()
    except ValidationError as error:
        return None, field_errors(error, StudyPreset)
