"""The form's own lines: rules between fields that are broken, and remarks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.widgets import Static

from cnn_tui.config.notices import Notice
from cnn_tui.config.problems import Problem
from cnn_tui.tui.forms.wording import remarks, wrong


class FormLine(Static):
    """Errors in red and remarks in the warning colour; takes no room while there are none."""

    DEFAULT_CSS = """
    FormLine {
        height: auto;
        max-height: 6;
        display: none;
        border-top: solid $surface-lighten-2;
        &.-talks { display: block; }
        .form-line--error { color: $text-error; }
        .form-line--warning { color: $text-warning; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"form-line--error", "form-line--warning"}

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._said = Text()

    def show(self, problems: Sequence[Problem], notices: Sequence[Notice]) -> None:
        """Say what is wrong and what should be known."""
        lines = [Text(line, self._style("error")) for line in wrong(problems)]
        lines += [Text(line, self._style("warning")) for line in remarks(notices)]
        said = Text("\n").join(lines)
        if said != self._said:
            self._said = said
            self.set_class(bool(lines), "-talks")
            self.update(said)

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"form-line--{part}", partial=True)
