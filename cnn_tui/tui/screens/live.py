"""Live: watch a run learn, pause it, stop it."""

from __future__ import annotations

import asyncio
import time
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
from cnn_tui.store.names import printable
from cnn_tui.trainer.endings import LOG_NAME
from cnn_tui.tui.machine import Machine, MachineReading
from cnn_tui.tui.messages import KillRequested, PauseRequested, StopRequested
from cnn_tui.tui.run_state import RunState, can_steer
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.dialogs import ConfirmScreen
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.screens.live_curves import CurvesPane
from cnn_tui.tui.screens.live_figures import best_words, describe, machine_figures, remark, run_figures, trail
from cnn_tui.tui.screens.screen_size import size_classes
from cnn_tui.tui.widgets.figures import Figures
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.log_pane import LogPane
from cnn_tui.tui.widgets.phase_bar import PhaseBar
from cnn_tui.tui.widgets.title_bar import TitleBar

# How often things are repainted, in seconds: together they have to fit through a thin line (3 KB/s).
_TICK = 1.0
_FIGURES_EVERY = 1.0
_CURVES_EVERY = 2.5
_MACHINE_EVERY = 1.0

_NOTHING = f"No run yet\n\nPress {key_of('setup')} to choose what to train, and ctrl+r there to start it."
_RUN_ACTIONS = ("pause", "resume", "stop", "kill", "steps", "log_scale", "smooth", "log")
_WIDTHS = [(0, "-narrow"), (110, "-wide"), (160, "-roomy")]
_HEIGHTS = [(0, "-low"), (32, "-high")]


