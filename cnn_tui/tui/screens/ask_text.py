"""A question that is answered by a line of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from cnn_tui.formatting import printable
from cnn_tui.tui.widgets.text_line import TextLine


class AskTextScreen(ModalScreen[str | None]):
    """Asks for a line; None if the person thought better of it.

    Args:
        question: what is asked for.
        value: what stands there at first.
        refuse: says why a text is not accepted, empty if it is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, question: str, value: str = "", refuse: Callable[[str], str] = lambda text: "") -> None:
        super().__init__()
        self._question = question
        self._value = value
        self._refuse = refuse

    def compose(self) -> ComposeResult:
        """The question, the line and what is wrong with it."""
        with Vertical(classes="dialog"):
            yield Static(Content(printable(self._question)), classes="dialog--title")
            yield TextLine(self._value)
            yield Static("", classes="dialog--error")
            yield Static("enter to accept, escape to cancel", classes="dialog--hint")

    def on_mount(self) -> None:
        """Take letters from now on, also those that are typed before the first picture; the first replaces all."""
        self.set_focus(self.query_one(TextLine))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answer, unless the text is refused."""
        reason = self._refuse(event.value)
        if reason:
            self.query_one(".dialog--error", Static).update(Content(printable(reason)))
        else:
            self.dismiss(event.value)
