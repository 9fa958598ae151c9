"""The time limit of a run."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cnn_tui.engine.control import ShouldStop
from cnn_tui.events import WarningRaised


class TimeLimit:
    """Stops a run when its time is over. It counts from the creation of this object, pauses included.

    Attributes:
        reached: whether the limit, and not the user, has stopped the run.
    """

    def __init__(self, minutes: float | None, asked_to_stop: ShouldStop) -> None:
        self._minutes = minutes
        self._end = None if minutes is None else time.perf_counter() + 60 * minutes
        self._asked_to_stop = asked_to_stop
        self._reported = False
        self.reached = False

    def should_stop(self) -> bool:
        """Whether the user or the limit ends the run."""
        return self._asked_to_stop() or not self.allows(0.0)

    def allows(self, seconds: float) -> bool:
        """Whether something that takes this long would end before the limit; if not, the limit is reached."""
        self.reached = self.reached or (self._end is not None and time.perf_counter() + seconds > self._end)
        return not self.reached

    def warnings(self, done: str, hint: str) -> Iterator[WarningRaised]:
        """The warning that the limit was reached, unless it was not, or this was called before.

        Args:
            done: what the run has achieved, as a clause.
            hint: the next step.
        """
        if self.reached and not self._reported:
            self._reported = True
            detail = f"training.max_minutes is {self._minutes:g}, and {done}."
            yield WarningRaised(title="The time limit is reached", detail=detail, hint=hint)
