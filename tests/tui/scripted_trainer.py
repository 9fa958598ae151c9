"""A trainer that reports the events of a script instead of training."""

from __future__ import annotations

from collections.abc import Iterable

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import Event, JobEvent, JobFinished, RunEvent, RunFinished
from cnn_tui.trainer.message_queue import MessageQueue
from cnn_tui.trainer.protocol import BUSY, Idle, JobUpdate, Message, Paused, Ready, Refused


class ScriptedTrainer(MessageQueue):
    """A :class:`protocol.Trainer` without an engine: it reports what the test emits.

    Args:
        script: the events of every run, reported immediately; without a script the test calls :meth:`emit`.
        outlives_us: whether runs continue in the background.

    Attributes:
        calls: the methods called by the workbench, such as "start", "submit", "stop", "close finish".
        submitted: the presets of single runs.
        studies: the studies, each with its ``fresh`` option.
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
        self.queues = False

    def emit(self, *events: Event) -> None:
        """Report events of a single run; ``RunFinished`` ends its job."""
        for event in events:
            self._post(JobUpdate(event=RunEvent(run=0, event=event)))
            if isinstance(event, RunFinished):
                self.emit_job(JobFinished(status=event.status, failed=int(event.status == "failed")))

    def emit_job(self, *events: JobEvent) -> None:
        """Report events of a study; ``JobFinished`` ends it."""
        for event in events:
            self._post(JobUpdate(event=event))
            if isinstance(event, JobFinished):
                self.send(Idle())

    def send(self, message: Message) -> None:
        """Send a message that is not an event."""
        if isinstance(message, Idle):
            self.busy = False
        self._post(message)

    def start(self) -> None:
        """Become ready."""
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
            self.emit(*self.script)
        else:
            self.studies.append((job.study, job.fresh))

    def stop(self) -> None:
        """Record the call."""
        self.calls.append("stop")

    def pause(self) -> None:
        """Pause immediately."""
        self.calls.append("pause")
        self._post(Paused(paused=True))

    def resume(self) -> None:
        """Resume immediately."""
        self.calls.append("resume")
        self._post(Paused(paused=False))

    def kill(self) -> None:
        """Record the call."""
        self.calls.append("kill")

    def close(self, finish: bool) -> None:
        """End the messages."""
        self.calls.append("close finish" if finish else "close stop")
        self._end_messages()

    def wait(self, timeout: float | None = None) -> bool:
        """Return immediately: there is no process to wait for."""
        return True
