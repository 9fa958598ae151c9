"""A trainer that says what a test tells it to, in the place of one that trains."""

from __future__ import annotations

from collections.abc import Iterable

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import Event, JobEvent, JobFinished, RunEvent, RunFinished
from cnn_tui.trainer.message_queue import MessageQueue
from cnn_tui.trainer.protocol import BUSY, Idle, JobUpdate, Message, Paused, Ready, Refused


class ScriptedTrainer(MessageQueue):
    """A :class:`protocol.Trainer` without an engine: a run says nothing until the test lets it.

    Args:
        script: what every run says, at once and to its end; without one the test says it by :meth:`say`.
        outlives_us: what the trainer claims about runs in the background.

    Attributes:
        calls: what the workbench asked for, in order, such as "start", "submit", "stop", "close finish".
        submitted: the presets that were to be run.
        studies: the studies that were to be run, each with whether afresh.
    """

    def __init__(self, script: Iterable[Event] = (), *, outlives_us: bool = True) -> None:
        super().__init__()
        self.script = tuple(script)
        self.calls: list[str] = []
        self.submitted: list[RunPreset] = []
        self.studies: list[tuple[StudyPreset, bool]] = []
        self.busy = False
        self.alive = False
        self.outlives_us = outlives_us

    def say(self, *events: Event) -> None:
        """Report events of a single run; ``RunFinished`` ends its job."""
        for event in events:
            self._post(JobUpdate(event=RunEvent(run=0, event=event)))
            if isinstance(event, RunFinished):
                self.say_study(JobFinished(status=event.status, failed=int(event.status == "failed")))

    def say_study(self, *events: JobEvent) -> None:
        """Report events of a study; ``JobFinished`` ends it."""
        for event in events:
            self._post(JobUpdate(event=event))
            if isinstance(event, JobFinished):
                self.tell(Idle())

    def tell(self, message: Message) -> None:
        """Let the trainer say something that is no event of a run."""
        if isinstance(message, Idle):
            self.busy = False
        self._post(message)

    def start(self) -> None:
        """Be there."""
        self.calls.append("start")
        self.alive = True
        self._post(Ready(pid=1))

    def submit(self, job: Job) -> None:
        """Start a job; a single run reports the whole script if there is one."""
        self.calls.append("submit")
        if self.busy:
            self._post(Refused(reason=BUSY))
            return
        self.busy = True
        if job.study is None:
            self.submitted.append(job.runs[0])
            self.say(*self.script)
        else:
            self.studies.append((job.study, job.fresh))

    def stop(self) -> None:
        """Note it."""
        self.calls.append("stop")

    def pause(self) -> None:
        """Wait at once."""
        self.calls.append("pause")
        self._post(Paused(paused=True))

    def resume(self) -> None:
        """Go on at once."""
        self.calls.append("resume")
        self._post(Paused(paused=False))

    def kill(self) -> None:
        """Note it."""
        self.calls.append("kill")

    def close(self, finish: bool) -> None:
        """Say no more."""
        self.calls.append("close finish" if finish else "close stop")
        self._end_messages()

    def wait(self, timeout: float | None = None) -> bool:
        """It has ended."""
        return True
