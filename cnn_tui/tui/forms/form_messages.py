"""The messages of a form: its errors and warnings, with field titles where presets and commands use dotted paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from cnn_tui.config.fields import experiment_fields, field
from cnn_tui.config.validation_errors import FieldError
from cnn_tui.config.warnings import SettingWarning
from cnn_tui.formatting import pluralize, printable

_SCREEN_FRACTION = 4
_NOT_ALLOWED = " is not allowed: "


class FormMessages(Widget):
    """Errors and warnings below a form, hidden while there are none.

    The last warnings lose their details where the text would take more than a quarter of the screen.
    """

    DEFAULT_CSS = """
    FormMessages {
        height: auto;
        max-height: 25vh;
        display: none;
        border-top: solid $surface-lighten-2;
        &.-visible { display: block; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._errors: Sequence[FieldError] = ()
        self._warnings: Sequence[SettingWarning] = ()

    def show(self, errors: Sequence[FieldError], warnings: Sequence[SettingWarning]) -> None:
        """Replace the messages."""
        if (errors, warnings) != (self._errors, self._warnings):
            self._errors, self._warnings = errors, warnings
            self.set_class(bool(errors or warnings), "-visible")
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The number of lines of the text."""
        return self._fitting(width).get_height({}, width)

    def render(self) -> Content:
        """The text, shortened to fit."""
        return self._fitting(self.content_size.width)

    def _fitting(self, width: int) -> Content:
        max_lines = self.screen.size.height // _SCREEN_FRACTION - self.gutter.height
        texts = (self._text(detailed) for detailed in range(len(self._warnings), 0, -1))
        return next((text for text in texts if text.get_height({}, width) <= max_lines), self._text(0))

    def _text(self, detailed: int) -> Content:
        """All messages, with details for the first ``detailed`` warnings."""
        errors = [Content.styled(line, "$text-error") for line in error_lines(self._errors)]
        warnings = [Content.styled(line, "$text-warning") for line in warning_lines(self._warnings, detailed)]
        return Content("\n").join(errors + warnings)


def allowed_values(error: FieldError) -> str:
    """The part of an error that says what is allowed, without the value, which the field shows."""
    return printable(error.message.rpartition(_NOT_ALLOWED)[2])


def error_lines(errors: Sequence[FieldError]) -> Iterator[str]:
    """One line for all invalid fields, then one for each broken rule between fields."""
    titles = [field(error.path).title for error in errors if error.path]
    if titles:
        yield f"✗ {pluralize(len(titles), 'error')}: {', '.join(titles)} (press f8)"
    for error in errors:
        if not error.path:
            sentence = with_titles(error.message)
            yield f"✗ {sentence[:1].upper()}{sentence[1:]}."


def warning_lines(warnings: Sequence[SettingWarning], detailed: int) -> Iterator[str]:
    """One line for each warning, with details for the first ``detailed``."""
    for index, warning in enumerate(warnings):
        yield f"! {warning.title}." + (f" {with_titles(warning.detail)}" if index < detailed else "")


def study_error_text(error: FieldError) -> str:
    """An error of a study as one short sentence: the wrong value and what is allowed."""
    _, cannot_be, reason = error.message.partition(" cannot be used: ")
    if not cannot_be:
        return with_titles(error.message.removeprefix("values: ").removeprefix("second_values: "))
    reason = reason.partition("; ")[0] if _NOT_ALLOWED in reason else reason
    path, _, rest = reason.partition(": ")
    return rest if path in {spec.path for spec in experiment_fields()} else with_titles(reason)


def with_titles(text: str) -> str:
    """A printable text with the titles of fields in place of their dotted paths."""
    for spec in sorted(experiment_fields(), key=lambda spec: -len(spec.path)):
        text = text.replace(spec.path, f"“{spec.title}”")
    return printable(text)
