"""What a form says about problems: by the titles of its fields, where presets and the command line use paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cnn_tui.config.fields import experiment_fields, field
from cnn_tui.config.validation_errors import FieldError
from cnn_tui.config.warnings import SettingWarning
from cnn_tui.formatting import printable


def reason(problem: FieldError) -> str:
    """What is allowed, without the value, which stands right above it."""
    return printable(problem.message.rpartition(" is not allowed: ")[2])


def wrong(problems: Sequence[FieldError]) -> Iterator[str]:
    """Which fields are to be corrected, then a line for each broken rule between fields."""
    titles = [field(problem.path).title for problem in problems if problem.path]
    if titles:
        yield f"✗ To correct: {', '.join(titles)}. f8 goes there."
    for problem in problems:
        if not problem.path:
            sentence = in_titles(problem.message)
            yield f"✗ {sentence[:1].upper()}{sentence[1:]}."


def remarks(notices: Sequence[SettingWarning], whole: int) -> Iterator[str]:
    """A line for each remark, those from number ``whole`` on without their details."""
    for number, notice in enumerate(notices):
        yield f"! {notice.title}." + (f" {in_titles(notice.detail)}" if number < whole else "")


def in_titles(text: str) -> str:
    """A sentence about fields with their titles in place of their dotted paths."""
    for spec in sorted(experiment_fields(), key=lambda spec: -len(spec.path)):
        text = text.replace(spec.path, f"“{spec.title}”")
    return printable(text)
