"""Failures as a person reads them on a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.dom import DOMNode

from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import printable

if TYPE_CHECKING:
    from cnn_tui.events import ErrorReport


def safe_lines(text: str) -> str:
    """A text that may have several lines, in which nothing can steer a terminal."""
    return "\n".join(printable(line) for line in text.splitlines())


def error_content(error: CnnTuiError | ErrorReport) -> Content:
    """What happened, why, and what to do next, each a paragraph."""
    parts = [Content.styled(safe_lines(error.title), "bold $text-error"), Content(safe_lines(error.detail))]
    if error.hint:
        parts.append(Content.styled(safe_lines(error.hint), "$foreground-muted"))
    return Content("\n\n").join(part for part in parts if part.plain)


def notify_error(node: DOMNode, error: CnnTuiError) -> None:
    """Tell of a failure in a corner of the screen."""
    text = "\n".join(part for part in (error.detail, error.hint) if part)
    node.app.notify(safe_lines(text), title=printable(error.title), severity="error", timeout=10, markup=False)
