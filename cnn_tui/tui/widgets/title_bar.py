"""The line at the top of every screen: the program, its screens and what the run is doing."""

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
    from cnn_tui.tui.run_state import RunState

_PHASES = {"downloading": "downloading", "loading": "loading", "features": "computing features", "testing": "testing"}
_ROOMY = 96


class TitleBar(Horizontal):
    """Shows where the person is and leads elsewhere by a click.

    Args:
        mode: the screen that it stands on.
        led: whether the screen tells it by :meth:`show` what the run is doing, because it shows progress itself and
            two figures of different moments would contradict each other; else it follows the run by itself.
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
            &.-going { color: $text-warning; text-style: bold; }
        }
        &.-tight .title-bar--program { display: none; }
    }
    """
    words = reactive("", repaint=False)
    """What the run is doing."""

    def __init__(self, mode: ModeName, *, led: bool = False) -> None:
        super().__init__()
        self._mode = mode
        self.led = led
        self._said = ""

    def compose(self) -> ComposeResult:
        """The program's name, a tab for each screen, the state at the right."""
        yield Static("cnn-tui", classes="title-bar--program")
        for mode, screen in SCREENS.items():
            yield _Tab(mode, f"{screen.key} {screen.title}", current=mode == self._mode)
        yield Static("", classes="title-bar--state")

    def on_mount(self) -> None:
        """Follow the run."""
        self.watch(self.app, "run_state", self._follow)

    def on_resize(self, event: Resize) -> None:
        """Leave the program's name out where the state needs the room."""
        self.set_class(event.size.width < _ROOMY, "-tight")
        self.call_after_refresh(self._say)

    def show(self, state: RunState | None) -> None:
        """Tell what a run is doing."""
        self.query_one(".title-bar--state").set_class(state is not None and state.going, "-going")
        self.words = run_words(state)

    def watch_words(self) -> None:
        """Say it."""
        self._say()

    def _say(self) -> None:
        said = self.query_one(".title-bar--state", Static)
        room = said.content_size.width  # nothing before the first layout, which says it again
        words = shortened(self.words, room) if room else self.words
        if words != self._said:
            self._said = words
            said.update(Content(words), layout=False)

    def _follow(self, state: RunState | None) -> None:
        if not self.led:
            self.show(state)


class _Tab(Static):
    """Leads to a screen by a click."""

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
        """Go there."""
        self.app.switch_mode(self._mode)


def run_words(state: RunState | None) -> str:
    """What a run is doing in a few words, such as "training epoch 3/10 · 42 %"; empty before the first.

    One of a study's is told shorter, such as "2/6 · epoch 3/10 · 42 %".
    """
    if state is None:
        return ""
    words = _stage_words(state)
    return f"{state.part} · {words}" if state.part and words else words


def shortened(words: str, room: int) -> str:
    """What a run is doing in at most ``room`` cells as far as that can be: first the verb goes, then the percentage."""
    brief = words.replace("training ", "").replace("computing ", "")
    candidates = (words, brief, brief.rpartition(" · ")[0] or brief)
    return next((said for said in candidates if cell_len(said) <= room), candidates[-1])


def _stage_words(state: RunState) -> str:
    match state.stage:
        case "ended":
            return _ended(state)
        case "starting" | "stopping":
            return f"{state.stage}…"
        case "paused":
            return f"paused · {_doing(state)}"
        case "running":
            return _doing(state)


def _ended(state: RunState) -> str:
    if state.status is None:
        return ""
    return state.status if state.part else f"last run {state.status}"


def _doing(state: RunState) -> str:
    phase = state.history.phase
    if phase is None:
        return "starting…"
    words = _epoch(state) if phase.name == "training" else _PHASES[phase.name]
    if state.part:
        words = words.removeprefix("training ").removeprefix("computing ")
    return words if phase.fraction is None else f"{words} · {phase.fraction * 100:.0f} %"


def _epoch(state: RunState) -> str:
    """The epoch that training is in: that of the last step told, or the one after the last that ended."""
    history, epochs = state.history, state.preset.experiment.training.epochs
    stepped = history.batches[-1].epoch if history.batches else 1
    ended = history.epochs[-1].epoch if history.epochs else 0
    return f"training epoch {min(epochs, max(stepped, ended + 1))}/{epochs}"
