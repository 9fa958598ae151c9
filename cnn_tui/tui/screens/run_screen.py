"""The curves and progress of a run, without keys that control it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from cnn_tui import paths
from cnn_tui.events import Environment
from cnn_tui.formatting import printable
from cnn_tui.trainer.crash_report import LOG_NAME
from cnn_tui.tui.job_state import JobState, RunState
from cnn_tui.tui.machine import Machine, MachineReading
from cnn_tui.tui.screens.errors import error_content
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
from cnn_tui.tui.training_hints import Hint
from cnn_tui.tui.widgets.figures import Figures
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.log_pane import LogPane
from cnn_tui.tui.widgets.phase_bar import PhaseBar
from cnn_tui.tui.widgets.title_bar import TitleBar

CURVE_KEYS: list[BindingType] = [
    Binding("b", "steps", "Steps/epochs", tooltip="Plot a point for each step or each epoch"),
    Binding("g", "log_scale", "Scale", tooltip="Plot the loss on a logarithmic scale"),
    Binding("s", "smooth", "Smooth", tooltip="Smooth the curves"),
    Binding("l", "log", "Log", tooltip="Show warnings and the trainer's output"),
]
"""The keys of every such screen; its own come first in the footer."""
_RUN_ACTIONS = ("steps", "log_scale", "smooth", "log")
_WIDTHS = [(0, "-narrow"), (110, "-wide"), (160, "-roomy")]
_HEIGHTS = [(0, "-low"), (32, "-high")]


class RunScreen(Screen[None]):
    """The current run of the job, or its last one: curves, figures, phases and log."""

    NO_RUN: ClassVar[str]
    """Shown while there is none."""

    # Seconds between repaints, chosen so that all of them together fit through a slow connection (3 KB/s).
    TICK: ClassVar[float] = 1.0
    FIGURES_EVERY: ClassVar[float] = 1.0
    CURVES_EVERY: ClassVar[float] = 2.5
    MACHINE_EVERY: ClassVar[float] = 1.0

    CSS_PATH = "run_screen.tcss"
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(self) -> None:
        super().__init__()
        self.state: RunState | None = None
        self._shown_stage = ""
        self._stale = False
        self._reading = False
        self._painted: dict[str, float] = {}
        self._machine = Machine()
        self._repaint_timers: tuple[Timer, ...] = ()

    def compose(self) -> ComposeResult:
        """Curves and figures above the phases, or a hint if there is no run."""
        self.add_class(*size_classes(self.app.size, _WIDTHS, _HEIGHTS))
        yield TitleBar("live", follows_job=False)
        yield Static(self.NO_RUN, id="no-run", markup=False)
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
        ticking = self.set_interval(self.TICK, self.tick)
        self._repaint_timers = (ticking, self.set_interval(self.MACHINE_EVERY, self._update_machine))
        self.watch(self.app, "job", self.job_changed)

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

    def job_changed(self, job: JobState | None) -> None:
        """Repaint at the next tick; immediately if the run or its stage has changed."""
        self._stale = True
        state, before = job.run if job else None, self.state
        self.state = state
        same_run = state is not None and before is not None and state.history is before.history
        stage = state.stage if state else ""
        if not same_run or stage != self._shown_stage:
            if not same_run:
                self.query_one(LogPane).follow(None)
            self._shown_stage = stage
            self._painted.clear()
            self.refresh_bindings()
            self._repaint()

    def tick(self) -> None:
        """Show what is new."""
        self._repaint()

    def _repaint(self) -> None:
        state = self.state
        self.set_class(state is not None, "-has-run")
        if state is None or not self.is_current or not (self._stale or state.active):
            return
        self._stale = False
        self._paint_text(state)
        if self._due("figures", self.FIGURES_EVERY):
            self.query_one("#run-figures", Figures).figures = run_figures(state, self.now(state))
            self.set_text("#best", Content(best_epoch_text(state.history)))
        if self._due("curves", self.CURVES_EVERY):
            self.query_one(CurvesPane).show(state.history, state.preset.experiment.training.epochs)
        self._paint_log(state)

    def now(self, state: RunState) -> float:
        """The time up to which the run is shown, in seconds since the epoch."""
        return time.time()

    def remark(self, state: RunState) -> Hint | None:
        """The line below the curves."""
        return remark(state, self.silence(state))

    def silence(self, state: RunState) -> float:
        """The time since the run's process has reported something, in seconds."""
        return time.monotonic() - state.reported

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
        self.set_text("#title", Content.assemble((printable(state.preset.name), "bold"), f"  {describe(state.preset)}"))
        self.set_text("#trail", Content(phase_trail(history)))
        # At the same time, or the two would show different progress of the same phase.
        self.query_one(TitleBar).show(state)
        self.query_one(PhaseBar).show(state)
        note = self.remark(state)
        mark = "" if note is None else "! " if note.caution else "· "
        self.set_text("#remark", Content("" if note is None else mark + note.text))
        self.query_one("#remark").set_class(note is not None and note.caution, "-caution")
        self.set_class(history.error is not None, "-failed")
        self.set_class(not history.batches, "-curveless")
        if history.error is not None:
            self.set_text("#failure", error_content(history.error))

    def set_text(self, selector: str, text: Content | str) -> None:
        """Update a text, which is never markup, if it has changed."""
        content = Content(text) if isinstance(text, str) else text
        static = self.query_one(selector, Static)
        if static.content != content:
            static.update(content)

    def _paint_log(self, state: RunState) -> None:
        pane, session = self.query_one(LogPane), state.history.session_id
        if session and pane.path is None and (path := self.log_path(session)) is not None:
            pane.follow(path)
        pane.show_warnings(state.history.warnings)

    def log_path(self, session_id: str) -> Path | None:
        """The output of the run's process, None to show only warnings."""
        return paths.sessions_folder() / session_id / LOG_NAME

    def _update_machine(self) -> None:
        """Show the machine and what is new in the log."""
        if not self.is_current or self.state is None:
            return
        self.show_machine(self.state.history.environment)
        if self.has_class("-log"):
            self.query_one(LogPane).read_new()

    def show_machine(self, environment: Environment | None) -> None:
        """Show the load of the machine, unless the last reading is still in progress."""
        if not self._reading:
            self._reading = True
            self._read_and_show(environment)

    @work(group="machine")
    async def _read_and_show(self, environment: Environment | None) -> None:
        name = environment.device_name if environment else ""
        uses_gpu = environment is not None and environment.device.startswith("cuda")
        figures = self.query_one("#machine-figures", Figures)
        self.set_text("#machine-name", Content(printable(name) or "Machine"))
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
        """Disable the keys without a run."""
        return self.state is not None or action not in _RUN_ACTIONS

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
