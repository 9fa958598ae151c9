"""One field of a form: its title, its control, its unit, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.segment import Segment
from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from cnn_tui.config.fields import FieldSpec
from cnn_tui.formatting import fit, unit_for
from cnn_tui.tui.forms.controls import ChoiceControl, Control, control_for

LABEL_WIDTH = 21
_UNIT_WIDTH = 9
_PARTS = ("label", "focused", "unit", "unused", "changed", "error")
_UNUSED = "ignored"


class FieldRow(Widget):
    """A field on one line, and a second one for its error while there is one.

    It paints its words itself, below the control, so that a form of twenty fields stays small.
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
        &.-bare > TextControl, &.-bare > ChoiceControl { margin: 0 0 0 21; }
        &.-wrong { height: 2; }
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

    error = reactive("", layout=True)
    """What is wrong with the value, in one sentence; empty for nothing."""
    concerned = reactive(False)
    """Whether a rule between fields is broken that this one is part of."""
    changed = reactive(False)
    """Whether the value differs from the loaded one."""
    unused = reactive(False)
    """Whether the value makes no difference, because of another field; it is kept and can be edited all the same."""

    @dataclass
    class Edited(Message):
        """A person, or ``load``, changed what stands in the control."""

        row: FieldRow

    @dataclass
    class Left(Message):
        """A person is done with the field and wants the next one."""

        row: FieldRow

    def __init__(self, spec: FieldSpec, value: Any) -> None:
        super().__init__()
        self.spec = spec
        self.field: Control = control_for(spec, value)

    def compose(self) -> ComposeResult:
        """The control alone; words are painted."""
        yield self.field

    def load(self, value: Any) -> None:
        """Show a value of the field."""
        self.field.load(value)

    def to_value(self) -> Any:
        """The value that stands there, be it allowed or not."""
        return self.field.to_value()

    def watch_error(self, error: str) -> None:
        """Make room for the error."""
        self.set_class(bool(error), "-wrong")

    def watch_unused(self, unused: bool) -> None:
        """Dim it; without a word behind the control, give its room to the control."""
        self.set_class(unused, "-unused")
        self.set_class(not unused and not self.spec.unit, "-bare")

    def on_descendant_focus(self) -> None:
        """Show that the cursor is here."""
        self.refresh()

    def on_descendant_blur(self) -> None:
        """Show that the cursor has left."""
        self.refresh()

    def on_click(self) -> None:
        """Edit the field whose title was clicked."""
        self.field.focus()

    @on(Input.Changed)
    @on(ChoiceControl.Changed)
    def _edited(self, event: Input.Changed | ChoiceControl.Changed) -> None:
        event.stop()
        if self.spec.unit:
            self.refresh()
        self.post_message(self.Edited(self))

    @on(Input.Submitted)
    def _left(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left(self))

    def render_line(self, y: int) -> Strip:
        """The title and the unit, or the error below them."""
        segments = self._words() if y == 0 else self._error()
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _words(self) -> Iterator[Segment]:
        marker, part = self._state()
        yield Segment(f"{marker} {fit(self.spec.title, LABEL_WIDTH - 3)} ", self._style(part))
        gap = max(0, self.size.width - LABEL_WIDTH - _UNIT_WIDTH + 1)
        yield Segment(" " * gap, self.rich_style)
        unit = _UNUSED if self.unused else unit_for(self.to_value(), self.spec.unit)
        yield Segment(fit(unit, _UNIT_WIDTH - 1), self._style("unused" if self.unused else "unit"))

    def _error(self) -> Iterator[Segment]:
        yield Segment(fit(f"  ↑ {self.error}" if self.error else "", self.size.width), self._style("error"))

    def _state(self) -> tuple[str, str]:
        if self.error or self.concerned:
            return "✗", "error"
        if self.changed:
            return "•", "changed"
        if self.has_focus_within:
            return " ", "focused"
        return " ", "unused" if self.unused else "label"

    def _style(self, part: str) -> Any:
        return self.get_component_rich_style(f"field-row--{part}")
