"""The form of an experiment, generated from its pydantic model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ValidationError
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from cnn_tui.config.experiment import DataConfig, Experiment, ModelConfig
from cnn_tui.config.fields import FieldSpec, experiment_fields, set_value, value_at
from cnn_tui.config.validation_errors import FieldError, field_errors
from cnn_tui.config.warnings import SettingWarning, experiment_warnings, unused_settings
from cnn_tui.tui.forms.fields import FieldForm, FieldRow
from cnn_tui.tui.forms.form_messages import FormMessages, allowed_values
from cnn_tui.tui.forms.value_lists import STUDY_HINT, first_value


class ExperimentForm(FieldForm):
    """One row for each field. Every change validates the entire experiment; invalid values stay until corrected.

    Attributes:
        experiment: the content of the form, None while it is invalid.
        errors: in the order of the fields.
        changed: the paths of the fields that differ from the loaded experiment.
        unused: the paths of the fields that have no effect, each with the reason.
    """

    DEFAULT_CSS = """
    ExperimentForm {
        width: 1fr;
        height: 1fr;
        & > #fields {
            height: 1fr;
            overflow-y: auto;
            scrollbar-size-vertical: 1;
            scrollbar-gutter: stable;
        }
        & FieldRow { margin-right: 1; }
        & .section {
            height: 1;
            margin-top: 1;
            color: $text-primary;
            text-style: bold;
            &.-first { margin-top: 0; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "reset_field", "Reset", tooltip="Restore the loaded value of this field"),
        Binding("f8", "next_error", "Next error", tooltip="Go to the next field with an error"),
    ]

    @dataclass
    class Changed(Message):
        """The content of the form has changed; ``experiment`` is None if there are ``errors``."""

        form: ExperimentForm
        experiment: Experiment | None
        errors: tuple[FieldError, ...]
        changed: frozenset[str]

    @dataclass
    class FieldFocused(Message):
        """The focus moved to a field."""

        form: ExperimentForm
        spec: FieldSpec

    def __init__(self, experiment: Experiment | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.experiment: Experiment | None = None
        self.errors: tuple[FieldError, ...] = ()
        self.changed: frozenset[str] = frozenset()
        self.unused: Mapping[str, str] = {}
        self._loaded = experiment or Experiment()

    def compose(self) -> ComposeResult:
        """The sections with their rows, above the messages."""
        self.rows = tuple(FieldRow(spec, value_at(self._loaded, spec.path)) for spec in experiment_fields())
        with Vertical(id="fields"):
            section = ""
            for row in self.rows:
                if row.spec.section != section:
                    yield Static(row.spec.section.title(), classes="section" if section else "section -first")
                    section = row.spec.section
                yield row
        yield FormMessages()

    def on_mount(self) -> None:
        """Report the initial content."""
        self._validate()

    def load(self, experiment: Experiment) -> None:
        """Show an experiment, to which changes are compared from now on."""
        self._loaded = experiment
        for row in self.rows:
            row.load(value_at(experiment, row.spec.path))
        self._validate()

    def to_model(self) -> Experiment | None:
        """The content of the form, None while it is invalid."""
        return self.experiment

    @property
    def value_list(self) -> tuple[FieldSpec, str] | None:
        """The first field that holds a list of values, with the list."""
        fields = ((row.spec, row.to_value()) for row in self.rows)
        return next(((spec, value) for spec, value in fields if first_value(spec, value) is not None), None)

    def study_base(self) -> Experiment | None:
        """The content of the form with the first value in place of a list, None while anything else is invalid."""
        document = self._document()
        if (listed := self.value_list) is not None:
            set_value(document, listed[0].path, first_value(*listed))
        return _validated(document)[0]

    def focus_field(self, path: str) -> None:
        """Focus the field at a dotted path.

        Raises:
            KeyError: there is no such field.
        """
        self.focus_row({row.spec.path: row for row in self.rows}[path])

    def action_reset_field(self) -> None:
        """Restore the loaded value of the focused field."""
        if (row := self.focused_row) is not None:
            row.load(value_at(self._loaded, row.spec.path))

    def action_next_error(self) -> None:
        """Go to the next field with an error, after the last to the first."""
        wrong = [row for row in self.rows if row.error or row.in_conflict]
        if wrong:
            focused = self.focused_row
            index = self.rows.index(focused) if focused else -1
            self.focus_row(next((row for row in wrong if self.rows.index(row) > index), wrong[0]))

    def on_descendant_focus(self) -> None:
        """Report the focused field, and scroll its error into view too."""
        if (row := self.focused_row) is not None:
            row.scroll_visible(animate=False)
            self.post_message(self.FieldFocused(self, row.spec))

    def on_resize(self) -> None:
        """Keep the focused field in view."""
        self.call_after_refresh(self._scroll_to_focused)

    def _scroll_to_focused(self) -> None:
        if (row := self.focused_row) is not None:
            row.scroll_visible(animate=False)

    @on(FieldRow.Edited)
    def _edited(self, event: FieldRow.Edited) -> None:
        event.stop()
        self._validate()

    def _validate(self) -> None:
        """Validate the content and report it if it has changed."""
        differing = (row.spec.path for row in self.rows if row.to_value() != value_at(self._loaded, row.spec.path))
        document = self._document()
        experiment, errors, changed = *_validated(document), frozenset(differing)
        unused = unused_settings(_unvalidated(document))
        if (experiment, errors, changed, unused) != (self.experiment, self.errors, self.changed, self.unused):
            self.experiment, self.errors, self.changed, self.unused = experiment, errors, changed, unused
            self._mark(experiment_warnings(experiment) if experiment else ())
            self.post_message(self.Changed(self, experiment, errors, changed))

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for row in self.rows:
            set_value(document, row.spec.path, row.to_value())
        return document

    def _mark(self, warnings: Sequence[SettingWarning]) -> None:
        """Show errors, changes and warnings."""
        messages = {error.path: allowed_values(error) for error in self.errors if error.path}
        if (listed := self.value_list) is not None:
            messages[listed[0].path] = STUDY_HINT
        in_conflict = {path for error in self.errors for path in error.fields}
        for row in self.rows:
            row.error = messages.get(row.spec.path, "")
            row.in_conflict = row.spec.path in in_conflict
            row.changed = row.spec.path in self.changed
            row.unused = row.spec.path in self.unused
        self.query_one(FormMessages).show(self.errors, warnings)
        # New lines, below the field and below the form, must not push the focused field out of view.
        self.call_after_refresh(self._scroll_to_focused)


def _unvalidated(document: dict[str, Any]) -> Experiment:
    """The data and model of a form without validation: their choices are valid whatever other fields contain."""
    return Experiment.model_construct(
        data=DataConfig.model_construct(**document["data"]),
        model=ModelConfig.model_construct(**document["model"]),
    )


def _validated(document: dict[str, Any]) -> tuple[Experiment | None, tuple[FieldError, ...]]:
    try:
        return Experiment.model_validate(document), ()
    except ValidationError as error:
        return None, field_errors(error, Experiment)
