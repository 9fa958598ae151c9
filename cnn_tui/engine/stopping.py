"""How a run learns that the person wants it to stop."""

from __future__ import annotations

from collections.abc import Callable

ShouldStop = Callable[[], bool]
"""Asked often, so cheap to answer: True once the run is to stop."""


class Stopped(BaseException):
    """The person asked the run to stop.

    No failure, and so, like ``KeyboardInterrupt``, no ``Exception``: it passes by whatever handles those.
    """


def never() -> bool:
    """Go on to the end."""
    return False
