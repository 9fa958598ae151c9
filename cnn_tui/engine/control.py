"""How a run is steered from another thread, or from a signal."""

from __future__ import annotations

import threading


class Control:
    """What a run asks at every batch: go on, wait, or stop."""

    def __init__(self) -> None:
        self._stops = 0
        self._going = threading.Event()
        self._going.set()

    def stop(self) -> None:
        """Stop at the next batch, then test and save; asked a second time, leave the test out."""
        self._stops += 1
        self.resume()

    def pause(self) -> None:
        """Wait at the next batch."""
        if not self._stops:
            self._going.clear()

    def resume(self) -> None:
        """Go on after a pause."""
        # Without a pause no lock is taken, so that a signal handler may ask for a stop at any moment.
        if not self._going.is_set():
            self._going.set()

    @property
    def paused(self) -> bool:
        """Whether the run waits or will at its next batch."""
        return not self._going.is_set()

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stops > 0

    def should_stop(self) -> bool:
        """Whether to stop here; returns only once the run is not paused."""
        if not self._going.is_set():
            self._going.wait()
        return self._stops > 0

    def should_abandon(self) -> bool:
        """Whether a stopped run shall not even be tested."""
        return self._stops > 1
