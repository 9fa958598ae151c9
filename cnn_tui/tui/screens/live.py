"""Live: the curves and progress of a run, with keys to pause, stop and kill it."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from cnn_tui.tui.job_state import JobState, can_control
from cnn_tui.tui.messages import KillRequested
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.dialogs import ConfirmScreen
from cnn_tui.tui.screens.job_screen import JobScreen
from cnn_tui.tui.screens.run_screen import CURVE_KEYS, RunScreen


class LiveScreen(RunScreen, JobScreen):
    """The current run of the job, or its last one, which can be controlled."""

    NO_RUN = f"No run yet\n\nPress {key_of('setup')} to choose a model and data, and ctrl+r there to start training."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause", tooltip="Pause: wait at the next batch"),
        Binding("p", "resume", "Resume", tooltip="Resume the paused run"),
        Binding("x", "stop", "Stop", tooltip="Stop: test and save the model trained so far"),
        Binding("k", "kill", "Kill", tooltip="Kill: end it now without testing or saving"),
        *CURVE_KEYS,
    ]

    def __init__(self) -> None:
        super().__init__()
        self._killing: ConfirmScreen | None = None

    def job_changed(self, job: JobState | None) -> None:
        """Withdraw the question whether to kill a run that has ended."""
        super().job_changed(job)
        if self.state is not None and self.state.stage == "ended" and self._killing is not None:
            self._killing.withdraw("The run has ended in the meantime: there is nothing to kill.")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the keys that control a run without one and once it has ended."""
        if action not in ("pause", "resume", "stop", "kill"):
            return super().check_action(action, parameters)
        return False if self.state is None else can_control(action, self.state.stage)

    @work(exclusive=True, group="dialog")
    async def action_kill(self) -> None:
        """Kill the run after confirmation."""
        question = (
            "Kill the run? It ends immediately, without being tested or saved. To stop, test and save it instead, "
            "cancel and press x."
        )
        self._killing = ConfirmScreen(question, "Kill")
        if await self.app.push_screen_wait(self._killing):
            self.post_message(KillRequested())
        self._killing = None
