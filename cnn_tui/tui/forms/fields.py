"""The fields of a form: the controls that edit values, the rows around them, and moving between rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.segment import Segment
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.strip import Strip
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input

from cnn_tui.config.fields import FieldSpec, parse_value
from cnn_tui.formatting import fit, unit_for
from cnn_tui.tui.forms.choice_screen import ChoiceScreen, choice_table
from cnn_tui.tui.widgets.component_styles import LazyComponentStyles
from cnn_tui.tui.widgets.text_line import TextLine

LABEL_WIDTH = 21
_UNIT_WIDTH = 9
_PARTS = ("label", "focused", "unit", "unused", "changed", "error")


class ChoiceControl(Widget, can_focus=True):
    """Shows one of the allowed values; Enter, Space or a click opens the list of all."""

    DEFAULT_CSS = """
    ChoiceControl {
        height: 1;
        padding: 0 1;
        background: $surface;
        color: $foreground;
        &:focus { background: $primary 35%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "choose", "Choose", show=False, tooltip="List the choices")
    ]

    value = reactive("", init=False)

    @dataclass
    class Changed(Message):
        """Another value was chosen or loaded."""

        choice: ChoiceControl

    def __init__(self, spec: FieldSpec, value: Any) -> None:
        super().__init__()
        self._spec = spec
        self.set_reactive(ChoiceControl.value, str(value))

    def load(self, value: Any) -> None:
        """Show one of the choices."""
        self.value = str(value)

    def to_value(self) -> Any:
        """The chosen value."""
        return self.value

    def watch_value(self) -> None:
        """Report the change."""
        self.post_message(self.Changed(self))

    def action_choose(self) -> None:
        """Open the list."""
        spec = self._spec
        dialog = ChoiceScreen(spec.title, spec.choices, self.value, choice_table(spec.path))
        self.app.push_screen(dialog, self._set_choice)

    def on_click(self) -> None:
        """Open the list."""
        self.action_choose()

    def render_line(self, y: int) -> Strip:
        """The value, and an arrow to the list."""
        return Strip([Segment(fit(self.value, self.size.width - 2) + " ▾", self.rich_style)])

    def _set_choice(self, value: str | None) -> None:
        if value is not None:
            self.value = value


class TextControl(TextLine):
    """A number, a text or a path; text that cannot be parsed is returned unchanged, for the validation to reject."""

    DEFAULT_CSS = """
    TextControl {
        padding: 0 1 !important;
        &:focus { background: $primary 35%; }
    }
    """

    # The width never depends on the text, so that typing triggers no layout of the screen.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0))

    def __init__(self, spec: FieldSpec, value: Any) -> None:
        super().__init__(
            format_value(value),
            placeholder="none" if spec.optional else "",
            suggester=SuggestFromList(spec.suggestions) if spec.suggestions else None,
            compact=True,
        )
        self._spec = spec

    def load(self, value: Any) -> None:
        """Show a value, None as an empty line."""
        self.value = format_value(value)

    def to_value(self) -> Any:
        """The parsed text; an empty line is None in an optional field."""
        return parse_value(self._spec, self.value.strip())


Control = ChoiceControl | TextControl


def format_value(value: Any) -> str:
    """A value as the user would type it."""
    if value is None:
        return ""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


