"""The Live screen of a viewer, which follows a run without controlling it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from cnn_tui.tui.screens.run_screen import CURVE_KEYS, RunScreen


class WatchScreen(RunScreen):
    """Curves, figures, phases and log of a run in another process."""

    # A class that watches a run must not slow it down: twenty screens are painted by the processors that train.
    TICK: ClassVar[float] = 3.0
    FIGURES_EVERY: ClassVar[float] = 3.0
    CURVES_EVERY: ClassVar[float] = 9.0
    MACHINE_EVERY: ClassVar[float] = 9.0

    NO_RUN = "Waiting for the first event of the run"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*CURVE_KEYS]
