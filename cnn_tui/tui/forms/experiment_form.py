"""The form of an experiment, made from its pydantic model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import ValidationError
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from cnn_tui.config.experiment import DataConfig, Experiment, ModelConfig
from cnn_tui.config.fields import FieldSpec, experiment_fields, set_value, value_at
from cnn_tui.config.validation_errors import FieldError, field_errors
from cnn_tui.config.warnings import SettingWarning, experiment_warnings, unused_settings
from cnn_tui.tui.forms.field_row import FieldRow
from cnn_tui.tui.forms.form_line import FormLine
from cnn_tui.tui.forms.several import OFFER, first_of_several
from cnn_tui.tui.forms.wording import reason


class ExperimentForm(Vertical):
    """One row for each field; the whole is validated at every change, and nothing wrong is ever repaired."""

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
        Binding("up", "step(-1)", "Previous field", show=False),
        Binding("down", "step(1)", "Next field", show=False),
        Binding("ctrl+z", "reset_field", "Reset", tooltip="Put the loaded value back into the field"),
        Binding("f8", "next_problem", "Next problem"),
    ]

    experiment: reactive[Experiment | None] = reactive(None, init=False, repaint=False)
    """What stands in the form, None while anything is wrong."""
    problems: reactive[tuple[FieldError, ...]] = reactive((), init=False, repaint=False)
    """What is wrong, in the order of the fields."""
    changed: reactive[frozenset[str]] = reactive(frozenset(), init=False, repaint=False)
    """The paths of the fields that differ from what was loaded."""
    unused: reactive[dict[str, str]] = reactive({}, init=False, repaint=False)
    """The paths of the fields that make no difference as the others stand, each with the reason."""

    @dataclass
    class Changed(Message):
        """The form holds something else; ``experiment`` is None while ``problems`` has any."""

        form: ExperimentForm
        experiment: Experiment | None
        problems: tuple[FieldError, ...]
        changed: frozenset[str]

    @dataclass
    class FieldFocused(Message):
        """A person came to a field."""

        form: ExperimentForm
        spec: FieldSpec

    def __init__(self, experiment: Experiment | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._loaded = experiment or Experiment()
        self._rows: tuple[FieldRow, ...] = ()

    def compose(self) -> ComposeResult:
        """The sections with their rows, and the form's own lines."""
        self._rows = tuple(FieldRow(spec, value_at(self._loaded, spec.path)) for spec in experiment_fields())
        with Vertical(id="fields"):
            section = ""
            for row in self._rows:
                if row.spec.section != section:
                    yield Static(row.spec.section.title(), classes="section" if section else "section -first")
                    section = row.spec.section
                yield row
        yield FormLine()

    def on_mount(self) -> None:
        """Say what the form starts with."""
        self._validate()

    def load(self, experiment: Experiment) -> None:
        """Show an experiment and take it as what changes are measured against."""
        self._loaded = experiment
        for row in self._rows:
            row.load(value_at(experiment, row.spec.path))
        self._validate()

    def to_model(self) -> Experiment | None:
        """What stands in the form, None while anything is wrong."""
        return self.experiment

    @property
    def several(self) -> tuple[FieldSpec, str] | None:
        """The first field in which a list of values stands, with the list; None if there is none."""
        found = ((row.spec, row.to_value()) for row in self._rows)
        return next(((spec, value) for spec, value in found if first_of_several(spec, value) is not None), None)

    def base(self) -> Experiment | None:
        """What stands in the form, with the first value of a list in its place; None while anything else is wrong."""
        document = self._document()
        if (listed := self.several) is not None:
            set_value(document, listed[0].path, first_of_several(*listed))
        return _judge(document)[0]

    def focus_field(self, path: str) -> None:
        """Put the cursor in the field at a dotted path.

        Raises:
            KeyError: there is none.
        """
        self._go_to(self._row(path))

    def action_step(self, rows: int) -> None:
        """Go to the field above or below."""
        focused = self._focused()
        if focused is not None:
            place = self._rows.index(focused) + rows
            self._go_to(self._rows[min(max(place, 0), len(self._rows) - 1)])

    def action_reset_field(self) -> None:
        """Put the loaded value back into the field with the cursor."""
        row = self._focused()
        if row is not None:
            row.load(value_at(self._loaded, row.spec.path))

    def action_next_problem(self) -> None:
        """Go to the next field that is part of a problem, after the last to the first."""
        wrong = [row for row in self._rows if row.error or row.concerned]
        if wrong:
            focused = self._focused()
            at = self._rows.index(focused) if focused else -1
            after = [row for row in wrong if self._rows.index(row) > at]
            self._go_to((after or wrong)[0])

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Tell which field the cursor came to, and show its error too."""
        row = self._focused()
        if row is not None:
            row.scroll_visible(animate=False)
            self.post_message(self.FieldFocused(self, row.spec))

    def on_resize(self) -> None:
        """Keep the field with the cursor in sight."""
        self.call_after_refresh(self._scroll_to_focused)

    def _scroll_to_focused(self) -> None:
        if (row := self._focused()) is not None:
            row.scroll_visible(animate=False)

    @on(FieldRow.Edited)
    def _edited(self, event: FieldRow.Edited) -> None:
        event.stop()
        self._validate()

    @on(FieldRow.Left)
    def _left(self, event: FieldRow.Left) -> None:
        event.stop()
        self.action_step(1)

    def _validate(self) -> None:
        """Judge what stands in the controls as a whole, and tell if that is news."""
        differing = (row.spec.path for row in self._rows if row.to_value() != value_at(self._loaded, row.spec.path))
        document = self._document()
        experiment, found, changed = *_judge(document), frozenset(differing)
        unused = unused_settings(_as_it_stands(document))
        if (experiment, found, changed, unused) != (self.experiment, self.problems, self.changed, self.unused):
            self.experiment, self.problems, self.changed, self.unused = experiment, found, changed, unused
            self._mark(found, experiment_warnings(experiment) if experiment else ())
            self.post_message(self.Changed(self, experiment, found, changed))

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for row in self._rows:
            set_value(document, row.spec.path, row.to_value())
        return document

    def _mark(self, found: Sequence[FieldError], remarks: Sequence[SettingWarning]) -> None:
        reasons = {problem.path: reason(problem) for problem in found if problem.path}
        if (listed := self.several) is not None:
            reasons[listed[0].path] = OFFER
        concerned = {path for problem in found for path in problem.fields}
        for row in self._rows:
            row.error = reasons.get(row.spec.path, "")
            row.concerned = row.spec.path in concerned
            row.changed = row.spec.path in self.changed
            row.unused = row.spec.path in self.unused
        self.query_one(FormLine).show(found, remarks)
        # An error takes a line below its field and some below the fields, which must not push either out of sight.
        self.call_after_refresh(self._scroll_to_focused)

    def _focused(self) -> FieldRow | None:
        focused = self.screen.focused
        nodes = focused.ancestors_with_self if focused else []
        return next((row for row in self._rows if row in nodes), None)

    def _go_to(self, row: FieldRow) -> None:
        # At once, not when the queue is empty as focus() would: the next key may already be waiting.
        self.screen.set_focus(row.field)

    def _row(self, path: str) -> FieldRow:
        for row in self._rows:
            if row.spec.path == path:
                return row
        raise KeyError(path)


def _as_it_stands(document: dict[str, Any]) -> Experiment:
    """What stands in the form, nothing of it checked: its choices are valid whatever was typed into other fields."""
    return Experiment.model_construct(
        data=DataConfig.model_construct(**document["data"]),
        model=ModelConfig.model_construct(**document["model"]),
    )


def _judge(document: dict[str, Any]) -> tuple[Experiment | None, tuple[FieldError, ...]]:
    try:
        return Experiment.model_validate(document), ()
    except ValidationError as error:
        return None, field_errors(error, Experiment)
