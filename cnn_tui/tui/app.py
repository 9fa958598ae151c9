"""The workbench: connects the screens, the trainer and the sessions."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.screen import Screen

from cnn_tui.tui.messages import (
    CompareRequested,
    JobRequested,
    KillRequested,
    PauseRequested,
    PresetEdited,
    PresetRequested,
    QueueRequested,
    SessionRequested,
    StopRequested,
    StudyDrafted,
    TrainerMessages,
)
from cnn_tui.tui.modes import MODES
from cnn_tui.tui.screen_app import ScreenApp, mode_bindings
from cnn_tui.tui.screens.setup import SetupScreen
from cnn_tui.tui.terminal import leave_with_terminal, read_alt_digits

if TYPE_CHECKING:
    from pathlib import Path, PurePath

    from textual.command import Provider

    from cnn_tui.config.preset import RunPreset
    from cnn_tui.trainer.protocol import Trainer
    from cnn_tui.tui.job_monitor import JobMonitor
    from cnn_tui.tui.screens.quit import QuitAnswer

_LONGEST_PAINT = 1.0


def _action_commands() -> type[Provider]:
    from cnn_tui.tui.palette import ActionCommands

    return ActionCommands


def _other_commands() -> type[Provider]:
    from cnn_tui.tui.palette import OtherCommands

    return OtherCommands


class Workbench(ScreenApp):
    """A terminal workbench for training convolutional networks."""

    TITLE = "cnn-tui"
    # Those of the screens at once: read when its screen first opens, a sheet has all other screens styled again.
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        "app.tcss",
        *(f"screens/{name}.tcss" for name in ("setup", "run_screen", "sessions", "studies")),
    ]
    MODES: ClassVar[dict[str, Any]] = MODES
    DEFAULT_MODE = "setup"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_action_commands, _other_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        *mode_bindings(MODES),
        Binding("ctrl+q", "quit", "Quit", priority=True, tooltip="Quit; a job can continue without the workbench"),
    ]

    def __init__(
        self,
        make_trainer: Callable[[], Trainer],
        preset: RunPreset | None = None,
        start: bool = False,
        path: Path | None = None,
    ) -> None:
        """Open with ``preset`` of the file ``path`` in the form; ``start`` trains it immediately."""
        super().__init__()
        self._make_trainer = make_trainer
        self._first_preset = preset
        self._first_path = path
        self._start_at_once = start
        self._jobs: JobMonitor | None = None

    async def on_ready(self) -> None:
        """Load everything slow after the first paint; keys pressed meanwhile wait in the queue.

        The trainer comes last and loads PyTorch while the user fills in the form.
        """
        await self._painted()
        from cnn_tui.tui.job_monitor import JobMonitor

        for screen in self.screen_stack:
            if isinstance(screen, SetupScreen):
                await screen.load_form(self._first_preset, self._first_path)
        self._jobs = JobMonitor(self, self._make_trainer(), shows_joined=self._first_preset is None)
        self._jobs.trainer.start()
        self._follow_trainer(self._jobs.trainer)
        self.screen_change_signal.subscribe(self, self._screen_changed)
        if self._start_at_once and self._first_preset is not None:
            from cnn_tui.config.job import Job

            self.post_message(JobRequested(Job(preset=self._first_preset)))
        _collect_garbage_again()

    async def _painted(self) -> None:
        """Wait for the first complete paint: the footer is filled after one refresh and visible after the next."""
        painted = asyncio.Event()
        self.screen.call_after_refresh(self.screen.call_after_refresh, painted.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(painted.wait(), _LONGEST_PAINT)

    def on_mount(self) -> None:
        """Exit cleanly if the terminal disappears, and read its alt+digit keys."""
        read_alt_digits()
        leave_with_terminal(
            self, lambda: self.leave(finish=True), lambda: self._jobs is None or self._jobs.trainer.outlives_us
        )

    @work(thread=True, exit_on_error=False, group="trainer")
    def _follow_trainer(self, trainer: Trainer) -> None:
        for messages in trainer.batches():
            self.post_message(TrainerMessages(messages))

    def _screen_changed(self, screen: Screen[Any]) -> None:
        """Show the result of a job that ended while a dialog was open."""
        self.call_later(self.jobs.show_result)

    @property
    def jobs(self) -> JobMonitor:
        """The monitor of the trainer's job; it exists before any screen can request a job."""
        assert self._jobs is not None
        return self._jobs

    def on_trainer_messages(self, message: TrainerMessages) -> None:
        """Handle messages of the trainer."""
        self.jobs.handle(*message.contents)

    def on_job_requested(self, message: JobRequested) -> None:
        """Start a job, or change one that waits."""
        self.jobs.start(message.job, message.replaces)

    def on_queue_requested(self, message: QueueRequested) -> None:
        """Change the queue, or join a job in it."""
        self.jobs.request(message.request)

    def on_stop_requested(self, message: StopRequested) -> None:
        """Stop the job."""
        self.jobs.stop()

    def on_pause_requested(self, message: PauseRequested) -> None:
        """Pause or resume the job."""
        self.jobs.pause()

    def on_kill_requested(self, message: KillRequested) -> None:
        """Kill the job."""
        self.jobs.kill()

    def on_study_drafted(self, message: StudyDrafted) -> None:
        """Open a study of this preset in Studies."""
        self.drafted_study = message
        self.switch_mode("studies")

    def on_preset_requested(self, message: PresetRequested) -> None:
        """Open a preset in Setup."""
        self.preset_in_setup = message
        self.switch_mode("setup")

    def on_preset_edited(self, message: PresetEdited) -> None:
        """Keep a valid preset, for a study of it."""
        self.edited_preset = message.preset or self.edited_preset

    def on_session_requested(self, message: SessionRequested) -> None:
        """Open a session's results."""
        self.shown_session = message.session_id
        self.switch_mode("results")

    def on_compare_requested(self, message: CompareRequested) -> None:
        """Open sessions side by side."""
        from cnn_tui.tui.screens.compare import CompareScreen

        self.push_screen(CompareScreen(message.session_ids))

    async def action_quit(self) -> None:
        """Quit; while a job is running, ask what to do with it. A second request quits immediately."""
        from cnn_tui.tui.screens.quit import QuitScreen

        jobs = self._jobs
        asked = any(isinstance(screen, QuitScreen) for screen in self.screen_stack)
        if jobs is None or not jobs.trainer.busy or asked:
            self.leave(finish=True)
        else:
            self.push_screen(QuitScreen(jobs.kind, jobs.trainer.outlives_us), self._answer_quit)

    def _answer_quit(self, answer: QuitAnswer | None) -> None:
        if answer is not None:
            self.leave(finish=answer == "finish")

    def leave(self, finish: bool) -> None:
        """Quit; a running job is finished in the background, or stopped and saved."""
        if self._jobs is not None:
            self._jobs.close(finish)
        self.exit()

    def on_unmount(self) -> None:
        """Leave the trainer, however the app ends: it waits for its threads."""
        if self._jobs is not None:
            self._jobs.close(finish=True)


def _collect_garbage_again() -> None:
    """Enable the garbage collector, disabled during startup, and exempt the objects created until now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
