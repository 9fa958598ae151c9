"""The form of a study: what is varied, over which values, how often, and whether rows may share work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ValidationError
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive

from cnn_tui.config.changes import derived_study
from cnn_tui.config.study import StudyPreset
from cnn_tui.config.validation_errors import FieldError, field_errors
from cnn_tui.tui.forms.field_row import FieldRow
from cnn_tui.tui.forms.study_fields import NONE, SPECS, as_list, factor_path, factor_title, read_list, said

_ROWS_OF = {
    "second_values": "second_values",
    "values": "values",
    "repeats": "repeats",
    "factor": "factor",
    "second_factor": "second",
}
"""The rows by the names of a study's fields."""


class StudyForm(Vertical):
    """One row for each part of a study but its base; validated as a whole at every change."""

    DEFAULT_CSS = """
    StudyForm {
        height: auto;
        & > .-absent { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", "Previous field", show=False),
        Binding("down", "step(1)", "Next field", show=False),
    ]

    study: reactive[StudyPreset | None] = reactive(None, init=False, repaint=False)
    """What stands in the form, None while anything is wrong."""

    @dataclass
    class Changed(Message):
        """The form holds something else; ``problem`` is empty unless something is wrong."""

        study: StudyPreset | None
        problem: str

    @dataclass
    class FieldFocused(Message):
        """A person came to a field; ``varied`` is the path of the setting that it is about, empty for none."""

        name: str
        varied: str

    def __init__(self, study: StudyPreset) -> None:
        super().__init__()
        self._loaded = study
        self._rows: dict[str, FieldRow] = {}
        self._factor = factor_title(study.factor)
        self._problem: str | None = None

    def compose(self) -> ComposeResult:
        """The rows."""
        shown = _shown(self._loaded)
        self._rows = {name: FieldRow(spec, shown[name]) for name, spec in SPECS.items()}
        yield from self._rows.values()

    def on_mount(self) -> None:
        """Say what the form starts with."""
        self._validate()

    def load(self, study: StudyPreset, values: str | None = None) -> None:
        """Show a study; with ``values``, these words in place of its values."""
        self._loaded, self._problem = study, None
        for name, value in _shown(study).items():
            self._rows[name].load(value)
        if values is not None:
            self._rows["values"].load(values)
        self._validate()

    @property
    def problem(self) -> str:
        """What is wrong first, in words; empty for nothing."""
        return self._problem or ""

    def to_model(self) -> StudyPreset | None:
        """What stands in the form, None while anything is wrong."""
        return self.study

    def focus_field(self, name: str) -> None:
        """Put the cursor into a field."""
        # At once, not when the queue is empty as focus() would: the next key may already be waiting.
        self.screen.set_focus(self._rows[name].field)

    def focus_problem(self) -> None:
        """Go to the field that is wrong, to the values where it is no field of the form."""
        self.focus_field(next((name for name, row in self._rows.items() if row.error), "values"))

    def action_step(self, rows: int) -> None:
        """Go to the field above or below."""
        names = [name for name, row in self._rows.items() if row.display]
        focused = self._focused()
        if focused is not None:
            self.focus_field(names[min(max(names.index(focused) + rows, 0), len(names) - 1)])

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Tell which field the cursor came to."""
        self._tell_field()

    @on(FieldRow.Left)
    def _left(self, event: FieldRow.Left) -> None:
        event.stop()
        self.action_step(1)

    @on(FieldRow.Edited)
    def _edited(self, event: FieldRow.Edited) -> None:
        event.stop()
        self._validate()

    def _validate(self) -> None:
        document = self._document()
        self._rows["second_values"].set_class(document["second_factor"] is None, "-absent")
        study, found = _judge(document)
        study = study and derived_study(study, self._loaded)
        words = self._mark(found)
        if study != self.study or words != self._problem:
            self.study, self._problem = study, words
            self.post_message(self.Changed(study, words))
        self._tell_field()

    def _document(self) -> dict[str, Any]:
        """What stands in the controls, on the loaded study's base."""
        factor = factor_path(self._rows["factor"].to_value())
        second = factor_path(self._rows["second"].to_value())
        values = read_list(factor or "", self._rows["values"].to_value())
        seconds = read_list(second, self._rows["second_values"].to_value()) if second else ()
        same = (factor, second) == (self._loaded.factor, self._loaded.second_factor)
        there = {(value, other) for value in values for other in seconds or (None,)}
        reported = [row for row in self._loaded.reported if same and (row.value, row.second_value) in there]
        return {
            **dict(self._loaded),
            "factor": factor,
            "values": values,
            "second_factor": second,
            "second_values": seconds,
            "repeats": self._rows["repeats"].to_value(),
            "plain": self._rows["plain"].to_value() == "yes",
            "reported": reported,
        }

    def _mark(self, found: tuple[FieldError, ...]) -> str:
        """Show each problem under its field, and give the first in words."""
        errors: dict[str, str] = {}
        for problem in found:
            names = (problem.path.partition(".")[0], *problem.fields)
            wrong = next((_ROWS_OF[name] for name in names if name in _ROWS_OF), "values")
            errors.setdefault(wrong, said(problem))
        for name, row in self._rows.items():
            row.error = errors.get(name, "")
        return next(iter(errors.values()), "")

    def _tell_field(self) -> None:
        name = self._focused()
        if name is not None:
            about = "second" if name.startswith("second") else "factor"
            varied = self._rows[about].to_value() if name in ("values", "second_values", "factor", "second") else NONE
            self.post_message(self.FieldFocused(name, factor_path(varied) or ""))

    def _focused(self) -> str | None:
        focused = self.screen.focused
        nodes = focused.ancestors_with_self if focused else []
        return next((name for name, row in self._rows.items() if row in nodes), None)


def _shown(study: StudyPreset) -> dict[str, Any]:
    """A study as its controls show it."""
    return {
        "factor": factor_title(study.factor),
        "values": as_list(study.values),
        "second": NONE if study.second_factor is None else factor_title(study.second_factor),
        "second_values": as_list(study.second_values),
        "repeats": study.repeats,
        "plain": "yes" if study.plain else "no",
    }


def _judge(document: dict[str, Any]) -> tuple[StudyPreset | None, tuple[FieldError, ...]]:
    try:
        return StudyPreset.model_validate(document), ()
    except ValidationError as error:
        return None, field_errors(error, StudyPreset)
