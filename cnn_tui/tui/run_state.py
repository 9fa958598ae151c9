"""The run that the workbench follows, folded from what the trainer says. No widget and no I/O in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from cnn_tui.config.preset import RunPreset
from cnn_tui.events import ErrorReport, RunFinished
from cnn_tui.history import RunHistory
from cnn_tui.store.records import Status
from cnn_tui.trainer import protocol
from cnn_tui.trainer.endings import tells_of_kill

Stage = Literal["starting", "running", "paused", "stopping", "ended"]


def can_steer(action: str, stage: Stage) -> bool | None:
    """Whether a job in this stage can be paused, resumed, stopped or killed.

    As ``check_action`` has it: None is for what is shown but cannot be done now, False for what is not shown. Other
    actions are always possible.
    """
    match action:
        case "pause":
            return False if stage == "paused" else stage == "running" or None
        case "resume":
            return stage == "paused"
        case "stop" | "kill":
            return stage != "ended" or None
        case _:
            return True


@dataclass
class RunState:
    """One run from its request to its end; ``part`` says which of a study's runs it is, as in "2/6"; empty for none."""

    preset: RunPreset
    history: RunHistory = field(default_factory=RunHistory)
    stage: Stage = "starting"
    part: str = ""

    @property
    def shown(self) -> RunState:
        """The run to look at."""
        return self

    @property
    def error(self) -> ErrorReport | None:
        """Why it failed, if it did."""
        return self.history.error

    @property
    def killed(self) -> bool:
        """Whether a person ended it in the middle; it tells that as a failure."""
        return tells_of_kill(self.error)

    @property
    def status(self) -> Status | None:
        """How it ended, None before that."""
        finished = self.history.finished
        return None if finished is None else "killed" if self.killed else finished.status

    @property
    def going(self) -> bool:
        """Whether the run has not come to its end."""
        return self.stage != "ended"

    def stop(self) -> None:
        """Note that a person wants its end."""
        self.stage = "stopping"

    def apply(self, said: protocol.Message) -> None:
        """Take in what the trainer said about this run."""
        match said:
            case protocol.RunEvent():
                self.history.apply(said.event)
                if isinstance(said.event, RunFinished):
                    self.stage = "ended"
                elif self.stage == "starting":
                    self.stage = "running"
            case protocol.Paused() if self.stage in ("running", "paused"):
                self.stage = "paused" if said.paused else "running"
            case protocol.Refused() if self.stage == "starting":
                self.stage = "ended"
            case protocol.Idle() | protocol.Lost():
                self.stage = "ended"
            case _:
                pass
