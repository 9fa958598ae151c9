"""The Results screen of the workbench."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from cnn_tui.config.job import Job
from cnn_tui.tui.messages import JobRequested, PresetRequested
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.session_results import SessionResultsScreen
from cnn_tui.tui.screens.sessions_rows import preset_of


class ResultsScreen(SessionResultsScreen):
    """The results of a session, which can be run again."""

    NO_RESULT = (
        f"No result yet.\n\nPress {key_of('setup')} for Setup and ctrl+r to train; "
        "the result opens here when it ends.\n"
        f"Or press {key_of('sessions')} for Sessions and enter to open an earlier one."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "rerun", "Rerun", tooltip="Train the session's experiment again"),
        Binding("o", "open_preset", "Preset", tooltip="Open the session's experiment in Setup"),
        Binding("p", "predict", "Predict", tooltip="Classify your own images with the session's network"),
    ]

    def action_rerun(self) -> None:
        """Train the session's experiment again."""
        if self.view is not None:
            self.post_message(JobRequested(Job(preset=preset_of(self.view.record))))

    def action_open_preset(self) -> None:
        """Open the session's experiment in Setup."""
        if self.view is not None:
            record = self.view.record
            self.post_message(PresetRequested(preset_of(record), f"session {record.id}"))

    def action_predict(self) -> None:
        """Classify images with the session's network."""
        from cnn_tui.tui.screens.predict import open_predict

        if self.view is not None:
            open_predict(self, self.view.folder)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a session there is nothing to run again or to predict with either."""
        if self.view is None and action in ("rerun", "open_preset", "predict"):
            return False
        return super().check_action(action, parameters)
