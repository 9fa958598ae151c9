"""Errors as the screens show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.dom import DOMNode

from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import printable

if TYPE_CHECKING:
    from cnn_tui.events import ErrorReport


def printable_lines(text: str) -> str:
    """A text of several lines without escape sequences."""
    return "\n".join(printable(line) for line in text.splitlines())


def error_content(error: CnnTuiError | ErrorReport) -> Content:
    """The title, detail and hint of an error, each a paragraph."""
    parts = [Content.styled(printable_lines(error.title), "bold $text-error"), Content(printable_lines(error.detail))]
    if error.hint:
        parts.append(Content.styled(printable_lines(error.hint), "$foreground-muted"))
    return Content("\n\n").join(part for part in parts if part.plain)


def notify_error(node: DOMNode, error: CnnTuiError) -> None:
    """Show an error as a notification."""
    text = "\n".join(part for part in (error.detail, error.hint) if part)
    title = printable(error.title)
    node.app.notify(printable_lines(text), title=title, severity="error", timeout=10, markup=False)
