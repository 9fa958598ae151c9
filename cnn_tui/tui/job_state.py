"""The job that the workbench shows, updated from the trainer's messages. No widgets and no I/O here."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import ErrorReport, JobWaiting
from cnn_tui.history import JobHistory, RunHistory
from cnn_tui.store.records import Status
from cnn_tui.trainer import protocol
from cnn_tui.trainer.crash_report import is_kill

Stage = Literal["starting", "running", "paused", "stopping", "ended"]


def can_control(action: str, stage: Stage) -> bool | None:
    """Whether a job in this stage can be paused, resumed, stopped or killed; other actions are always possible.

    Returns a value for Textual's ``check_action``: None disables the key, False hides it.
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


@dataclass(frozen=True)
class RunState:
    """One run of a job; ``number`` is its number in a study, such as "2/6", and empty for a single run.

    ``waiting`` is set while the job waits for another one; ``reported`` is the time of the last message, by the
    monotonic clock in seconds.
    """

    preset: RunPreset
    history: RunHistory
    stage: Stage
    number: str = ""
    waiting: JobWaiting | None = None
    reported: float = 0.0

    @property
    def error(self) -> ErrorReport | None:
        """Why the run failed, None if it did not."""
        return self.history.error

    @property
    def status(self) -> Status | None:
        """How the run ended, None before that."""
        finished = self.history.finished
        return None if finished is None else "killed" if is_kill(self.error) else finished.status

    @property
    def active(self) -> bool:
        """Whether the run has not ended."""
        return self.stage != "ended"


@dataclass
class JobState:
    """A job from the request to its end."""

    job: Job
    stage: Stage = "starting"
    history: JobHistory = field(init=False)
    reported: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.history = JobHistory(self.job)

    @property
    def active(self) -> bool:
        """Whether the job has not ended."""
        return self.stage != "ended"

    @property
    def error(self) -> ErrorReport | None:
        """Why the job as a whole broke off, None if it did not."""
        return self.history.finished.error if self.history.finished else None

    @property
    def run(self) -> RunState:
        """The run to show: of those running the one that started last, else the one that ended last."""
        return self._run(self.history.current, self.history.current_run)

    @property
    def running(self) -> dict[int, RunState]:
        """The started, unfinished runs by index."""
        return {index: self._run(index, history) for index, history in self.history.running.items()}

    @property
    def milestone(self) -> tuple[object, ...]:
        """A value that changes whenever a run starts or ends, or the job changes its stage."""
        return self.stage, tuple(self.history.running), len(self.history.ended)

    def stop(self) -> None:
        """Record that the user asked to stop the job."""
        self.stage = "stopping"

    def apply(self, message: protocol.Message) -> None:
        """Update the state with a message of the trainer."""
        self.reported = time.monotonic()
        match message:
            case protocol.JobUpdate(event=event):
                self.history.apply(event)
                if self.history.finished is not None:
                    self.stage = "ended"
                elif self.stage == "starting":
                    self.stage = "running"
            case protocol.Paused() if self.stage in ("running", "paused"):
                self.stage = "paused" if message.paused else "running"
            case protocol.Refused() if self.stage == "starting":
                self.stage = "ended"
            case protocol.Idle() | protocol.Lost():
                self.stage = "ended"
            case _:
                pass

    def _run(self, index: int, history: RunHistory) -> RunState:
        stage = self.stage
        if history.finished is not None:
            stage = "ended"
        elif stage == "running" and history.updated is None:
            stage = "starting"
        runs = self.job.runs
        number = f"{index + 1}/{len(runs)}" if self.job.study else ""
        return RunState(runs[index], history, stage, number, self.history.waiting, self.reported)
