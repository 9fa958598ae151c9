"""What Textual leaves to us of the terminal: signals, a terminal that is gone, and Alt with a digit."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.app import App

_CHECK_SECONDS = 2.0
_LAST_SECONDS = 10.0  # long after an orderly end


class _NamedKey(NamedTuple):
    """A key that Textual's own table of keys lacks."""

    value: str


def read_alt_digits() -> None:
    """Take Escape and a digit for Alt with the digit.

    Textual takes them for what a Mac types with Option, "¡" for 1, which a text field would take in.
    """
    sequences = cast(dict[str, Any], ANSI_SEQUENCES_KEYS)
    sequences.update({f"\x1b{digit}": (_NamedKey(f"alt+{digit}"),) for digit in range(10)})


def leave_with_terminal(app: App[None], leave: Callable[[], None], dispensable: Callable[[], bool]) -> None:
    """Call ``leave`` on SIGTERM, on SIGHUP and when standard input is no terminal any more.

    Args:
        dispensable: whether no run needs this process; without a terminal it then ends even if Textual does not.
    """
    if sys.platform == "win32" or app.is_headless:
        return

    def hung_up() -> None:
        _write_nowhere()
        if dispensable():
            last = threading.Timer(_LAST_SECONDS, os._exit, (0,))
            last.daemon = True
            last.start()
        leave()

    def check() -> None:
        if not os.isatty(sys.__stdin__.fileno() if sys.__stdin__ else 0):
            hung_up()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, leave)
    loop.add_signal_handler(signal.SIGHUP, hung_up)
    app.set_interval(_CHECK_SECONDS, check)


def _write_nowhere() -> None:
    """A write to a terminal that is gone fails, and ends the thread that Textual's last words would wait for."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
