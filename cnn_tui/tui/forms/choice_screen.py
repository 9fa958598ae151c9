"""A list to choose from, narrowed by typing where it is long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from cnn_tui.tui.forms.choice_facts import Facts
from cnn_tui.tui.widgets.text_line import TextLine

_LONG = 10
_AROUND = 6  # cells of border, padding and scroll bar beside the lines


def matching(choices: Sequence[str], typed: str) -> list[str]:
    """The choices that hold what was typed, whatever its case and punctuation; those that begin with it come first."""
    wanted = _plain(typed)
    found = [choice for choice in choices if wanted in _plain(choice)]
    return sorted(found, key=lambda choice: not _plain(choice).startswith(wanted))


def _plain(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


class ChoiceScreen(ModalScreen[str | None]):
    """Asks for one of ``choices``, showing what is known of each; None if the user thought better of it."""

    DEFAULT_CSS = """
    ChoiceScreen {
        align: center middle;
        & > Vertical {
            width: 44;
            max-width: 100%;
            height: auto;
            max-height: 90%;
            padding: 0 1;
            background: $surface;
            border: round $primary;
        }
        #header { height: 1; color: $text-muted; text-wrap: nowrap; }
        OptionList { height: auto; max-height: 65vh; border: none; padding: 0; background: $surface; }
        OptionList:focus { background-tint: transparent; }
        Input { margin-bottom: 1; background: $boost; }
        #none { display: none; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("up,k", "move('cursor_up')", "Up", show=False),
        Binding("down,j", "move('cursor_down')", "Down", show=False),
        Binding("pageup", "move('page_up')", "Page up", show=False),
        Binding("pagedown", "move('page_down')", "Page down", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[str], value: str, facts: Facts | None = None) -> None:
        super().__init__()
        self._facts = facts
        self._title = title
        self._choices = choices
        self._value = value

    def compose(self) -> ComposeResult:
        """The list, below a line to type in if it is long."""
        with Vertical() as box:
            box.border_title = self._title
            if self._facts is not None:
                box.styles.width = len(self._facts.header) + _AROUND
            if len(self._choices) > _LONG:
                yield TextLine(placeholder=f"type to find one of {len(self._choices)}", compact=True)
            if self._facts is not None:
                yield Static(self._facts.header, id="header", markup=False)
            yield OptionList(compact=True)
            yield Static("none has this in its name", id="none")

    def on_mount(self) -> None:
        """Show all, the present one highlighted."""
        self._show(self._choices, self._value)

    def action_move(self, action: str) -> None:
        """Move the highlight while the line to type in has the focus."""
        getattr(self.query_one(OptionList), f"action_{action}")()

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        found = matching(self._choices, event.value)
        self._show(found, found[0] if event.value and found else self._value)

    @on(Input.Submitted)
    def _submit(self) -> None:
        self.query_one(OptionList).action_select()

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def _show(self, choices: Sequence[str], highlighted: str) -> None:
        options = self.query_one(OptionList)
        lines = self._facts.lines if self._facts is not None else {}
        options.clear_options().add_options(Option(Content(lines.get(choice, choice)), id=choice) for choice in choices)
        options.highlighted = choices.index(highlighted) if highlighted in choices else None
        options.display = bool(choices)
        self.query_one("#none").display = not choices
