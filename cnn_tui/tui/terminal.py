"""What Textual does not handle: signals, a closed terminal, and Alt with a digit."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.app import App

_CHECK_SECONDS = 2.0
_EXIT_SECONDS = 10.0  # an orderly exit takes much less


class _NamedKey(NamedTuple):
    """A key that Textual's table of keys lacks."""

    value: str


def read_alt_digits() -> None:
    """Read Escape and a digit as Alt with the digit.

    Textual reads them as the character that a Mac types with Option, such as "¡" for 1, which text fields would accept.
    """
    sequences = cast(dict[str, Any], ANSI_SEQUENCES_KEYS)
    sequences.update({f"\x1b{digit}": (_NamedKey(f"alt+{digit}"),) for digit in range(10)})


def leave_with_terminal(app: App[None], leave: Callable[[], None], is_dispensable: Callable[[], bool]) -> None:
    """Call ``leave`` on SIGTERM, on SIGHUP and when standard input is no longer a terminal, or a browser's pipe.

    Args:
        is_dispensable: whether no run needs this process; it then exits without a terminal even if Textual does not.
    """
    if sys.platform == "win32" or app.is_headless:
        return

    def hung_up() -> None:
        _redirect_output_to_null()
        if is_dispensable():
            timer = threading.Timer(_EXIT_SECONDS, os._exit, (0,))
            timer.daemon = True
            timer.start()
        leave()

    def check_terminal() -> None:
        descriptor = sys.__stdin__.fileno() if sys.__stdin__ else 0
        if _is_closed_pipe(descriptor) if app.is_web else not os.isatty(descriptor):
            hung_up()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, leave)
    loop.add_signal_handler(signal.SIGHUP, hung_up)
    app.set_interval(_CHECK_SECONDS, check_terminal)


def _is_closed_pipe(descriptor: int) -> bool:
    """Whether nothing can write to a pipe any longer; nothing is read."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))


def _redirect_output_to_null() -> None:
    """Writing to a closed terminal fails, and ends the thread that Textual's last output would wait for."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)
    os.close(null)
