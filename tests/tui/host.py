"""An app for the screens that need one: the workbench's state and modes, and a list of what was asked of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import App
from textual.message import Message
from textual.pilot import Pilot
from textual.reactive import reactive
from textual.screen import Screen

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import RunEvent
from cnn_tui.trainer.protocol import JobUpdate
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.messages import CompareRequested, JobRequested, PresetRequested, SessionRequested
from cnn_tui.tui.screens.results import ResultsScreen
from cnn_tui.tui.screens.sessions import SessionsScreen
from samples import story

_PATIENCE = 60.0  # seconds, for a machine that is busy with other tests


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

    job: reactive[JobState | None] = reactive(None)
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

    def on_job_requested(self, message: JobRequested) -> None:
        self.asked.append(message)

    def on_preset_requested(self, message: PresetRequested) -> None:
        self.asked.append(message)

    def on_compare_requested(self, message: CompareRequested) -> None:
        self.asked.append(message)

    def on_session_requested(self, message: SessionRequested) -> None:
        self.asked.append(message)


def finished_job(session_id: str) -> JobState:
    """A single run that has reported everything up to its end."""
    state = JobState(Job(preset=RunPreset()))
    for event in story(session_id):
        state.apply(JobUpdate(event=RunEvent(run=0, event=event)))
    return state


async def until(pilot: Pilot[None], holds: Callable[[], object]) -> None:
    """Let the app run until something holds."""
    end = time.monotonic() + _PATIENCE
    while not holds():
        # Cheaper than Pilot.pause, which makes every widget handle a callback each time.
        while not holds() and pilot.app.is_running and time.monotonic() < end:
            await asyncio.sleep(0.01)
        await pilot.pause(0.01)  # what has been mounted meanwhile is composed
        if not holds() and (time.monotonic() > end or not pilot.app.is_running):
            raise AssertionError(f"it never happened; the screen was\n{screen_text(pilot.app)}")


async def until_shown(pilot: Pilot[None], app: App[None], text: str) -> None:
    """Wait for a text on the screen."""
    await until(pilot, lambda: text in screen_text(app))


def screen_text(app: App[None]) -> str:
    """All that is on the screen, in lines."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)
