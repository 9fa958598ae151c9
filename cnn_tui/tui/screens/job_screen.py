"""A base for screens that control the running job."""

from __future__ import annotations

from textual.screen import Screen

from cnn_tui.tui.messages import PauseRequested, StopRequested


class JobScreen(Screen[None]):
    """A screen with actions that stop, pause and resume the job."""

    def action_stop(self) -> None:
        """Stop the job; test and save its current runs."""
        self.post_message(StopRequested())

    def action_pause(self) -> None:
        """Pause the job."""
        self.post_message(PauseRequested())

    def action_resume(self) -> None:
        """Resume the job."""
        self.post_message(PauseRequested())
