"""Classes with their probabilities as bars."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from cnn_tui.formatting import fit, printable
from cnn_tui.tui.widgets.component_styles import LazyComponentStyles
from cnn_tui.tui.widgets.phase_bar import bar

_NUMBER_WIDTH = len("100.0 %")
_GAP = 2
_LEAST_BAR = 8
_PARTS = ("name", "first", "right", "number", "done", "rest")


class ProbabilityBars(LazyComponentStyles, Widget):
    """A line per class: name, probability, bar. The first class is bold, the right one marked, if it is known."""

    DEFAULT_CSS = """
    ProbabilityBars {
        width: 1fr;
        height: auto;
        .probability-bars--name { color: $text; }
        .probability-bars--first { color: $text; text-style: bold; }
        .probability-bars--right { color: $text-success; text-style: bold; }
        .probability-bars--number { color: $text-muted; }
        .probability-bars--done { color: $primary; }
        .probability-bars--rest { color: $surface-lighten-2; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"probability-bars--{part}" for part in _PARTS}

    top: reactive[tuple[tuple[str, float], ...]] = reactive((), init=False, layout=True)
    """The classes with their probabilities, the most probable first."""
    actual: reactive[str] = reactive("", init=False)
    """The right class, empty if it is unknown."""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line per class."""
        return len(self.top)

    def render_line(self, y: int) -> Strip:
        """A class with its probability and its bar."""
        if y >= len(self.top):
            return Strip.blank(self.size.width, self.rich_style)
        name, probability = self.top[y]
        width = name_width([self._label(other) for other, _ in self.top], self.size.width)
        done, rest = bar(probability, max(0, self.size.width - width - _NUMBER_WIDTH - 2 * _GAP))
        part = "right" if name == self.actual else "first" if y == 0 else "name"
        number = probability_text(probability).rjust(_NUMBER_WIDTH)
        segments = (
            Segment(fit(self._label(name), width) + " " * _GAP, self._part(part)),
            Segment(number + " " * _GAP, self._part("number")),
            Segment(done, self._part("done")),
            Segment(rest, self._part("rest")),
        )
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _label(self, name: str) -> str:
        return f"{name} ✓" if name == self.actual else name

    def _part(self, part: str) -> Style:
        return self.get_component_rich_style(f"probability-bars--{part}")


def probability_text(probability: float) -> str:
    """A probability in per cent, such as "98.7 %"."""
    return f"{probability * 100:.1f} %"


def name_width(names: list[str], width: int) -> int:
    """The cells for the names in a line of ``width`` cells, which leave space for a bar."""
    longest = max(cell_len(printable(name)) for name in names)
    return max(1, min(longest, width - _NUMBER_WIDTH - 2 * _GAP - _LEAST_BAR))
