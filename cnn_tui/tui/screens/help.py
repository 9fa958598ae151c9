"""Help: the keys of a screen and what they do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import actions
from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding, BindingsMap, BindingType
from textual.containers import VerticalScroll
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

_KEYS_WIDTH = 10  # aligns the two tables


class HelpScreen(ModalScreen[None]):
    """Lists the keys of a screen that this program defines, those that are disabled now in a dim style."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,question_mark,q", "dismiss(None)", "Close"),
    ]

    def __init__(self, screen: Screen[object]) -> None:
        """List the keys of ``screen``."""
        super().__init__()
        # The keys of the footer come first: they are the main actions of the screen.
        self._here = sorted(bindings_of(screen), key=lambda active: not active.binding.show)
        self._everywhere = list(bindings_everywhere(screen))

    def compose(self) -> ComposeResult:
        """A table of keys for the screen, and one for the entire program."""
        with VerticalScroll(classes="dialog dialog-wide") as box:
            box.border_subtitle = "esc close"
            for title, bindings in (("On this screen", self._here), ("Everywhere", self._everywhere)):
                if bindings:
                    yield Static(title, classes="dialog--title")
                    yield Static(self._table(bindings), classes="dialog--keys")
            yield Static("Tab and shift+tab move between parts; the mouse works everywhere.", classes="dialog--hint")

    def _table(self, bindings: Iterable[ActiveBinding]) -> Table:
        """A row for each action, with all of its keys."""
        keys: dict[str, list[str]] = {}
        enabled: dict[str, bool] = {}
        for active in bindings:
            text = active.tooltip or active.binding.description
            keys.setdefault(text, []).append(self.app.get_key_display(active.binding))
            enabled[text] = enabled.get(text, False) or active.enabled
        table = Table.grid(padding=(0, 3))
        table.add_column(min_width=_KEYS_WIDTH)
        for text, names in keys.items():
            style = "" if enabled[text] else "dim"
            table.add_row(Text(" ".join(dict.fromkeys(names)), style=f"bold {style}"), Text(text, style=style))
        return table


def bindings_of(screen: Screen[object]) -> Iterator[ActiveBinding]:
    """The bindings of a screen and of the widgets down to its focused one, as far as this program declares them.

    ``Screen.active_bindings`` does not do: it lacks disabled bindings, and those that a widget's scrolling hides.
    """
    taken: set[str] = set()
    for node in (screen.focused or screen).ancestors_with_self:
        if isinstance(node, App):
            return
        found = [_active(node, binding) for binding in _declared(type(node)) if binding.key not in taken]
        taken |= {active.binding.key for active in found if active.enabled}
        yield from (active for active in found if active.binding.description)


def bindings_everywhere(screen: Screen[object]) -> Iterator[ActiveBinding]:
    """The bindings of the app that are active on a screen, without those of every Textual app."""
    for active in screen.active_bindings.values():
        if isinstance(active.node, App) and active.binding.description and active.binding not in App.BINDINGS:
            yield active


def _active(node: DOMNode, binding: Binding) -> ActiveBinding:
    _, name, parameters = actions.parse(binding.action)
    return ActiveBinding(node, binding, node.check_action(name, parameters) is True, binding.tooltip)


def _declared(kind: type[DOMNode]) -> Iterator[Binding]:
    """The bindings that the classes of this program declare; those of a class override the inherited ones."""
    taken: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] != "textual":
            own = BindingsMap(base.__dict__.get("BINDINGS", ())).key_to_bindings
            for key, bindings in own.items():
                if key not in taken:
                    yield from bindings
            taken |= own.keys()
