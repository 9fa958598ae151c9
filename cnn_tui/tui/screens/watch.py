"""The Live screen of a viewer, which follows a run without controlling it."""

from __future__ import annotations

import os
import time
from typing import ClassVar

from textual.binding import BindingType

from cnn_tui.tui.job_state import RunState
from cnn_tui.tui.screens.run_screen import CURVE_KEYS, RunScreen
from cnn_tui.tui.training_hints import Hint

_SECONDS_WHILE_BUSY = 15.0


class WatchScreen(RunScreen):
    """Curves, figures, phases and log of a run in another process.

    A class that watches a run must not slow it down. While all processors are busy, which means that they train, the
    screen is repainted rarely.
    """

    TICK: ClassVar[float] = 3.0
    FIGURES_EVERY: ClassVar[float] = 3.0
    CURVES_EVERY: ClassVar[float] = 6.0
    MACHINE_EVERY: ClassVar[float] = 15.0

    NO_RUN = "Waiting for the first event of the run"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*CURVE_KEYS]

    def __init__(self) -> None:
        super().__init__()
        self._last_tick = 0.0

    def tick(self) -> None:
        """Show what is new, unless that would disturb the training."""
        now = time.monotonic()
        if now - self._last_tick >= _SECONDS_WHILE_BUSY or not is_machine_busy():
            self._last_tick = now
            super().tick()

    def remark(self, state: RunState) -> Hint | None:
        """Explain the rare repaints if there is nothing else to say."""
        other = super().remark(state)
        if other is None and state.active and is_machine_busy():
            text = f"All processors are busy: shown every {_SECONDS_WHILE_BUSY:.0f} seconds, not to slow down the run."
            return Hint(text, caution=False)
        return other


def is_machine_busy() -> bool:
    """Whether all processors were in use during the last minute; False where the system does not say."""
    if not hasattr(os, "getloadavg"):
        return False
    return os.getloadavg()[0] >= 0.9 * (os.cpu_count() or 1)