class FieldRow(LazyComponentStyles, Widget):
    """A field on one line, its error on a second.

    The row draws title, unit and error itself, beside the control: widgets for each would make a form of twenty
    fields slow to lay out.
    """

    DEFAULT_CSS = """
    FieldRow {
        layout: horizontal;
        width: 1fr;
        height: 1;
        & > TextControl, & > ChoiceControl {
            width: 1fr;
            margin: 0 9 0 21;
        }
        &.-without-unit > TextControl, &.-without-unit > ChoiceControl { margin: 0 0 0 21; }
        &.-error { height: 2; }
        &.-unused > TextControl, &.-unused > ChoiceControl { color: $text-disabled; }
        .field-row--label { color: $text-muted; }
        .field-row--unit { color: $text-muted; }
        .field-row--unused { color: $text-disabled; }
        .field-row--changed { color: $text-accent; }
        .field-row--error { color: $text-error; }
        .field-row--focused { color: $text; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"field-row--{part}" for part in _PARTS}

    error = reactive("", layout=True, init=False)
    """Why the value is invalid; empty if it is valid."""
    in_conflict = reactive(False)
    """Whether the field is part of a broken rule between fields."""
    changed = reactive(False)
    """Whether the value differs from the loaded one."""
    unused = reactive(False, init=False)
    """Whether the value has no effect because of another field; it can still be edited."""

    @dataclass
    class Edited(Message):
        """The user or ``load`` changed the value."""

        row: FieldRow

    @dataclass
    class Submitted(Message):
        """The user pressed Enter in the field."""

        row: FieldRow

    def __init__(self, spec: FieldSpec, value: Any) -> None:
        super().__init__(classes="" if spec.unit else "-without-unit")
        self.spec = spec
        self.control: Control = ChoiceControl(spec, value) if spec.kind == "choice" else TextControl(spec, value)

    def compose(self) -> ComposeResult:
        """The control; the rest is drawn."""
        yield self.control

    def load(self, value: Any) -> None:
        """Show a value."""
        self.control.load(value)

    def to_value(self) -> Any:
        """The value in the control, valid or not."""
        return self.control.to_value()

    def watch_error(self, error: str) -> None:
        """Add or remove the line of the error."""
        self.set_class(bool(error), "-error")

    def watch_unused(self, unused: bool) -> None:
        """Dim the value, and widen the control where nothing is drawn behind it."""
        self.set_class(unused, "-unused")
        self.set_class(not unused and not self.spec.unit, "-without-unit")

    def on_descendant_focus(self) -> None:
        """Highlight the title."""
        self.refresh()

    def on_descendant_blur(self) -> None:
        """Stop highlighting the title."""
        self.refresh()

    def on_click(self) -> None:
        """Focus the control when the title is clicked."""
        self.control.focus()

    @on(Input.Changed)
    @on(ChoiceControl.Changed)
    def _edited(self, event: Input.Changed | ChoiceControl.Changed) -> None:
        event.stop()
        if self.spec.unit:
            self.refresh()
        self.post_message(self.Edited(self))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted(self))

    def render_line(self, y: int) -> Strip:
        """The title and the unit, or the error below them."""
        segments = self._title_and_unit() if y == 0 else self._error_line()
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _title_and_unit(self) -> Iterator[Segment]:
        marker, part = self._state()
        yield Segment(f"{marker} {fit(self.spec.title, LABEL_WIDTH - 3)} ", self._style(part))
        yield Segment(" " * max(0, self.size.width - LABEL_WIDTH - _UNIT_WIDTH + 1), self.rich_style)
        unit = "ignored" if self.unused else unit_for(self.to_value(), self.spec.unit)
        yield Segment(fit(unit, _UNIT_WIDTH - 1), self._style("unused" if self.unused else "unit"))

    def _error_line(self) -> Iterator[Segment]:
        yield Segment(fit(f"  ↑ {self.error}" if self.error else "", self.size.width), self._style("error"))

    def _state(self) -> tuple[str, str]:
        """The marker before the title and the component class of both."""
        if self.error or self.in_conflict:
            return "✗", "error"
        if self.changed:
            return "•", "changed"
        if self.has_focus_within:
            return " ", "focused"
        return " ", "unused" if self.unused else "label"

    def _style(self, part: str) -> Any:
        return self.get_component_rich_style(f"field-row--{part}")


class FieldForm(Vertical):
    """Rows of fields; up, down and Enter move between those that are displayed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", "Previous field", show=False, tooltip="Previous field"),
        Binding("down", "step(1)", "Next field", show=False, tooltip="Next field"),
    ]

    rows: tuple[FieldRow, ...] = ()

    @property
    def focused_row(self) -> FieldRow | None:
        """The row that has the focus, None if it is elsewhere."""
        return next((row for row in self.rows if row.has_focus_within), None)

    def focus_row(self, row: FieldRow) -> None:
        """Focus the control of a row, before the next key is handled; ``Widget.focus`` would defer it."""
        self.screen.set_focus(row.control)

    def action_step(self, offset: int) -> None:
        """Go to the field above or below."""
        rows = [row for row in self.rows if row.display]
        if (focused := self.focused_row) is not None:
            self.focus_row(rows[min(max(rows.index(focused) + offset, 0), len(rows) - 1)])

    @on(FieldRow.Submitted)
    def _next_row(self, event: FieldRow.Submitted) -> None:
        event.stop()
        self.action_step(1)
