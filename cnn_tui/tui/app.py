"""The workbench: it wires screens, trainer and sessions together, and decides nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from cnn_tui.tui.messages import (
    CompareRequested,
    KillRequested,
    PauseRequested,
    PresetEdited,
    PresetRequested,
    RunRequested,
    SessionRequested,
    StopRequested,
    StudyDrafted,
    StudyRequested,
    TrainerSaid,
)
from cnn_tui.tui.modes import MODES
from cnn_tui.tui.screen_keys import SCREENS
from cnn_tui.tui.screens.screen_size import TooSmallScreen, is_too_small
from cnn_tui.tui.screens.setup import SetupScreen
from cnn_tui.tui.state import WorkbenchState
from cnn_tui.tui.terminal import leave_with_terminal, read_alt_digits

if TYPE_CHECKING:
    from pathlib import Path

    from textual.command import Provider

    from cnn_tui.config.preset import RunPreset
    from cnn_tui.trainer.protocol import Trainer
    from cnn_tui.tui.job_desk import JobDesk
    from cnn_tui.tui.screens.quit import QuitAnswer

_LONGEST_PAINT = 1.0


def _action_commands() -> type[Provider]:
    from cnn_tui.tui.palette import ActionCommands

    return ActionCommands


def _other_commands() -> type[Provider]:
    from cnn_tui.tui.palette import OtherCommands

    return OtherCommands


class Workbench(WorkbenchState):
    """A terminal workbench for training convolutional networks."""

    TITLE = "cnn-tui"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, Any]] = MODES
    DEFAULT_MODE = "setup"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_action_commands, _other_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(screen.all_keys, f"switch_mode('{mode}')", screen.title, show=False)
            for mode, screen in SCREENS.items()
        ),
        Binding("f1,question_mark", "help", "Help", key_display="f1", tooltip="The keys of this screen"),
        Binding("ctrl+q", "quit", "Quit", priority=True, tooltip="Leave; a run can go on without the workbench"),
    ]

    def __init__(
        self,
        make_trainer: Callable[[], Trainer],
        preset: RunPreset | None = None,
        start: bool = False,
        path: Path | None = None,
    ) -> None:
        """Open with ``preset``, of the file ``path``, in the form and, if ``start``, train it at once."""
        super().__init__()
        self._make_trainer = make_trainer
        self._first_preset = preset
        self._first_path = path
        self._start_at_once = start
        self._desk: JobDesk | None = None

    async def on_ready(self) -> None:
        """Load what takes long, behind the first picture; keys pressed meanwhile wait for it in the queue.

        The trainer comes last, so that it loads while the person fills in the form.
        """
        await self._painted()
        from cnn_tui.tui.job_desk import JobDesk

        for screen in self.screen_stack:
            if isinstance(screen, SetupScreen):
                await screen.load_form(self._first_preset, self._first_path)
        self._desk = JobDesk(self, self._make_trainer())
        self._desk.trainer.start()
        self._follow_trainer(self._desk.trainer)
        self.screen_change_signal.subscribe(self, self._screen_changed)
        if self._start_at_once and self._first_preset is not None:
            self.post_message(RunRequested(self._first_preset))
        _collect_garbage_again()

    async def _painted(self) -> None:
        """Wait for the first whole picture: the footer is filled after one refresh and seen after the next."""
        painted = asyncio.Event()
        self.screen.call_after_refresh(self.screen.call_after_refresh, painted.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(painted.wait(), _LONGEST_PAINT)

    def on_mount(self) -> None:
        """Leave cleanly if the terminal goes, and take its keys for what they are."""
        read_alt_digits()
        leave_with_terminal(
            self, lambda: self.leave(finish=True), lambda: self._desk is None or self._desk.trainer.outlives_us
        )

    def on_resize(self, event: events.Resize) -> None:
        """Cover what would be cut off and repaint what was, once the new size is known to all."""
        self.call_later(self._fit_terminal)

    def _fit_terminal(self) -> None:
        if is_too_small(self.size) and not isinstance(self.screen, TooSmallScreen):
            self.push_screen(TooSmallScreen())
        elif self._desk is not None and self.screen.outer_size == self.size:
            # The terminal went through other sizes and back before anybody looked: no layout will paint it anew,
            # but it has forgotten what was outside of them.
            self.screen.refresh()

    @work(thread=True, exit_on_error=False, group="trainer")
    def _follow_trainer(self, trainer: Trainer) -> None:
        for said in trainer.messages():
            self.post_message(TrainerSaid(said))

    def _screen_changed(self, screen: Screen[Any]) -> None:
        """A dialog may have been closed that kept a job from leading on to what it came to."""
        self.call_later(self._jobs.lead_on)

    @property
    def _jobs(self) -> JobDesk:
        """Where jobs are asked for; nothing can ask before it is there."""
        assert self._desk is not None
        return self._desk

    def on_trainer_said(self, message: TrainerSaid) -> None:
        """Take it in."""
        self._jobs.hear(message.said)

    def on_run_requested(self, message: RunRequested) -> None:
        """Start a run."""
        self._jobs.run(message.preset)

    def on_study_requested(self, message: StudyRequested) -> None:
        """Start a study."""
        self._jobs.study(message.study, message.fresh)

    def on_stop_requested(self, message: StopRequested) -> None:
        """Stop the run or study."""
        self._jobs.stop()

    def on_pause_requested(self, message: PauseRequested) -> None:
        """Pause the run or study, or let it go on."""
        self._jobs.pause()

    def on_kill_requested(self, message: KillRequested) -> None:
        """End the trainer."""
        self._jobs.kill()

    def on_study_drafted(self, message: StudyDrafted) -> None:
        """Open a study of this preset in Studies."""
        self.drafted_study = message
        self.switch_mode("studies")

    def on_preset_requested(self, message: PresetRequested) -> None:
        """Open a preset in Setup."""
        self.preset_in_setup = (message.preset, message.source, message.path)
        self.switch_mode("setup")

    def on_preset_edited(self, message: PresetEdited) -> None:
        """Keep it for a study of it."""
        self.edited_preset = message.preset or self.edited_preset

    def on_session_requested(self, message: SessionRequested) -> None:
        """Open a session's results."""
        self.shown_session = message.session_id
        self.switch_mode("results")

    def on_compare_requested(self, message: CompareRequested) -> None:
        """Open sessions side by side."""
        from cnn_tui.tui.screens.compare import CompareScreen

        self.push_screen(CompareScreen(message.session_ids))

    def action_command_palette(self) -> None:
        """Offer every command; but a dialog is answered first, and its keys are its own."""
        if not isinstance(self.screen, ModalScreen):
            super().action_command_palette()

    def action_help(self) -> None:
        """Show the keys of the present screen."""
        from cnn_tui.tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))

    async def action_quit(self) -> None:
        """Leave; while training, ask what becomes of the run. Asked again, leave at once."""
        from cnn_tui.tui.screens.quit import QuitScreen

        desk = self._desk
        asked = any(isinstance(screen, QuitScreen) for screen in self.screen_stack)
        if desk is None or not desk.trainer.busy or asked:
            self.leave(finish=True)
        else:
            self.push_screen(QuitScreen(desk.what, desk.trainer.outlives_us), self._answer_quit)

    def _answer_quit(self, answer: QuitAnswer | None) -> None:
        if answer is not None:
            self.leave(finish=answer == "finish")

    def leave(self, finish: bool) -> None:
        """End the workbench; a run that is going on is finished behind it, or stopped and saved."""
        if self._desk is not None:
            self._desk.close(finish)
        self.exit()


def _collect_garbage_again() -> None:
    """Let the collector loose if it was held back during the start, and spare it what was made until now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
