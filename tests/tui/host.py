"""An app for the screens that need one: the workbench's state and modes, and a list of what was asked of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import App
from textual.message import Message
from textual.pilot import Pilot
from textual.reactive import reactive
from textual.screen import Screen

from cnn_tui.config.preset import RunPreset
from cnn_tui.tui.messages import CompareRequested, PresetRequested, RunRequested, SessionRequested
from cnn_tui.tui.run_state import RunState
from cnn_tui.tui.screens.results import ResultsScreen
from cnn_tui.tui.screens.sessions import SessionsScreen

_PATIENCE = 400


class Host(App[None]):
    """Shows Results or Sessions; of Setup and Live there is only the place.

    Attributes:
        asked: what the screens asked for.
    """

    MODES: ClassVar[dict[str, Any]] = {
        "setup": Screen,
        "live": Screen,
        "results": ResultsScreen,
        "sessions": SessionsScreen,
    }

    run_state: reactive[RunState | None] = reactive(None)
    preset_in_setup: reactive[tuple[RunPreset, str] | None] = reactive(None)
    shown_session: reactive[str | None] = reactive(None)

    def __init__(self, mode: str, session_id: str | None = None) -> None:
        super().__init__()
        self.asked: list[Message] = []
        self._mode = mode
        self._session_id = session_id

    def on_mount(self) -> None:
        self.shown_session = self._session_id
        self.switch_mode(self._mode)

    def on_run_requested(self, message: RunRequested) -> None:
        self.asked.append(message)

    def on_preset_requested(self, message: PresetRequested) -> None:
        self.asked.append(message)

    def on_compare_requested(self, message: CompareRequested) -> None:
        self.asked.append(message)

    def on_session_requested(self, message: SessionRequested) -> None:
        self.asked.append(message)


async def until(pilot: Pilot[None], holds: Callable[[], object]) -> None:
    """Let the app run until something holds."""
    for _ in range(_PATIENCE):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError(f"it never came; the screen was\n{screen_text(pilot.app)}")


def screen_text(app: App[None]) -> str:
    """All that is on the screen, in lines."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)
