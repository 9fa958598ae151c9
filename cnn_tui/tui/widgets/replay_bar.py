"""The position of a replay, its speed, and a bar to click at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cnn_tui.formatting import clock
from cnn_tui.tui.replay import Replay
from cnn_tui.tui.widgets.component_styles import LazyComponentStyles
from cnn_tui.tui.widgets.phase_bar import bar

_MARGIN = 1


@dataclass(frozen=True)
class ReplayView:
    """The content of the bar; times in seconds."""

    position: int
    duration: int
    speed: float
    state: str

    @classmethod
    def of(cls, replay: Replay) -> ReplayView:
        """Describe a replay."""
        state = "▶ Replay" if replay.playing else "■ Replay ended" if replay.ended else "‖ Paused"
        return cls(int(replay.position), int(replay.duration), replay.speed, state)

    @property
    def left(self) -> str:
        """The text before the bar."""
        return f"{self.state}  {clock(self.position, self.duration)} of {clock(self.duration, self.duration)}  "

    @property
    def right(self) -> str:
        """The text after the bar."""
        return f"  speed {self.speed:g}x"


class ReplayBar(LazyComponentStyles, Widget):
    """One line: the time played and the time in total, a bar, and the speed. A click on the bar seeks."""

    DEFAULT_CSS = """
    ReplayBar {
        width: 1fr;
        height: 1;
        .replay-bar--text { color: $text; text-style: bold; }
        .replay-bar--done { color: $success; }
        .replay-bar--rest { color: $surface-lighten-2; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"replay-bar--{part}" for part in ("text", "done", "rest")}

    view: reactive[ReplayView | None] = reactive(None)
    """The content of the bar, None before the events have been read."""

    class Clicked(Message):
        """A click on the bar, at a fraction of its length."""

        def __init__(self, fraction: float) -> None:
            super().__init__()
            self.fraction = fraction

    def render_line(self, y: int) -> Strip:
        """The texts and the bar between them."""
        if y or self.view is None:
            return Strip.blank(self.size.width, self.rich_style)
        done, rest = bar(self.view.position / max(1, self.view.duration), self._bar_width(self.view))
        text = self.get_component_rich_style("replay-bar--text")
        segments = [
            Segment(" " * _MARGIN + self.view.left, text),
            Segment(done, self.get_component_rich_style("replay-bar--done")),
            Segment(rest, self.get_component_rich_style("replay-bar--rest")),
            Segment(self.view.right, text),
        ]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def on_click(self, event: events.Click) -> None:
        """Seek to the position that was clicked."""
        if self.view is not None:
            x = event.x - _MARGIN - cell_len(self.view.left)
            if 0 <= x < self._bar_width(self.view):
                self.post_message(self.Clicked(x / max(1, self._bar_width(self.view) - 1)))

    def _bar_width(self, view: ReplayView) -> int:
        return max(0, self.size.width - 2 * _MARGIN - cell_len(view.left) - cell_len(view.right))
