"""How a run is stopped and paused, and small tools for the generators of events that runs are made of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

_Y = TypeVar("_Y")
_R = TypeVar("_R")

ShouldStop = Callable[[], bool]
"""Returns True once the run is to stop; called at every batch, so it has to be cheap."""


class Stopped(BaseException):
    """The user asked the run to stop.

    Like ``KeyboardInterrupt`` it derives from ``BaseException``: a stop is no failure, and code that handles an
    ``Exception`` (an unreadable file, a failed write) must not swallow it.
    """


def never() -> bool:
    """A :data:`ShouldStop` for runs that are never stopped."""
    return False


class Control:
    """Stops, pauses and resumes a run from another thread or from a signal handler."""

    def __init__(self) -> None:
        self._stops = 0
        self._running = threading.Event()
        self._running.set()

    def stop(self) -> None:
        """Stop at the next batch, then test and save; a second call skips the test as well."""
        self._stops += 1
        self.resume()

    def pause(self) -> None:
        """Block the run at its next batch."""
        if not self._stops:
            self._running.clear()

    def resume(self) -> None:
        """Continue after a pause."""
        # Event.set takes a lock. A signal handler that interrupts its holder would deadlock, so skip it if not paused.
        if not self._running.is_set():
            self._running.set()

    @property
    def paused(self) -> bool:
        """Whether the run is paused, or will be at its next batch."""
        return not self._running.is_set()

    @property
    def stopping(self) -> bool:
        """Whether a stop was requested."""
        return self._stops > 0

    def should_stop(self) -> bool:
        """Whether a stop was requested; blocks while the run is paused."""
        if not self._running.is_set():
            self._running.wait()
        return self._stops > 0

    def should_abandon(self) -> bool:
        """Whether a stopped run should skip its final test."""
        return self._stops > 1


class RateLimiter:
    """Limits how often something happens; the first call of :meth:`due` is always True."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._next = 0.0

    def due(self) -> bool:
        """Whether enough time has passed since this last returned True."""
        now = time.perf_counter()
        if now < self._next:
            return False
        self._next = now + self._interval
        return True


class WithResult(Generic[_Y, _R]):
    """Iterates over a generator and keeps its return value, which a ``for`` loop would drop, as ``value``."""

    value: _R

    def __init__(self, generator: Generator[_Y, None, _R]) -> None:
        self._generator = generator

    def __iter__(self) -> Iterator[_Y]:
        self.value = yield from self._generator
