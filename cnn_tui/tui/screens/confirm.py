"""A question that is answered by yes or no."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from cnn_tui.formatting import printable


class ConfirmScreen(ModalScreen[bool]):
    """Asks before something is overwritten or deleted; the focus is on the answer that changes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "dismiss(False)", "No"),
        Binding("y", "dismiss(True)", "Yes"),
        Binding("left,right,j,k,h,l", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = "#no"

    def __init__(self, question: str, yes: str) -> None:
        """Ask ``question``; ``yes`` is the label of the button that does it."""
        super().__init__()
        self._question = question
        self._yes = yes
        self._moot = ""

    def compose(self) -> ComposeResult:
        """The question above its two answers."""
        with Vertical(classes="dialog"):
            yield Static(Content(printable(self._question)), classes="dialog--title")
            with Horizontal(classes="dialog--buttons"):
                yield Button("Cancel", id="no")
                yield Button(Content(self._yes), id="yes", variant="error")

    def withdraw(self, reason: str) -> None:
        """Take the question back, because what it asks cannot be done any more; the dialog stays to say so."""
        self._moot = reason
        if self.is_mounted:
            self._show_moot()

    def on_mount(self) -> None:
        """Show it if the question was taken back before it could be read."""
        if self._moot:
            self._show_moot()

    def _show_moot(self) -> None:
        self.set_focus(self.query_one("#no"))
        self.query_one("#yes").display = False
        self.query_one(".dialog--title", Static).update(Content(printable(self._moot)))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is no yes to a question that was taken back."""
        return not (self._moot and parameters == (True,))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "yes")
