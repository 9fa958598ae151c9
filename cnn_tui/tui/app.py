"""The workbench: it wires screens, trainer and sessions together, and decides nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any, ClassVar

from textual import events, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.reactive import var
from textual.screen import Screen

from cnn_tui.config.preset import RunPreset
from cnn_tui.events import ErrorReport, RunFinished
from cnn_tui.store.names import printable
from cnn_tui.trainer import protocol
from cnn_tui.tui.messages import (
    KillRequested,
    PauseRequested,
    PresetRequested,
    RunRequested,
    SessionRequested,
    StopRequested,
    TrainerSaid,
)
from cnn_tui.tui.run_state import RunState
from cnn_tui.tui.screens.errors import safe_lines
from cnn_tui.tui.screens.help import HelpScreen
from cnn_tui.tui.screens.quit import QuitAnswer, QuitScreen
from cnn_tui.tui.screens.setup import SetupScreen
from cnn_tui.tui.screens.too_small import TooSmallScreen, is_too_small

_TERMINAL_CHECK_SECONDS = 2.0


def _live_screen() -> Screen[Any]:
    """Made, like the next two, when it is first shown: what they import would hold up the first picture."""
    from cnn_tui.tui.screens.live import LiveScreen

    return LiveScreen()


def _results_screen() -> Screen[Any]:
    from cnn_tui.tui.screens.results import ResultsScreen

    return ResultsScreen()


def _sessions_screen() -> Screen[Any]:
    from cnn_tui.tui.screens.sessions import SessionsScreen

    return SessionsScreen()


class Workbench(App[None]):
    """A terminal workbench for training convolutional networks."""

    TITLE = "cnn-tui"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, Any]] = {
        "setup": SetupScreen,
        "live": _live_screen,
        "results": _results_screen,
        "sessions": _sessions_screen,
    }
    DEFAULT_MODE = "setup"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "switch_mode('setup')", "Setup", show=False),
        Binding("2", "switch_mode('live')", "Live", show=False),
        Binding("3", "switch_mode('results')", "Results", show=False),
        Binding("4", "switch_mode('sessions')", "Sessions", show=False),
        Binding("f1,question_mark", "help", "Help", key_display="F1"),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    run_state: var[RunState | None] = var(None)
    """The run that is going on or was the last; mutated, so watchers are called after each of its events."""
    preset_in_setup: var[tuple[RunPreset, str] | None] = var(None)
    """What Setup was last asked to open, and where it came from."""
    shown_session: var[str | None] = var(None)
    """The session whose results are open, by its id."""

    def __init__(self, trainer: protocol.Trainer, preset: RunPreset | None = None, start: bool = False) -> None:
        """Open with ``preset`` in the form and, if ``start``, train it at once."""
        super().__init__()
        self.trainer = trainer
        self._first_preset = preset
        self._start_at_once = start

    def get_default_screen(self) -> Screen[Any]:
        """Setup is the first screen, in the place of an empty one."""
        return SetupScreen()

    def on_mount(self) -> None:
        """Show Setup; the trainer is started behind the first picture, so that it loads while the person types."""
        if self._first_preset is not None:
            self.preset_in_setup = (self._first_preset, self._first_preset.name)
        self.call_after_refresh(self._start_trainer)
        self._watch_terminal()

    def on_resize(self, event: events.Resize) -> None:
        """Cover what would be cut off, once the new size is known to all."""
        self.call_later(self._cover_if_too_small)

    def _cover_if_too_small(self) -> None:
        if is_too_small(self.size) and not isinstance(self.screen, TooSmallScreen):
            self.push_screen(TooSmallScreen())

    def _start_trainer(self) -> None:
        self.trainer.start()
        self._follow_trainer()
        if self._start_at_once and self._first_preset is not None:
            self.post_message(RunRequested(self._first_preset))

    @work(thread=True, exit_on_error=False, group="trainer")
    def _follow_trainer(self) -> None:
        for said in self.trainer.messages():
            self.post_message(TrainerSaid(said))

    def on_trainer_said(self, message: TrainerSaid) -> None:
        """Fold in what happened; the end of a run opens its results."""
        said = message.said
        if self.run_state is not None:
            self.run_state.apply(said)
            self.mutate_reactive(Workbench.run_state)
        match said:
            case protocol.Refused():
                self.notify(printable(said.reason), title="Not now", severity="warning", markup=False)
            case protocol.Lost() if not self._ended_with(said.error):
                self._tell(said.error)
            case protocol.RunEvent(event=RunFinished() as finished):
                self._show_end(finished)
            case _:
                pass

    def _show_end(self, finished: RunFinished) -> None:
        if self.run_state is None:
            return
        if finished.result is not None:
            self.shown_session = self.run_state.history.session_id
            if self.current_mode == "live":
                self.switch_mode("results")
        elif finished.error is not None and self.current_mode != "live":
            self._tell(finished.error)

    def _ended_with(self, error: ErrorReport) -> bool:
        """Whether this is what the run came to, which has been told."""
        return self.run_state is not None and self.run_state.history.error == error

    def _tell(self, error: ErrorReport) -> None:
        text = "\n".join(part for part in (error.detail, error.hint) if part)
        self.notify(safe_lines(text), title=printable(error.title), severity="error", markup=False, timeout=15)

    def on_run_requested(self, message: RunRequested) -> None:
        """Start a run, unless one is going on."""
        if self.trainer.busy:
            self.notify(
                "Stop it with x, or wait for its end.",
                title="A run is going on",
                severity="warning",
                markup=False,
            )
            return
        self.run_state = RunState(message.preset)
        self.trainer.submit(message.preset)
        self.switch_mode("live")

    def on_stop_requested(self, message: StopRequested) -> None:
        """Stop the run."""
        if self.run_state is not None and self.run_state.going:
            self.run_state.stage = "stopping"
            self.mutate_reactive(Workbench.run_state)
            self.trainer.stop()

    def on_pause_requested(self, message: PauseRequested) -> None:
        """Pause the run, or let it go on."""
        if self.run_state is not None and self.run_state.stage == "paused":
            self.trainer.resume()
        elif self.run_state is not None and self.run_state.stage == "running":
            self.trainer.pause()

    def on_kill_requested(self, message: KillRequested) -> None:
        """End the trainer."""
        if self.run_state is not None and self.run_state.going:
            self.trainer.kill()

    def on_preset_requested(self, message: PresetRequested) -> None:
        """Open a preset in Setup."""
        self.preset_in_setup = (message.preset, message.source)
        self.switch_mode("setup")

    def on_session_requested(self, message: SessionRequested) -> None:
        """Open a session's results."""
        self.shown_session = message.session_id
        self.switch_mode("results")

    def action_help(self) -> None:
        """Show the keys of the present screen."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen.active_bindings))

    async def action_quit(self) -> None:
        """Leave; while training, ask what becomes of the run. Asked again, leave at once."""
        if isinstance(self.screen, QuitScreen) or not self.trainer.busy:
            self.leave(finish=True)
        else:
            self.push_screen(QuitScreen(self.trainer.outlives_us), self._answer_quit)

    def _answer_quit(self, answer: QuitAnswer | None) -> None:
        if answer == "finish":
            self.leave(finish=True)
        elif answer == "stop":
            self.leave(finish=False)

    def leave(self, finish: bool) -> None:
        """End the workbench; a run that is going on is finished behind it, or stopped and saved."""
        self.trainer.close(finish)
        self.exit()

    def _watch_terminal(self) -> None:
        """Textual handles neither signals nor a terminal that is gone: leave cleanly on both."""
        if sys.platform != "win32" and not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self.leave, True)
            self.set_interval(_TERMINAL_CHECK_SECONDS, self._leave_without_terminal)

    def _leave_without_terminal(self) -> None:
        if not os.isatty(sys.__stdin__.fileno() if sys.__stdin__ else 0):
            self.leave(finish=True)
