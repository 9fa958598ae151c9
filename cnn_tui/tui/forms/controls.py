"""The control that edits one field, chosen by the field's kind. Each has the pair ``load`` and ``to_value``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.strip import Strip
from textual.suggester import SuggestFromList
from textual.widget import Widget

from cnn_tui.config.fields import FieldSpec, parse_value
from cnn_tui.formatting import fit
from cnn_tui.tui.forms.choice_facts import facts_of
from cnn_tui.tui.forms.choice_screen import ChoiceScreen
from cnn_tui.tui.widgets.text_line import TextLine


class ChoiceControl(Widget, can_focus=True):
    """One of the allowed values, chosen from a list that Enter, Space or the mouse opens."""

    DEFAULT_CSS = """
    ChoiceControl {
        height: 1;
        padding: 0 1;
        background: $surface;
        color: $foreground;
        &:focus { background: $primary 35%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "choose", "Choose", show=False)]

    value = reactive("", init=False)
    """The chosen value."""

    @dataclass
    class Changed(Message):
        """Another value was chosen or loaded."""

        choice: ChoiceControl

    def __init__(self, spec: FieldSpec, value: Any) -> None:
        super().__init__()
        self._spec = spec
        self.set_reactive(ChoiceControl.value, str(value))

    def load(self, value: Any) -> None:
        """Show a value of the choices."""
        self.value = str(value)

    def to_value(self) -> Any:
        """The chosen value."""
        return self.value

    def watch_value(self) -> None:
        """Tell of another value."""
        self.post_message(self.Changed(self))

    def action_choose(self) -> None:
        """Open the list."""
        facts = facts_of(self._spec.path)
        self.app.push_screen(ChoiceScreen(self._spec.title, self._spec.choices, self.value, facts), self._chosen)

    def on_click(self) -> None:
        """Open the list."""
        self.action_choose()

    def render_line(self, y: int) -> Strip:
        """The value, and a sign that there are others."""
        return Strip([Segment(fit(self.value, self.size.width - 2) + " ▾", self.rich_style)])

    def _chosen(self, value: str | None) -> None:
        if value is not None:
            self.value = value


class TextControl(TextLine):
    """A number, a text or a path as a person types it; what cannot be read is handed on as it stands."""

    DEFAULT_CSS = """
    TextControl {
        padding: 0 1 !important;
        &:focus { background: $primary 35%; }
    }
    """

    # The control has the width of its row whatever stands in it, so typing need not lay the screen out again.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0))

    def __init__(self, spec: FieldSpec, value: Any) -> None:
        super().__init__(
            as_text(value),
            placeholder="none" if spec.optional else "",
            suggester=SuggestFromList(spec.suggestions) if spec.suggestions else None,
            compact=True,
        )
        self._spec = spec

    def load(self, value: Any) -> None:
        """Show a value, nothing for None."""
        self.value = as_text(value)

    def to_value(self) -> Any:
        """What was typed, read as the field's kind; nothing is None where the field is optional."""
        return parse_value(self._spec, self.value.strip())


Control = ChoiceControl | TextControl


def control_for(spec: FieldSpec, value: Any) -> Control:
    """The control for a field, showing a value."""
    return ChoiceControl(spec, value) if spec.kind == "choice" else TextControl(spec, value)


def as_text(value: Any) -> str:
    """A value as a person would type it."""
    if value is None:
        return ""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
