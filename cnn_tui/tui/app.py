"""The workbench: it wires screens, trainer and sessions together, and decides nothing else."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.reactive import var
from textual.screen import Screen

from cnn_tui.config.preset import RunPreset
from cnn_tui.events import ErrorReport, RunFinished, StudyFinished
from cnn_tui.store.names import printable
from cnn_tui.trainer import protocol
from cnn_tui.tui.messages import (
    KillRequested,
    PauseRequested,
    PresetRequested,
    RunRequested,
    SessionRequested,
    StopRequested,
    StudyDrafted,
    StudyRequested,
    TrainerSaid,
)
from cnn_tui.tui.modes import MODES
from cnn_tui.tui.run_state import RunState
from cnn_tui.tui.screens.errors import safe_lines
from cnn_tui.tui.screens.help import HelpScreen
from cnn_tui.tui.screens.quit import QuitAnswer, QuitScreen
from cnn_tui.tui.screens.setup import SetupScreen
from cnn_tui.tui.screens.too_small import TooSmallScreen, is_too_small
from cnn_tui.tui.study_state import StudyState
from cnn_tui.tui.terminal import leave_with_terminal


class Workbench(App[None]):
    """A terminal workbench for training convolutional networks."""

    TITLE = "cnn-tui"
    CSS_PATH = "app.tcss"
    MODES: ClassVar[dict[str, Any]] = MODES
    DEFAULT_MODE = "setup"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "switch_mode('setup')", "Setup", show=False),
        Binding("2", "switch_mode('live')", "Live", show=False),
        Binding("3", "switch_mode('results')", "Results", show=False),
        Binding("4", "switch_mode('sessions')", "Sessions", show=False),
        Binding("5", "switch_mode('studies')", "Studies", show=False),
        Binding("f1,question_mark", "help", "Help", key_display="F1"),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    run_state: var[RunState | None] = var(None)
    """The run that is going on or was the last; mutated, so watchers are called after each of its events."""
    study_state: var[StudyState | None] = var(None)
    """The study that is going on or was the last, likewise; ``run_state`` is then the run of it to look at."""
    busy: var[bool] = var(False)
    """Whether a run or a study is going on, also between two runs of a study."""
    drafted_study: var[StudyDrafted | None] = var(None)
    """What Studies was last asked to open."""
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
        self._job: RunState | StudyState | None = None

    def get_default_screen(self) -> Screen[Any]:
        """Setup is the first screen, in the place of an empty one."""
        return SetupScreen()

    def on_mount(self) -> None:
        """Show Setup; the trainer is started behind the first picture, so that it loads while the person types."""
        if self._first_preset is not None:
            self.preset_in_setup = (self._first_preset, self._first_preset.name)
        self.call_after_refresh(self._start_trainer)
        leave_with_terminal(self, lambda: self.leave(finish=True))

    def on_resize(self, event: events.Resize) -> None:
        """Cover what would be cut off and repaint what was, once the new size is known to all."""
        self.call_later(self._fit_terminal)

    def _fit_terminal(self) -> None:
        if is_too_small(self.size) and not isinstance(self.screen, TooSmallScreen):
            self.push_screen(TooSmallScreen())
        elif self.screen.outer_size == self.size:
            # The terminal went through other sizes and back before anybody looked: no layout will paint it anew,
            # but it has forgotten what was outside of them.
            self.screen.refresh()

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
        if (job := self._job) is not None:
            job.apply(said)
            self._show_change(job)
        match said:
            case protocol.Idle():
                self.busy = False
            case protocol.Refused():
                self.notify(printable(said.reason), title="Not now", severity="warning", markup=False)
            case protocol.Lost() if job is None or job.error != said.error:
                self._tell(said.error)
            case protocol.RunEvent(event=RunFinished() as finished):
                self._show_end(finished)
            case protocol.StudySaid(event=StudyFinished() as finished):
                self._show_study_end(finished)
            case _:
                pass

    def _show_change(self, job: RunState | StudyState) -> None:
        """Tell the screens that something happened in the run, or in the study and its run to look at."""
        if isinstance(job, StudyState):
            self.mutate_reactive(Workbench.study_state)
        if self.run_state is job.shown:
            self.mutate_reactive(Workbench.run_state)
        else:
            self.run_state = job.shown

    def _show_end(self, finished: RunFinished) -> None:
        if self.run_state is None:
            return
        if finished.result is not None:
            self.shown_session = self.run_state.history.session_id
            if self.current_mode == "live":
                self.switch_mode("results")
        elif finished.error is not None and self.current_mode != "live":
            self._tell(finished.error)

    def _show_study_end(self, finished: StudyFinished) -> None:
        """Say it where it cannot be seen; only who watches the training is led to the table."""
        if finished.error is not None:
            self._tell(finished.error)
        elif self.current_mode not in ("live", "studies") and self.study_state is not None:
            name = printable(self.study_state.study.name)
            self.notify(f"{name}. Press 5 for its table.", title=f"Study {finished.status}", markup=False)
        if self.current_mode == "live":
            self.switch_mode("studies")

    def _tell(self, error: ErrorReport) -> None:
        text = "\n".join(part for part in (error.detail, error.hint) if part)
        self.notify(safe_lines(text), title=printable(error.title), severity="error", markup=False, timeout=15)

    def on_run_requested(self, message: RunRequested) -> None:
        """Start a run, unless something is going on."""
        if self._refused():
            return
        self.busy = True
        self.run_state = self._job = RunState(message.preset)
        self.trainer.submit(message.preset)
        self.switch_mode("live")

    def on_study_requested(self, message: StudyRequested) -> None:
        """Start a study, unless something is going on."""
        if self._refused():
            return
        self.busy = True
        self.study_state = self._job = StudyState(message.study)
        self.run_state = self._job.shown
        self.trainer.submit_study(message.study, fresh=message.fresh)

    def _refused(self) -> bool:
        if self.trainer.busy:
            title = f"A {self._what} is going on"
            words = "Stop it with x, or wait for its end."
            self.notify(words, title=title, severity="warning", markup=False)
        return self.trainer.busy

    @property
    def _what(self) -> str:
        """What is going on, in a word."""
        return "study" if isinstance(self._job, StudyState) else "run"

    def on_stop_requested(self, message: StopRequested) -> None:
        """Stop the run or study."""
        if (job := self._job) is not None and job.going:
            job.stop()
            self._show_change(job)
            self.trainer.stop()

    def on_pause_requested(self, message: PauseRequested) -> None:
        """Pause the run or study, or let it go on."""
        if (job := self._job) is not None and job.stage == "paused":
            self.trainer.resume()
        elif job is not None and job.stage == "running":
            self.trainer.pause()

    def on_kill_requested(self, message: KillRequested) -> None:
        """End the trainer."""
        if (job := self._job) is not None and job.going:
            self.trainer.kill()

    def on_study_drafted(self, message: StudyDrafted) -> None:
        """Open a study of this preset in Studies."""
        self.drafted_study = message
        self.switch_mode("studies")

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
            self.push_screen(QuitScreen(self._what, self.trainer.outlives_us), self._answer_quit)

    def _answer_quit(self, answer: QuitAnswer | None) -> None:
        if answer == "finish":
            self.leave(finish=True)
        elif answer == "stop":
            self.leave(finish=False)

    def leave(self, finish: bool) -> None:
        """End the workbench; a run that is going on is finished behind it, or stopped and saved."""
        self.trainer.close(finish)
        self.exit()