class LiveScreen(Screen[None]):
    """The run that goes on or was the last: its curves, its figures, its phases and its log."""

    CSS_PATH = "live.tcss"
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause", tooltip="Pause: wait at the next batch"),
        Binding("p", "resume", "Go on", tooltip="Go on after the pause"),
        Binding("x", "stop", "Stop", tooltip="Stop: test and save what it has learnt"),
        Binding("k", "kill", "Kill", tooltip="Kill: end it now, nothing is tested or saved"),
        Binding("b", "steps", "Steps/epochs", tooltip="A point for each step or each epoch"),
        Binding("g", "log_scale", "Scale", tooltip="The loss on a logarithmic scale"),
        Binding("s", "smooth", "Smooth", tooltip="Smooth the curves"),
        Binding("l", "log", "Log", tooltip="What the trainer printed, and warnings"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._state: RunState | None = None
        self._stage = ""
        self._stale = False
        self._looking = False
        self._killing: ConfirmScreen | None = None
        self._painted: dict[str, float] = {}
        self._machine = Machine()
        self._beats: tuple[Timer, ...] = ()

    def compose(self) -> ComposeResult:
        """Curves and figures above phases and words; or the word that there is no run."""
        self.add_class(*size_classes(self.app.size, _WIDTHS, _HEIGHTS))
        yield TitleBar("live", led=True)
        yield Static(_NOTHING, id="nothing", markup=False)
        with Vertical(id="run"):
            yield Static("", id="what", markup=False)
            with Horizontal(id="middle"):
                with Vertical(id="pictures"):
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
        """Follow the run, at the screen's own pace."""
        ticking = self.set_interval(_TICK, self._repaint)
        self._beats = (ticking, self.set_interval(_MACHINE_EVERY, self._look_around))
        self.watch(self.app, "run_state", self._follow)

    def on_screen_suspend(self) -> None:
        """Rest while nobody looks."""
        for timer in self._beats:
            timer.pause()

    def on_screen_resume(self) -> None:
        """Show what happened meanwhile."""
        for timer in self._beats:
            timer.resume()
        self._painted.clear()
        self._stale = True
        self._repaint()
        self._look_around()

    def _follow(self, state: RunState | None) -> None:
        """Note that there is news; at the turns of a run show it at once."""
        self._stale = True
        stage = state.stage if state else ""
        if state is not self._state or stage != self._stage:
            if state is not self._state:
                self.query_one(LogPane).follow(None)
            self._state, self._stage = state, stage
            self._painted.clear()
            self.refresh_bindings()
            self._repaint()
            if stage == "ended" and self._killing is not None:
                self._killing.withdraw("The run has ended by itself meanwhile: there is nothing to kill.")

    def _repaint(self) -> None:
        state = self._state
        self.set_class(state is not None, "-has-run")
        if state is None or not self.is_current or not (self._stale or state.going):
            return
        self._stale = False
        self._paint_words(state)
        if self._due("figures", _FIGURES_EVERY):
            self.query_one("#run-figures", Figures).figures = run_figures(state, time.time())
            self._say("#best", Content(best_words(state.history)))
        if self._due("curves", _CURVES_EVERY):
            self.query_one(CurvesPane).show(state.history, state.preset.experiment.training.epochs)
        self._paint_log(state)

    def _due(self, what: str, seconds: float) -> bool:
        """Whether something may be painted again; if not, it stays stale."""
        now = time.monotonic()
        if now - self._painted.get(what, -seconds) < seconds:
            self._stale = True
            return False
        self._painted[what] = now
        return True

    def _paint_words(self, state: RunState) -> None:
        history = state.history
        self._say("#what", Content.assemble((printable(state.preset.name), "bold"), f"  {describe(state.preset)}"))
        self._say("#trail", Content(trail(history)))
        # Together, or the two would show different moments of one phase.
        self.query_one(TitleBar).show(state)
        self.query_one(PhaseBar).show(state)
        said = remark(state)
        mark = "" if said is None else "! " if said.caution else "· "
        self._say("#remark", Content("" if said is None else mark + said.text))
        self.query_one("#remark").set_class(said is not None and said.caution, "-caution")
        self.set_class(history.error is not None, "-failed")
        self.set_class(not history.batches, "-curveless")
        if history.error is not None:
            self._say("#failure", error_content(history.error))

    def _say(self, selector: str, content: Content) -> None:
        """Repaint a text if it is another one than before."""
        static = self.query_one(selector, Static)
        if static.content != content:
            static.update(content)

    def _paint_log(self, state: RunState) -> None:
        pane, session = self.query_one(LogPane), state.history.session_id
        if session and pane.path is None:
            pane.follow(paths.sessions_folder() / session / LOG_NAME)
        pane.show_warnings(state.history.warnings)

    def _look_around(self) -> None:
        """Read the machine and the log, unless the last reading still takes its time."""
        if not self.is_current or self._state is None or self._looking:
            return
        self._looking = True
        self._read_and_show(self._state.history.environment)
        if self.has_class("-log"):
            self.query_one(LogPane).read_new()

    @work(group="machine")
    async def _read_and_show(self, environment: Environment | None) -> None:
        name = environment.device_name if environment else ""
        uses_gpu = environment is not None and environment.device.startswith("cuda")
        figures = self.query_one("#machine-figures", Figures)
        self._say("#machine-name", Content(printable(name) or "Machine"))
        try:
            reading = await asyncio.to_thread(self._read_machine, name if uses_gpu else "")
        finally:
            self._looking = False
        figures.figures = machine_figures(reading, uses_gpu)

    def _read_machine(self, gpu_name: str) -> MachineReading:
        if gpu_name != self._machine.gpu_name:
            self._machine.close()
            self._machine = Machine(gpu_name)
        return self._machine.read()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a run there is nothing to do here, and nothing to steer once it has ended."""
        if action not in _RUN_ACTIONS:
            return True
        return False if self._state is None else can_steer(action, self._state.stage)

    def action_pause(self) -> None:
        """Let the run wait."""
        self.post_message(PauseRequested())

    def action_resume(self) -> None:
        """Let the run go on."""
        self.post_message(PauseRequested())

    def action_stop(self) -> None:
        """Let the run end, be tested and saved."""
        self.post_message(StopRequested())

    @work(exclusive=True, group="dialog")
    async def action_kill(self) -> None:
        """End the run this instant, after asking."""
        question = (
            "Kill the run? It ends this instant: nothing of it is tested or saved. To stop it, test it and save it, "
            "cancel and press x."
        )
        self._killing = ConfirmScreen(question, "Kill it")
        if await self.app.push_screen_wait(self._killing):
            self.post_message(KillRequested())
        self._killing = None

    def action_steps(self) -> None:
        """Draw a point for each step, or for each epoch."""
        curves = self.query_one(CurvesPane)
        curves.per_step = not curves.shows_steps

    def action_log_scale(self) -> None:
        """Draw the loss on a logarithmic scale, or not."""
        curves = self.query_one(CurvesPane)
        curves.log_scale = not curves.log_scale

    def action_smooth(self) -> None:
        """Smooth the curves, or not."""
        curves = self.query_one(CurvesPane)
        curves.smooth = not curves.smooth

    def action_log(self) -> None:
        """Show or hide the log."""
        self.toggle_class("-log")
        if self.has_class("-log"):
            self.query_one(LogPane).read_new()
