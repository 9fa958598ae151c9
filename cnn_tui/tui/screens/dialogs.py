"""Dialogs that ask for a line of text, or for yes or no."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from cnn_tui.formatting import printable
from cnn_tui.tui.widgets.text_line import TextLine


class AskTextScreen(ModalScreen[str | None]):
    """Asks for a line of text; returns None if cancelled.

    Args:
        value: the initial text.
        error_in: returns why a text is not accepted, empty if it is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, question: str, value: str = "", error_in: Callable[[str], str] = lambda text: "") -> None:
        super().__init__()
        self._question = question
        self._value = value
        self._error_in = error_in

    def compose(self) -> ComposeResult:
        """The question, the input and its error."""
        with Vertical(classes="dialog"):
            yield Static(Content(printable(self._question)), classes="dialog--title")
            yield TextLine(self._value)
            yield Static("", classes="dialog--error")
            yield Static("enter accept · esc cancel", classes="dialog--hint")

    def on_mount(self) -> None:
        """Focus the input before the first paint, so that no key is lost; the first letter replaces all."""
        self.set_focus(self.query_one(TextLine))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the text, or show its error."""
        error = self._error_in(event.value)
        if error:
            self.query_one(".dialog--error", Static).update(Content(printable(error)))
        else:
            self.dismiss(event.value)


class ConfirmScreen(ModalScreen[bool]):
    """Asks before data is overwritten, deleted or lost; the focus is on Cancel."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "dismiss(False)", "No"),
        Binding("y", "dismiss(True)", "Yes"),
        Binding("left,right,j,k,h,l", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = "#no"

    def __init__(self, question: str, yes: str) -> None:
        """Ask ``question``; ``yes`` is the label of the button that confirms."""
        super().__init__()
        self._question = question
        self._yes = yes
        self._withdrawal = ""

    def compose(self) -> ComposeResult:
        """The question above its two buttons."""
        with Vertical(classes="dialog"):
            yield Static(Content(printable(self._question)), classes="dialog--title")
            with Horizontal(classes="dialog--buttons"):
                yield Button("Cancel", id="no")
                yield Button(Content(self._yes), id="yes", variant="error")

    def withdraw(self, reason: str) -> None:
        """Replace the question by the reason why it no longer applies, leaving Cancel as the only answer."""
        self._withdrawal = reason
        if self.is_mounted:
            self._show_withdrawal()

    def on_mount(self) -> None:
        """Show a withdrawal that came before the dialog was mounted."""
        if self._withdrawal:
            self._show_withdrawal()

    def _show_withdrawal(self) -> None:
        self.set_focus(self.query_one("#no"))
        self.query_one("#yes").display = False
        self.query_one(".dialog--title", Static).update(Content(printable(self._withdrawal)))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable yes once the question is withdrawn."""
        return not (self._withdrawal and parameters == (True,))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Return the answer."""
        self.dismiss(event.button.id == "yes")
