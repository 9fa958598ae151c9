"""The current phase of the run: progress, speed and time left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cnn_tui.formatting import duration, fit, pluralize, printable, progress_text, quantity, shorten
from cnn_tui.history import PhaseRecord, RunHistory
from cnn_tui.tui.job_state import RunState
from cnn_tui.tui.widgets.component_styles import LazyComponentStyles

_TITLES = {
    "downloading": "Downloading",
    "loading": "Loading",
    "features": "Computing features",
    "training": "Training",
    "testing": "Testing",
}


@dataclass(frozen=True)
class PhaseView:
    """The content of the bar; ``fraction`` is None if unknown."""

    title: str
    detail: str = ""
    fraction: float | None = None
    progress: str = ""
    left: str = ""


def phase_view(state: RunState) -> PhaseView:
    """The content for the current phase of a run, or for its end."""
    history = state.history
    if state.status is not None:
        return PhaseView(state.status.title(), _warnings(history), 1.0 if state.status == "done" else None)
    phase = history.phase
    if phase is None:
        return PhaseView("Starting", left="time left: unknown yet")
    left = history.seconds_left()
    estimate = "unknown yet" if left is None else f"about {duration(left)}"
    detail = " · ".join(text for text in (phase.detail, _warnings(history)) if text)
    return PhaseView(_TITLES[phase.name], detail, phase.fraction, _progress(phase), f"time left: {estimate}")


def _warnings(history: RunHistory) -> str:
    """The number of warnings and the last one, empty if there are none."""
    if not history.warnings:
        return ""
    return f"{pluralize(len(history.warnings), 'warning')} in the log: {printable(history.warnings[-1].title)}"


def _progress(phase: PhaseRecord) -> str:
    progress = phase.progress
    if progress is None:
        return ""
    if progress.total is None:
        text = quantity(progress.done, progress.unit)
    else:
        text = progress_text(progress.done, progress.total, progress.unit)
    return text if progress.rate is None else f"{text}, {quantity(progress.rate, progress.unit)}/s"


class PhaseBar(LazyComponentStyles, Widget):
    """Two lines: the phase with its figures, and a bar with the time left."""

    DEFAULT_CSS = """
    PhaseBar {
        width: 1fr;
        height: 2;
        .phase-bar--title { color: $text; text-style: bold; }
        .phase-bar--text { color: $text-muted; }
        .phase-bar--done { color: $primary; }
        .phase-bar--rest { color: $surface-lighten-2; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"phase-bar--{part}" for part in ("title", "text", "done", "rest")}

    view: reactive[PhaseView] = reactive(PhaseView("Waiting"))
    """The content of the bar."""

    def show(self, state: RunState) -> None:
        """Show the progress of a run; repaints only if it has changed."""
        self.view = phase_view(state)

    def render_line(self, y: int) -> Strip:
        """The text, or the bar below it."""
        segments = self._text() if y == 0 else self._bar() if y == 1 else []
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _text(self) -> list[Segment]:
        view, width = self.view, self.size.width
        title = shorten(view.title, width)
        figures = shorten(view.progress, max(0, width - len(title) - 2))
        detail = f"  {view.detail}" if view.detail else ""
        space = width - len(title) - len(figures) - 2
        return [
            Segment(title, self.get_component_rich_style("phase-bar--title")),
            Segment(fit(detail, max(0, space)) + "  ", self.get_component_rich_style("phase-bar--text")),
            Segment(figures, self.get_component_rich_style("phase-bar--text")),
        ]

    def _bar(self) -> list[Segment]:
        view, width = self.view, self.size.width
        percent = "" if view.fraction is None else f" {view.fraction:4.0%}"
        text = f"{percent}  {view.left}" if view.left else percent
        length = max(0, width - len(text))
        done, rest = bar(view.fraction or 0.0, length)
        return [
            Segment(done, self.get_component_rich_style("phase-bar--done")),
            Segment(rest, self.get_component_rich_style("phase-bar--rest")),
            Segment(text[:width], self.get_component_rich_style("phase-bar--text")),
        ]


def bar(fraction: float, length: int) -> tuple[str, str]:
    """The filled and the empty part of a bar of ``length`` cells, to half a cell; distinct without colour too."""
    halves = round(min(1.0, max(0.0, fraction)) * length * 2)
    done = "━" * (halves // 2) + "╸" * (halves % 2)
    return done, "─" * (length - len(done))
