"""The form's own lines: rules between fields that are broken, and remarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from cnn_tui.config.validation_errors import FieldError
from cnn_tui.config.warnings import SettingWarning
from cnn_tui.tui.forms.wording import remarks, wrong

_PART_OF_SCREEN = 4


class FormLine(Widget):
    """Errors in red and remarks in the warning colour; takes no room while there are none.

    Where not all of it has room, the last remarks are told by their titles alone.
    """

    DEFAULT_CSS = """
    FormLine {
        height: auto;
        max-height: 25vh;
        display: none;
        border-top: solid $surface-lighten-2;
        &.-talks { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._problems: Sequence[FieldError] = ()
        self._notices: Sequence[SettingWarning] = ()

    def show(self, problems: Sequence[FieldError], notices: Sequence[SettingWarning]) -> None:
        """Say what is wrong and what should be known."""
        if (problems, notices) != (self._problems, self._notices):
            self._problems, self._notices = problems, notices
            self.set_class(bool(problems or notices), "-talks")
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The lines that the text takes."""
        return self._fitting(width).get_height({}, width)

    def render(self) -> Content:
        """What there is to say, as far as it has room."""
        return self._fitting(self.content_size.width)

    def _fitting(self, width: int) -> Content:
        """The longest form of the text that has room in so many cells."""
        lines = self.screen.size.height // _PART_OF_SCREEN - self.gutter.height
        forms = (self._text(whole) for whole in range(len(self._notices), 0, -1))
        return next((text for text in forms if text.get_height({}, width) <= lines), self._text(0))

    def _text(self, whole: int) -> Content:
        """All that there is to say, the remarks from number ``whole`` on by their titles alone."""
        return Content("\n").join(self._lines(whole))

    def _lines(self, whole: int) -> Iterator[Content]:
        for line in wrong(self._problems):
            yield Content.styled(line, "$text-error")
        for line in remarks(self._notices, whole):
            yield Content.styled(line, "$text-warning")
