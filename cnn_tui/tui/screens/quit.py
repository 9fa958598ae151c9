"""Leaving while a run or a study is going on."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

QuitAnswer = Literal["finish", "stop"]


class QuitScreen(ModalScreen[QuitAnswer | None]):
    """Asks what becomes of it; None to stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Stay"),
        Binding("down,j", "app.focus_next", show=False),
        Binding("up,k", "app.focus_previous", show=False),
    ]

    def __init__(self, what: str, can_finish: bool) -> None:
        """Offer to finish in the background only where ``what``, a run or a study, can outlive the workbench."""
        super().__init__()
        self._what = what
        self._can_finish = can_finish

    def compose(self) -> ComposeResult:
        """A question and its answers, the harmless one first."""
        with Vertical(classes="dialog"):
            yield Static(f"A {self._what} is going on", classes="dialog--title")
            if self._can_finish:
                yield Button("Let it finish in the background", id="finish", variant="primary")
            yield Button("Stop it, test and save what it has learnt", id="stop")
            yield Button("Stay here", id="stay")
            yield Static("ctrl+q again leaves at once", classes="dialog--hint")

    def on_mount(self) -> None:
        """Notice if it ends meanwhile."""
        self.watch(self.app, "busy", self._follow)

    def _follow(self, busy: bool) -> None:
        """Once nothing goes on any more, all that is left to ask is whether to leave."""
        if busy:
            return
        leave, *others = [button for button in self.query(Button) if button.id != "stay"]
        if self.focused in others:
            self.set_focus(leave)
        for button in others:
            button.display = False
        leave.label = "Leave"
        self.query_one(".dialog--title", Static).update(f"The {self._what} has ended meanwhile")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer with the button's name."""
        answers: dict[str, QuitAnswer] = {"finish": "finish", "stop": "stop"}
        self.dismiss(answers.get(event.button.id or ""))
