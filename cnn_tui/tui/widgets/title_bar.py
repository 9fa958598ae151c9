"""The line at the top of every screen: the program, its screens and the state of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Resize
from textual.reactive import reactive
from textual.widgets import Static

from cnn_tui.tui.screen_keys import SCREENS, ModeName

if TYPE_CHECKING:
    from cnn_tui.tui.job_state import JobState, RunState

_PHASES = {"downloading": "downloading", "loading": "loading", "features": "computing features", "testing": "testing"}
_STATE_WIDTH = 31


class TitleBar(Horizontal):
    """Shows the current screen, switches to others by a click, and shows the state of the run.

    Args:
        mode: the screen that it belongs to.
        follows_job: whether it watches the job itself. If not, the screen calls :meth:`show`, because it shows progress
            too and both have to be updated at the same time.
    """

    DEFAULT_CSS = """
    TitleBar {
        height: 1;
        background: $panel;
        .title-bar--program { width: auto; padding: 0 1; color: $text-primary; text-style: bold; }
        .title-bar--state {
            width: 1fr;
            padding: 0 1;
            text-align: right;
            text-wrap: nowrap;
            text-overflow: ellipsis;
            color: $text-muted;
            &.-active { color: $text-warning; text-style: bold; }
        }
        &.-tight .title-bar--program { display: none; }
    }
    """
    state_text = reactive("", repaint=False)
    """The state of the run."""

    def __init__(self, mode: ModeName, *, follows_job: bool = True) -> None:
        super().__init__()
        self._mode = mode
        self._full_width = 0
        self.follows_job = follows_job
        self._shown = ""

    def compose(self) -> ComposeResult:
        """The program's name, a tab for each screen, and the state on the right."""
        program = str(self.app.TITLE)
        labels = {mode: f"{keys.key} {keys.title}" for mode, keys in SCREENS.items() if mode in self.app.MODES}
        self._full_width = sum(len(label) + 2 for label in (program, *labels.values())) + _STATE_WIDTH
        yield Static(program, classes="title-bar--program")
        for mode, label in labels.items():
            yield _Tab(mode, label, current=mode == self._mode)
        yield Static("", classes="title-bar--state")

    def on_mount(self) -> None:
        """Watch the job."""
        self.watch(self.app, "job", self._job_changed)

    def on_resize(self, event: Resize) -> None:
        """Hide the program's name if the state needs the space."""
        self.set_class(event.size.width < self._full_width, "-tight")
        self.call_after_refresh(self._update_text)

    def show(self, state: RunState | None) -> None:
        """Show the state of a run."""
        self.query_one(".title-bar--state").set_class(state is not None and state.active, "-active")
        self.state_text = run_text(state)

    def watch_state_text(self) -> None:
        """Update the label."""
        self._update_text()

    def _update_text(self) -> None:
        label = self.query_one(".title-bar--state", Static)
        width = label.content_size.width  # 0 before the first layout, which calls this again
        text = shortened(self.state_text, width) if width else self.state_text
        if text != self._shown:
            self._shown = text
            label.update(Content(text), layout=False)

    def _job_changed(self, job: JobState | None) -> None:
        if self.follows_job:
            self.show(job.run if job else None)


class _Tab(Static):
    """Switches to a screen by a click."""

    DEFAULT_CSS = """
    _Tab {
        width: auto;
        padding: 0 1;
        color: $text-muted;
        &:hover { background: $boost; color: $text; }
        &.-current { background: $primary; color: $text; text-style: bold; }
    }
    """

    def __init__(self, mode: ModeName, label: str, *, current: bool) -> None:
        super().__init__(label, classes="-current" if current else "")
        self._mode = mode

    def on_click(self) -> None:
        """Switch to the screen."""
        self.app.switch_mode(self._mode)


def run_text(state: RunState | None) -> str:
    """The state of a run, such as "training epoch 3/10 · 42 %", or "2/6 · epoch 3/10 · 42 %" in a study."""
    if state is None:
        return ""
    text = _stage_text(state)
    return f"{state.number} · {text}" if state.number and text else text


def shortened(text: str, width: int) -> str:
    """The state of a run in at most ``width`` cells if possible: without the verb, then without the percentage."""
    brief = text.replace("training ", "").replace("computing ", "")
    shorter = brief.rpartition(" · ")[0] or brief
    candidates = (text, brief, shorter, shorter.partition(" · ")[0])
    return next((candidate for candidate in candidates if cell_len(candidate) <= width), candidates[-1])


def _stage_text(state: RunState) -> str:
    match state.stage:
        case "ended":
            return _ended(state)
        case "starting" | "stopping":
            return f"{state.stage}…"
        case "paused":
            return f"paused · {_phase_text(state)}"
        case "running":
            return _phase_text(state)


def _ended(state: RunState) -> str:
    if state.status is None:
        return ""
    return state.status if state.number else f"last run {state.status}"


def _phase_text(state: RunState) -> str:
    phase = state.history.phase
    if phase is None:
        return "starting…"
    text = _epoch_text(state) if phase.name == "training" else _PHASES[phase.name]
    if state.number:
        text = text.removeprefix("training ").removeprefix("computing ")
    return text if phase.fraction is None else f"{text} · {phase.fraction * 100:.0f} %"


def _epoch_text(state: RunState) -> str:
    """The current epoch: that of the last reported step, or the one after the last finished epoch."""
    history, epochs = state.history, state.preset.experiment.training.epochs
    stepped = history.batches[-1].epoch if history.batches else 1
    ended = history.epochs[-1].epoch if history.epochs else 0
    return f"training epoch {min(epochs, max(stepped, ended + 1))}/{epochs}"
