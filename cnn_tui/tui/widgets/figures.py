"""A short list of figures: what is measured and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cnn_tui.formatting import fit

Tone = Literal["plain", "good", "bad", "warning", "muted"]
_TONES: tuple[Tone, ...] = ("plain", "good", "bad", "warning", "muted")
_UNKNOWN = "–"


@dataclass(frozen=True)
class Figure:
    """One line: a label and its value, None where it is not known."""

    label: str
    value: str | None
    tone: Tone = "plain"


class Figures(Widget):
    """Labels on the left, values in one column beside the longest of them."""

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
    """The lines from top to bottom."""

    def watch_figures(self, before: tuple[Figure, ...], after: tuple[Figure, ...]) -> None:
        """Repaint the lines that differ, and all of them where labels changed, which decide on the columns."""
        if [figure.label for figure in before] != [figure.label for figure in after]:
            self.refresh(layout=True)
            return
        changed = [y for y, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line for each figure."""
        return len(self.figures)

    def render_line(self, y: int) -> Strip:
        """A label and its value."""
        width = self.size.width
        if y >= len(self.figures):
            return Strip.blank(width, self.rich_style)
        figure = self.figures[y]
        column = min(max(cell_len(line.label) for line in self.figures) + 2, max(1, width // 2))
        tone = "muted" if figure.value is None else figure.tone
        return Strip(
            [
                Segment(fit(figure.label, column), self.get_component_rich_style("figures--label")),
                Segment(
                    fit(_UNKNOWN if figure.value is None else figure.value, width - column),
                    self.get_component_rich_style(f"figures--{tone}"),
                ),
            ]
        )
