"""Starts and controls the trainer's job."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from cnn_tui.config.job import Job
from cnn_tui.errors import ConfigError
from cnn_tui.events import ErrorReport
from cnn_tui.service.protocol import Replace, Request
from cnn_tui.service.trainer import ServiceTrainer
from cnn_tui.store.session_names import with_unique_name
from cnn_tui.trainer import protocol
from cnn_tui.tui.job_observer import JobObserver
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.screen_keys import key_of

if TYPE_CHECKING:
    from cnn_tui.tui.state import WorkbenchState


class JobMonitor(JobObserver):
    """Observes the job of a trainer, and controls it.

    Args:
        shows_joined: show a job in Live that was running when the workbench opened.
    """

    def __init__(self, app: WorkbenchState, trainer: protocol.Trainer, *, shows_joined: bool = False) -> None:
        super().__init__(app)
        self.trainer = trainer
        self._shows_joined = shows_joined
        app.queues = trainer.queues

    @property
    def kind(self) -> str:
        """What is running: "run" or "study"."""
        return self._app.job.job.kind if self._app.job else "run"

    def start(self, job: Job, replaces: int | None = None) -> None:
        """Start a job, or add it to the queue if one is running and there is a queue, or change a waiting one.

        A new single run gets a name that no session has yet.
        """
        if self._refused():
            return
        if job.study is None and job.resume is None:
            job = job.with_preset(with_unique_name(job.runs[0]))
        try:
            job = job.with_absolute_paths()
        except ConfigError as error:
            self.notify_error(ErrorReport.of(error))
            return
        if replaces is not None:
            self.request(Replace(number=replaces, job=job))
        elif self.trainer.busy:
            self.trainer.submit(job)
        else:
            self._begin(job)

    def request(self, request: Request) -> None:
        """Change the queue, or join a job in it."""
        if isinstance(self.trainer, ServiceTrainer):
            self.trainer.request(request)

    def handle(self, *messages: protocol.Message) -> None:
        """Update the job with messages of the trainer, and react to them."""
        joined = [index for index, message in enumerate(messages) if isinstance(message, protocol.Joined)]
        for start, end in pairwise([0, *joined, len(messages)]):
            if start < end:
                self._handle_job(messages[start:end])

    def _handle_job(self, messages: Sequence[protocol.Message]) -> None:
        """Handle messages of one job, the first of which may be that the trainer joins it."""
        if isinstance(messages[0], protocol.Joined):
            self._join(messages[0].job)
        super().handle(*messages)

    def stop(self) -> None:
        """Stop the job; a second time, skip its test."""
        if (state := self._app.job) is not None and state.active:
            state.stop()
            self.refresh()
            self.trainer.stop()

    def pause(self) -> None:
        """Pause the job, or resume it."""
        if (state := self._app.job) is not None and state.stage == "paused":
            self.trainer.resume()
        elif state is not None and state.stage == "running":
            self.trainer.pause()

    def kill(self) -> None:
        """Kill the trainer."""
        if (state := self._app.job) is not None and state.active:
            self.trainer.kill()

    def close(self, finish: bool) -> None:
        """Let the trainer exit, after finishing its job or by stopping it."""
        self._next_mode = None
        self.trainer.close(finish)

    def _begin(self, job: Job) -> None:
        self._show(job)
        self.trainer.submit(job)
        if job.study is None:
            self._app.switch_mode("live")

    def _join(self, job: Job) -> None:
        """Show the job that the trainer runs, unless it is the one that was just begun."""
        state = self._app.job
        if state is None or state.job != job or state.stage != "starting":
            self._show(job)
        if self._shows_joined and state is None and self._app.current_mode == "setup":
            self._app.switch_mode("live")
        self._shows_joined = False

    def _show(self, job: Job) -> None:
        self._app.busy = True
        self._next_mode = None
        self._app.job = JobState(job)

    def _refused(self) -> bool:
        refused = self.trainer.busy and not self.trainer.queues
        if refused:
            text = f"Press {key_of('live')} to watch it and x there to stop it, or wait until it ends."
            self._app.notify(text, title=f"A {self.kind} is running", severity="warning", markup=False)
        return refused
