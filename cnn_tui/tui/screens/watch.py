"""The Live screen of a viewer, which follows a run without controlling it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from cnn_tui.tui.screens.run_screen import CURVE_KEYS, RunScreen


class WatchScreen(RunScreen):
    """Curves, figures, phases and log of a run in another process."""

    NO_RUN = "Waiting for the first event of the run"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*CURVE_KEYS]
