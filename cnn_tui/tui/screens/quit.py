"""The question whether to finish or stop a running job before the workbench quits."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

QuitAnswer = Literal["finish", "stop"]


class QuitScreen(ModalScreen[QuitAnswer | None]):
    """Asks what to do with the running job; returns None if cancelled."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("down,j", "app.focus_next", show=False),
        Binding("up,k", "app.focus_previous", show=False),
    ]

    def __init__(self, kind: str, can_finish: bool) -> None:
        """Ask about a job of this ``kind``, "run" or "study"; ``can_finish`` if it can outlive the workbench."""
        super().__init__()
        self._kind = kind
        self._can_finish = can_finish

    def compose(self) -> ComposeResult:
        """The question and its answers, the harmless one first."""
        with Vertical(classes="dialog"):
            yield Static(f"A {self._kind} is still running", classes="dialog--title")
            if self._can_finish:
                yield Button("Finish it in the background", id="finish", variant="primary")
            yield Button("Stop it, then test and save", id="stop")
            yield Button("Cancel", id="cancel")
            yield Static("Press ctrl+q again to quit immediately", classes="dialog--hint")

    def on_mount(self) -> None:
        """Watch whether the job ends."""
        self.watch(self.app, "busy", self._busy_changed)

    def _busy_changed(self, busy: bool) -> None:
        """Once the job has ended, only offer to quit."""
        if busy:
            return
        quit_button, *others = [button for button in self.query(Button) if button.id != "cancel"]
        if self.focused in others:
            self.set_focus(quit_button)
        for button in others:
            button.display = False
        quit_button.label = "Quit"
        self.query_one(".dialog--title", Static).update(f"The {self._kind} has ended")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Return the answer."""
        answers: dict[str, QuitAnswer] = {"finish": "finish", "stop": "stop"}
        self.dismiss(answers.get(event.button.id or ""))
