"""What the apps of this program have in common: help, quitting, and terminals that are too small."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.worker import WorkerFailed

from cnn_tui.tui.screen_keys import SCREENS
from cnn_tui.tui.screens.screen_size import TooSmallScreen, is_too_small
from cnn_tui.tui.state import WorkbenchState


class ScreenApp(WorkbenchState):
    """An app with some of the screens of :data:`SCREENS` as its modes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "help", "Help", key_display="f1", tooltip="The keys of this screen"),
    ]

    _has_started = False

    async def on_ready(self) -> None:
        """Repaint after resizes from now on; the first paint is complete."""
        self._has_started = True

    def on_resize(self, event: events.Resize) -> None:
        """Cover the screens if the terminal is too small, and repaint them once it is not."""
        self.call_later(self._fit_terminal)

    def _fit_terminal(self) -> None:
        if is_too_small(self.size) and not isinstance(self.screen, TooSmallScreen):
            self.push_screen(TooSmallScreen())
        elif self._has_started and self.screen.outer_size == self.size:
            # The terminal changed its size and back between two layouts: nothing would be repainted, but the terminal
            # has dropped what was outside of the smaller size.
            self.screen.refresh()

    def _handle_exception(self, error: Exception) -> None:
        """Show an error and exit, unless it is a consequence of exiting.

        An app that exits mounts no more widgets and removes those that there are, while the handlers of its screens
        still run: what they look for may be missing.
        """
        cause = error.error if isinstance(error, WorkerFailed) else error
        if not (isinstance(cause, NoMatches) and (self._exit or not self.is_running)):
            super()._handle_exception(error)

    def action_command_palette(self) -> None:
        """Open the palette, except above a dialog, which has to be answered first."""
        if not isinstance(self.screen, ModalScreen):
            super().action_command_palette()

    def action_help(self) -> None:
        """Show the keys of the current screen."""
        from cnn_tui.tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))


def mode_bindings(modes: Iterable[str]) -> list[BindingType]:
    """The keys that switch to the screens of these modes."""
    return [
        Binding(screen.all_keys, f"switch_mode('{mode}')", screen.title, show=False)
        for mode, screen in SCREENS.items()
        if mode in modes
    ]
