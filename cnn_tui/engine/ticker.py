"""Something that is due at most so many times a second."""

from __future__ import annotations

import time


class Ticker:
    """Thins what would happen too often; the first time is always due."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._next = 0.0

    def due(self) -> bool:
        """Whether enough time has passed since this was last true."""
        now = time.perf_counter()
        if now < self._next:
            return False
        self._next = now + self._interval
        return True
