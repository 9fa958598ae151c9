"""Live: the curves and progress of a run, with keys to pause, stop and kill it."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from cnn_tui import paths
from cnn_tui.events import Environment
from cnn_tui.formatting import printable
from cnn_tui.trainer.crash_report import LOG_NAME
from cnn_tui.tui.job_state import JobState, RunState, can_control
from cnn_tui.tui.machine import Machine, MachineReading
from cnn_tui.tui.messages import KillRequested
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.dialogs import ConfirmScreen
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.screens.job_screen import JobScreen
from cnn_tui.tui.screens.live_curves import CurvesPane
from cnn_tui.tui.screens.live_figures import (
    best_epoch_text,
    describe,
    machine_figures,
    phase_trail,
    remark,
    run_figures,
)
from cnn_tui.tui.screens.screen_size import size_classes
from cnn_tui.tui.widgets.figures import Figures
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.log_pane import LogPane
from cnn_tui.tui.widgets.phase_bar import PhaseBar
from cnn_tui.tui.widgets.title_bar import TitleBar

# Seconds between repaints, chosen so that all of them together fit through a slow connection (3 KB/s).
_TICK = 1.0
_FIGURES_EVERY = 1.0
_CURVES_EVERY = 2.5
_MACHINE_EVERY = 1.0

_NO_RUN = f"No run yet\n\nPress {key_of('setup')} to choose a model and data, and ctrl+r there to start training."
_RUN_ACTIONS = ("pause", "resume", "stop", "kill", "steps", "log_scale", "smooth", "log")
_WIDTHS = [(0, "-narrow"), (110, "-wide"), (160, "-roomy")]
_HEIGHTS = [(0, "-low"), (32, "-high")]


class LiveScreen(JobScreen):
    """The current run of the job, or its last one: curves, figures, phases and log."""

    CSS_PATH = "live.tcss"
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause", tooltip="Pause: wait at the next batch"),
        Binding("p", "resume", "Resume", tooltip="Resume the paused run"),
        Binding("x", "stop", "Stop", tooltip="Stop: test and save the model trained so far"),
        Binding("k", "kill", "Kill", tooltip="Kill: end it now without testing or saving"),
        Binding("b", "steps", "Steps/epochs", tooltip="Plot a point for each step or each epoch"),
        Binding("g", "log_scale", "Scale", tooltip="Plot the loss on a logarithmic scale"),
        Binding("s", "smooth", "Smooth", tooltip="Smooth the curves"),
        Binding("l", "log", "Log", tooltip="Show warnings and the trainer's output"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._state: RunState | None = None
        self._stage = ""
        self._stale = False
        self._reading = False
        self._killing: ConfirmScreen | None = None
        self._painted: dict[str, float] = {}
        self._machine = Machine()
        self._repaint_timers: tuple[Timer, ...] = ()

    def compose(self) -> ComposeResult:
        """Curves and figures above the phases, or a hint if there is no run."""
        self.add_class(*size_classes(self.app.size, _WIDTHS, _HEIGHTS))
        yield TitleBar("live", follows_job=False)
        yield Static(_NO_RUN, id="no-run", markup=False)
        with Vertical(id="run"):
            yield Static("", id="title", markup=False)
            with Horizontal(id="middle"):
                with Vertical(id="charts"):
                    yield Static("", id="failure", markup=False)
                    yield CurvesPane()
                    yield LogPane()
                with VerticalScroll(id="figures", can_focus=False):
                    yield Static("Run", classes="heading")
                    yield Figures(id="run-figures")
                    yield Static("", id="best", markup=False)
                    yield Static("Machine", classes="heading", id="machine-name", markup=False)
                    yield Figures(id="machine-figures")
            yield Static("", id="remark", markup=False)
            yield Static("", id="trail", markup=False)
            yield PhaseBar()
        yield KeyFooter()

    def on_mount(self) -> None:
        """Watch the job and start the repaint timers."""
        ticking = self.set_interval(_TICK, self._repaint)
        self._repaint_timers = (ticking, self.set_interval(_MACHINE_EVERY, self._update_machine))
        self.watch(self.app, "job", self._job_changed)

    def on_screen_suspend(self) -> None:
        """Stop repainting while another screen is shown."""
        for timer in self._repaint_timers:
            timer.pause()

    def on_screen_resume(self) -> None:
        """Show the changes since the screen was left."""
        for timer in self._repaint_timers:
            timer.resume()
        self._painted.clear()
        self._stale = True
        self._repaint()
        self._update_machine()

    def _job_changed(self, job: JobState | None) -> None:
        """Repaint at the next tick; immediately if the run or its stage has changed."""
        self._stale = True
        state, before = job.run if job else None, self._state
        self._state = state
        same_run = state is not None and before is not None and state.history is before.history
        stage = state.stage if state else ""
        if not same_run or stage != self._stage:
            if not same_run:
                self.query_one(LogPane).follow(None)
            self._stage = stage
            self._painted.clear()
            self.refresh_bindings()
            self._repaint()
            if stage == "ended" and self._killing is not None:
                self._killing.withdraw("The run has ended in the meantime: there is nothing to kill.")

    def _repaint(self) -> None:
        state = self._state
        self.set_class(state is not None, "-has-run")
        if state is None or not self.is_current or not (self._stale or state.active):
            return
        self._stale = False
        self._paint_text(state)
        if self._due("figures", _FIGURES_EVERY):
            self.query_one("#run-figures", Figures).figures = run_figures(state, time.time())
            self._set_text("#best", Content(best_epoch_text(state.history)))
        if self._due("curves", _CURVES_EVERY):
            self.query_one(CurvesPane).show(state.history, state.preset.experiment.training.epochs)
        self._paint_log(state)

    def _due(self, part: str, seconds: float) -> bool:
        """Whether enough time has passed to repaint a part; if not, it stays stale."""
        now = time.monotonic()
        if now - self._painted.get(part, -seconds) < seconds:
            self._stale = True
            return False
        self._painted[part] = now
        return True

    def _paint_text(self, state: RunState) -> None:
        history = state.history
        self._set_text(
            "#title", Content.assemble((printable(state.preset.name), "bold"), f"  {describe(state.preset)}")
        )
        self._set_text("#trail", Content(phase_trail(history)))
        # At the same time, or the two would show different progress of the same phase.
        self.query_one(TitleBar).show(state)
        self.query_one(PhaseBar).show(state)
        note = remark(state)
        mark = "" if note is None else "! " if note.caution else "· "
        self._set_text("#remark", Content("" if note is None else mark + note.text))
        self.query_one("#remark").set_class(note is not None and note.caution, "-caution")
        self.set_class(history.error is not None, "-failed")
        self.set_class(not history.batches, "-curveless")
        if history.error is not None:
            self._set_text("#failure", error_content(history.error))

    def _set_text(self, selector: str, content: Content) -> None:
        """Update a text if it has changed."""
        static = self.query_one(selector, Static)
        if static.content != content:
            static.update(content)

    def _paint_log(self, state: RunState) -> None:
        pane, session = self.query_one(LogPane), state.history.session_id
        if session and pane.path is None:
            pane.follow(paths.sessions_folder() / session / LOG_NAME)
        pane.show_warnings(state.history.warnings)

    def _update_machine(self) -> None:
        """Read the machine's load and the log, unless the last reading is still in progress."""
        if not self.is_current or self._state is None or self._reading:
            return
        self._reading = True
        self._read_and_show(self._state.history.environment)
        if self.has_class("-log"):
            self.query_one(LogPane).read_new()

    @work(group="machine")
    async def _read_and_show(self, environment: Environment | None) -> None:
        name = environment.device_name if environment else ""
        uses_gpu = environment is not None and environment.device.startswith("cuda")
        figures = self.query_one("#machine-figures", Figures)
        self._set_text("#machine-name", Content(printable(name) or "Machine"))
        try:
            reading = await asyncio.to_thread(self._read_machine, name if uses_gpu else "")
        finally:
            self._reading = False
        figures.figures = machine_figures(reading, uses_gpu)

    def _read_machine(self, gpu_name: str) -> MachineReading:
        if gpu_name != self._machine.gpu_name:
            self._machine.close()
            self._machine = Machine(gpu_name)
        return self._machine.read()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the keys without a run, and those that control it once it has ended."""
        if action not in _RUN_ACTIONS:
            return True
        return False if self._state is None else can_control(action, self._state.stage)

    @work(exclusive=True, group="dialog")
    async def action_kill(self) -> None:
        """Kill the run after confirmation."""
        question = (
            "Kill the run? It ends immediately, without being tested or saved. To stop, test and save it instead, "
            "cancel and press x."
        )
        self._killing = ConfirmScreen(question, "Kill")
        if await self.app.push_screen_wait(self._killing):
            self.post_message(KillRequested())
        self._killing = None

    def action_steps(self) -> None:
        """Plot a point for each step, or for each epoch."""
        curves = self.query_one(CurvesPane)
        curves.per_step = not curves.shows_steps

    def action_log_scale(self) -> None:
        """Toggle the logarithmic scale of the loss."""
        curves = self.query_one(CurvesPane)
        curves.log_scale = not curves.log_scale

    def action_smooth(self) -> None:
        """Toggle smoothing of the curves."""
        curves = self.query_one(CurvesPane)
        curves.smooth = not curves.smooth

    def action_log(self) -> None:
        """Show or hide the log."""
        self.toggle_class("-log")
        if self.has_class("-log"):
            self.query_one(LogPane).read_new()
