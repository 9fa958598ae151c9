"""The Live screen of a replay: plays the events of a run that has ended."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from cnn_tui.events import Environment
from cnn_tui.formatting import printable
from cnn_tui.store.event_tail import NOTHING_NEW, NewEvents
from cnn_tui.tui.job_state import RunState
from cnn_tui.tui.messages import EventsRead
from cnn_tui.tui.replay import Replay
from cnn_tui.tui.screens.run_screen import CURVE_KEYS, RunScreen
from cnn_tui.tui.widgets.figures import Figure, Figures
from cnn_tui.tui.widgets.replay_bar import ReplayBar, ReplayView

_STEP = 0.1  # seconds between two moves of the replay
_JUMPS = 20  # to the end


class ReplayScreen(RunScreen):
    """Curves, figures and phases of a run at a time that passes, stops and jumps as the user likes."""

    AUTO_FOCUS = ""  # the log would take the arrow keys
    NO_RUN = "Reading the events of the run"
    TICK = 0.5
    FIGURES_EVERY = 0.5
    CURVES_EVERY = 1.0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,p", "pause", "Pause", tooltip="Pause the replay"),
        Binding("space,p", "play", "Play", tooltip="Play on; after the end, from the start"),
        Binding("plus,equals_sign", "speed(1)", "Faster", key_display="+", tooltip="Play faster"),
        Binding("minus", "speed(-1)", "Slower", key_display="-", tooltip="Play slower"),
        Binding("left", "jump(-1)", "Back", key_display="←", tooltip="Jump back by a twentieth"),
        Binding("right", "jump(1)", "Forward", key_display="→", tooltip="Jump forward by a twentieth"),
        Binding("home", "start", "Start", key_display="home", tooltip="Jump to the start"),
        Binding("end", "end", "End", key_display="end", tooltip="Jump to the end and its result"),
        *CURVE_KEYS,
    ]

    def __init__(self) -> None:
        super().__init__()
        self._replay: Replay | None = None
        self._moved = 0.0
        self._was_playing = False

    def compose(self) -> ComposeResult:
        """The run, and the replay below its phases."""
        yield from super().compose()
        yield ReplayBar()

    def on_mount(self) -> None:
        """Wait for the events, then play them, also while another screen is shown."""
        self.watch(self.app, "replay", self._begin)
        self.set_interval(_STEP, self._move)

    def _begin(self, replay: Replay | None) -> None:
        self._replay = replay
        self._moved = time.monotonic()
        self._move()

    def _move(self) -> None:
        before, self._moved = self._moved, time.monotonic()
        if self._replay is not None:
            self._show(self._replay.advance(self._moved - before))

    def _show(self, new: NewEvents = NOTHING_NEW) -> None:
        """Show the replay, and let the app add the new events."""
        if new.events:
            self.post_message(EventsRead(new))
        if self._replay is not None:
            self.query_one(ReplayBar).view = ReplayView.of(self._replay)
            if self._replay.playing != self._was_playing:
                self._was_playing = self._replay.playing
                self.refresh_bindings()

    def now(self, state: RunState) -> float:
        """The time in the run that the replay has reached."""
        position = self._replay.position if self._replay else 0.0
        return (state.history.started or 0.0) + position

    def silence(self, state: RunState) -> float:
        """0: no process reports anything."""
        return 0.0

    def log_path(self, session_id: str) -> Path | None:
        """None: the trainer's output has no times."""
        return None

    def show_machine(self, environment: Environment | None) -> None:
        """Show the machine that trained the run; the load of this one has nothing to do with it."""
        if environment is not None:
            self.set_text("#machine-name", printable(environment.device_name))
            self.query_one("#machine-figures", Figures).figures = (
                Figure("device", printable(environment.device)),
                Figure("precision", environment.precision),
                Figure("PyTorch", printable(environment.torch)),
            )

    def on_replay_bar_clicked(self, message: ReplayBar.Clicked) -> None:
        """Jump to the position."""
        self._seek(message.fraction)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer either to pause or to play, and nothing before the events have been read."""
        replay = self._replay
        if replay is not None and action in ("pause", "play"):
            return replay.playing == (action == "pause")
        if replay is None and action in ("pause", "play", "speed", "jump", "start", "end"):
            return False
        return super().check_action(action, parameters)

    def action_pause(self) -> None:
        """Pause the replay."""
        if self._replay is not None:
            self._replay.pause()
            self._show()

    def action_play(self) -> None:
        """Play on; after the end, from the start."""
        if self._replay is not None:
            self._show(self._replay.play())

    def action_speed(self, by: int) -> None:
        """Play faster or slower."""
        if self._replay is not None:
            self._move()
            self._replay.change_speed(by)
            self._move()

    def action_jump(self, by: int) -> None:
        """Jump by a twentieth of the run."""
        if self._replay is not None and self._replay.duration:
            self._seek(self._replay.position / self._replay.duration + by / _JUMPS)

    def action_start(self) -> None:
        """Jump to the start."""
        self._seek(0.0)

    def action_end(self) -> None:
        """Jump to the end."""
        self._seek(1.0)

    def _seek(self, fraction: float) -> None:
        if self._replay is not None:
            self._show(self._replay.seek(fraction * self._replay.duration))
