"""Leaving with the terminal: Textual handles neither signals nor a terminal that is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from textual.app import App

_CHECK_SECONDS = 2.0


def leave_with_terminal(app: App[None], leave: Callable[[], None]) -> None:
    """Call ``leave`` on SIGTERM, on SIGHUP and when standard input is no terminal any more."""
    if sys.platform == "win32" or app.is_headless:
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, leave)
    app.set_interval(_CHECK_SECONDS, lambda: _leave_without_terminal(leave))


def _leave_without_terminal(leave: Callable[[], None]) -> None:
    if not os.isatty(sys.__stdin__.fileno() if sys.__stdin__ else 0):
        leave()
