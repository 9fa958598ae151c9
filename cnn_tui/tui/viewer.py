"""Shows a session in Live and Results without controlling its run: ``cnn-tui watch``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.reactive import var
from textual.screen import Screen

from cnn_tui import paths
from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import CnnTuiError
from cnn_tui.events import ErrorReport, as_job_events
from cnn_tui.formatting import printable
from cnn_tui.store.presets import renamed_preset
from cnn_tui.store.session_follower import SessionFollower, read_whole_run
from cnn_tui.store.sessions import SessionEntry, newest_sessions, started_together_or_later
from cnn_tui.trainer.protocol import JobUpdate
from cnn_tui.tui.job_observer import JobObserver
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.messages import EventsRead, ReadingFailed, ReplayRead, RunFollows
from cnn_tui.tui.replay import Replay
from cnn_tui.tui.screen_app import ScreenApp, mode_bindings
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.replay import ReplayScreen
from cnn_tui.tui.screens.session_results import SessionResultsScreen
from cnn_tui.tui.screens.watch import WatchScreen
from cnn_tui.tui.terminal import leave_with_terminal, read_alt_digits

_NEXT_RUN_SECONDS = 1.0
_NEWEST = 5  # sessions among which the next run is: those of a study can start together


def _commands() -> type[Provider]:
    from cnn_tui.tui.palette import ViewerCommands

    return ViewerCommands


class Viewer(ScreenApp):
    """Two of the workbench's screens for one session, which is only read.

    A source of events posts :class:`EventsRead`: the log of a running session, or the replay of one that has ended.
    """

    TITLE = "cnn-tui watch"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "screens/run_screen.tcss"]
    MODES: ClassVar[dict[str, Any]] = {"live": WatchScreen, "results": SessionResultsScreen}
    DEFAULT_MODE = "live"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        *mode_bindings(MODES),
        Binding("ctrl+q", "quit", "Quit", priority=True, tooltip="Quit; the run is not affected"),
    ]

    def __init__(self, folder: Path, preset: RunPreset, *, continues: bool = False) -> None:
        """View the session in ``folder``, a run of ``preset``; ``continues`` with the runs that start after it."""
        super().__init__()
        self._continues = continues
        self._stop_reading = threading.Event()
        self._view(folder, preset)

    def _view(self, folder: Path, preset: RunPreset) -> None:
        self.folder = folder
        self._preset = preset
        session = folder.name if folder.parent == paths.sessions_folder() else str(folder)
        self._observer = JobObserver(self, session)

    @property
    def may_export(self) -> bool:
        """Whether this app writes files: those who watch in a browser need not own the account."""
        return not self.is_web

    def on_mount(self) -> None:
        """Exit cleanly if the terminal disappears, and begin to read."""
        read_alt_digits()
        leave_with_terminal(self, self.leave, lambda: True)
        self.screen_change_signal.subscribe(self, self._screen_changed)
        self.read_events()

    @work(thread=True, exit_on_error=False, group="source")
    def read_events(self) -> None:
        """Follow the session until its run has ended, and the next one if there is any."""
        folder = self.folder
        try:
            while True:
                for new in SessionFollower(folder).updates(self._stop_reading.wait):
                    self.post_message(EventsRead(new))
                following = self._next_run(folder) if self._continues else None
                if following is None:
                    return
                folder = following.folder
                self.post_message(RunFollows(following))
        except CnnTuiError as error:
            self.post_message(ReadingFailed(error))

    def _next_run(self, folder: Path) -> SessionEntry | None:
        """Wait for the run that starts after that of a folder; None if the app ends before."""
        while not self._stop_reading.wait(_NEXT_RUN_SECONDS):
            for entry in newest_sessions(_NEWEST):
                is_other = entry.record is not None and entry.record.live and entry.folder != folder
                if is_other and started_together_or_later(entry.folder, folder):
                    return entry
        return None

    def on_run_follows(self, message: RunFollows) -> None:
        """Show the next run in Live; the results of the last one stay until the user leaves them."""
        entry = message.entry
        assert entry.record is not None
        self._view(entry.folder, renamed_preset(entry.record, entry.record.name))
        self.job = self._new_job()
        if self.current_mode != "live":
            text = f"Press {key_of('live')} to follow it."
            self.notify(text, title=printable(f"{entry.record.name} has started"), markup=False)

    def on_events_read(self, message: EventsRead) -> None:
        """Show new events, added to the earlier ones or instead of them."""
        if self.job is None or message.new.restarted:
            self.job = self._new_job()
        updates = (JobUpdate(event=update) for event in message.new.events for update in as_job_events(event))
        self._observer.handle(*updates)

    def on_reading_failed(self, message: ReadingFailed) -> None:
        """End the run on the screens with the reason."""
        self.job = self.job or self._new_job()
        ends = list(self.job.history.end_all(ErrorReport.of(message.error)))
        self._observer.handle(*(JobUpdate(event=end) for end in ends))

    def _new_job(self) -> JobState:
        return JobState(Job(preset=self._preset))

    def _screen_changed(self, screen: Screen[Any]) -> None:
        """Show the result of a run that ended while a dialog was open."""
        self.call_later(self._observer.show_result)

    async def action_quit(self) -> None:
        """Quit."""
        self.leave()

    def leave(self) -> None:
        """Quit, and stop reading."""
        self._stop_reading.set()
        self.exit()

    def on_unmount(self) -> None:
        """Stop reading, however the app ends: it waits for its threads."""
        self._stop_reading.set()


class ReplayViewer(Viewer):
    """Plays the events of a session whose run has ended."""

    TITLE = "cnn-tui replay"
    MODES: ClassVar[dict[str, Any]] = {"live": ReplayScreen, "results": SessionResultsScreen}

    replay: var[Replay | None] = var(None)
    """The playback, None before the events have been read."""

    def __init__(self, folder: Path, preset: RunPreset, speed: float = 1.0) -> None:
        """Replay the session in ``folder`` at a multiple of the speed of its run."""
        super().__init__(folder, preset)
        self._speed = speed

    @work(thread=True, exit_on_error=False, group="source")
    def read_events(self) -> None:
        """Read all events, a log of a million lines in a second."""
        try:
            self.post_message(ReplayRead(Replay(read_whole_run(self.folder), self._speed)))
        except CnnTuiError as error:
            self.post_message(ReadingFailed(error))

    def on_replay_read(self, message: ReplayRead) -> None:
        """Start to play."""
        self.replay = message.replay
