"""The screens of the workbench by the names of its modes.

All but the first are imported when they are first shown, because their imports would delay the first paint.
"""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from cnn_tui.tui.screens.setup import SetupScreen


def _with_styles(screen: Screen[Any]) -> Screen[Any]:
    """A screen, marked as up to date: it is styled as it is mounted, where Textual would style all others again."""
    screen._css_update_count = screen.app._css_update_count
    return screen


def _live() -> Screen[Any]:
    from cnn_tui.tui.screens.live import LiveScreen

    return _with_styles(LiveScreen())


def _results() -> Screen[Any]:
    from cnn_tui.tui.screens.results import ResultsScreen

    return _with_styles(ResultsScreen())


def _sessions() -> Screen[Any]:
    from cnn_tui.tui.screens.sessions import SessionsScreen

    return _with_styles(SessionsScreen())


def _studies() -> Screen[Any]:
    from cnn_tui.tui.screens.studies import StudiesScreen

    return _with_styles(StudiesScreen())


def _queue() -> Screen[Any]:
    from cnn_tui.tui.screens.queue import QueueScreen

    return _with_styles(QueueScreen())


MODES: dict[str, Any] = {
    "setup": SetupScreen,
    "live": _live,
    "results": _results,
    "sessions": _sessions,
    "studies": _studies,
    "queue": _queue,
}
