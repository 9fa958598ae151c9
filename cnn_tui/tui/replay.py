"""The playback of a run from its events. No widgets and no I/O here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from cnn_tui.events import Event
from cnn_tui.store.event_tail import NOTHING_NEW, NewEvents

_SPEEDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0)
SLOWEST, FASTEST = _SPEEDS[0], _SPEEDS[-1]


class Replay:
    """Plays events at a multiple of the speed at which they happened.

    Every event has its time. Where the clock of the machine was set back meanwhile, two events coincide.

    Attributes:
        position: the seconds of the run that have been played.
        duration: the seconds between its first and its last event.
    """

    def __init__(self, events: Sequence[Event], speed: float = 1.0) -> None:
        """Play from the start."""
        self.position = 0.0
        self.speed = speed
        self._events = tuple(events)
        self._times = [0.0] * min(1, len(events))
        for earlier, later in pairwise(events):
            self._times.append(self._times[-1] + max(0.0, later.time - earlier.time))
        self.duration = self._times[-1] if self._times else 0.0
        self._played = 0
        self._playing = True

    @property
    def playing(self) -> bool:
        """Whether time passes."""
        return self._playing and not self.ended

    @property
    def ended(self) -> bool:
        """Whether all events have been played."""
        return self._played == len(self._events)

    def advance(self, seconds: float) -> NewEvents:
        """The events of the next ``seconds`` of the user's time; none during a pause."""
        if not self.playing:
            return NOTHING_NEW
        start, self.position = self._played, min(self.duration, self.position + seconds * self.speed)
        self._played = bisect_right(self._times, self.position)
        return NewEvents(self._events[start : self._played], restarted=start == 0)

    def seek(self, position: float) -> NewEvents:
        """All events up to a position."""
        self.position = min(self.duration, max(0.0, position))
        self._played = bisect_right(self._times, self.position)
        return NewEvents(self._events[: self._played], restarted=True)

    def pause(self) -> None:
        """Let no time pass."""
        self._playing = False

    def play(self) -> NewEvents:
        """Play on; after the end, from the start."""
        self._playing = True
        return self.seek(0.0) if self.ended else NOTHING_NEW

    def change_speed(self, by: int) -> None:
        """Play at the next higher (1) or lower (-1) of some round speeds."""
        if by > 0:
            self.speed = next((speed for speed in _SPEEDS if speed > self.speed), FASTEST)
        else:
            self.speed = next((speed for speed in reversed(_SPEEDS) if speed < self.speed), SLOWEST)
