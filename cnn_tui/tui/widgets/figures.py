"""A list of figures, each with a label.

By hand: it repaints only the lines that change, several times a second, where a ``Static`` would repaint all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cnn_tui.formatting import fit
from cnn_tui.tui.widgets.component_styles import LazyComponentStyles

Tone = Literal["plain", "good", "bad", "warning", "muted"]
_TONES: tuple[Tone, ...] = get_args(Tone)
_UNKNOWN = "–"


@dataclass(frozen=True)
class Figure:
    """A label and its value, None if unknown."""

    label: str
    value: str | None
    tone: Tone = "plain"


class Figures(LazyComponentStyles, Widget):
    """Labels on the left, values in a column beside the longest of them."""

    DEFAULT_CSS = """
    Figures {
        width: 1fr;
        height: auto;
        .figures--label { color: $text-muted; }
        .figures--plain { color: $text; text-style: bold; }
        .figures--good { color: $text-success; text-style: bold; }
        .figures--bad { color: $text-error; text-style: bold; }
        .figures--warning { color: $text-warning; text-style: bold; }
        .figures--muted { color: $text-muted; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"figures--{part}" for part in ("label", *_TONES)}

    figures: reactive[tuple[Figure, ...]] = reactive((), init=False, repaint=False)
    """The figures from top to bottom."""

    def watch_figures(self, before: tuple[Figure, ...], after: tuple[Figure, ...]) -> None:
        """Repaint the lines that differ, or all if labels differ, which determine the columns."""
        if [figure.label for figure in before] != [figure.label for figure in after]:
            self.refresh(layout=True)
            return
        changed = [y for y, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line per figure."""
        return len(self.figures)

    def render_line(self, y: int) -> Strip:
        """A label and its value."""
        width = self.size.width
        if y >= len(self.figures):
            return Strip.blank(width, self.rich_style)
        figure = self.figures[y]
        column = min(max(cell_len(line.label) for line in self.figures) + 2, max(1, width // 2))
        value, tone = (_UNKNOWN, "muted") if figure.value is None else (figure.value, figure.tone)
        return Strip(
            [
                Segment(fit(figure.label, column), self.get_component_rich_style("figures--label")),
                Segment(fit(value, width - column), self.get_component_rich_style(f"figures--{tone}")),
            ]
        )
