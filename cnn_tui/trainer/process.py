"""The trainer as a child process; ``serve`` is its other end."""

from __future__ import annotations

import threading
import time
from typing import Final

from cnn_tui.config.job import Job
from cnn_tui.errors import TrainingError
from cnn_tui.events import ErrorReport
from cnn_tui.history import JobHistory
from cnn_tui.trainer.child import Child
from cnn_tui.trainer.crash_report import (
    LOG_NAME,
    LostStatus,
    explain_exit,
    explain_kill,
    log_tail,
    lost_folders,
    mark_lost,
)
from cnn_tui.trainer.message_queue import MessageQueue
from cnn_tui.trainer.protocol import (
    BUSY,
    RUN_JOB,
    Command,
    Idle,
    JobUpdate,
    Lost,
    Message,
    Pause,
    Refused,
    Resume,
    Shutdown,
    ShutdownMode,
    Start,
    Stop,
)


class ProcessTrainer(MessageQueue):
    """Implements :class:`protocol.Trainer` with a child process, which keeps PyTorch loaded between jobs.

    Args:
        when_abandoned: what the child does with its job if this process disappears.
        runner: the function that runs jobs in the child, as ``module:function``.
        gpu: the index of the GPU for jobs that do not ask for a certain one, by default the first.
    """

    outlives_us: Final = True
    queues: Final = False

    def __init__(self, when_abandoned: ShutdownMode = "finish", runner: str = RUN_JOB, gpu: int | None = None) -> None:
        super().__init__()
        self._when_abandoned: ShutdownMode = when_abandoned
        self._runner = runner
        self._gpu = gpu
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._job: JobHistory | None = None
        self._submitted = 0.0

    @property
    def busy(self) -> bool:
        """Whether a job was submitted and ``idle`` has not arrived yet."""
        return self._job is not None

    @property
    def alive(self) -> bool:
        """Whether the child is up."""
        child = self._child
        return child is not None and child.alive

    def start(self) -> None:
        """Start the child, so that PyTorch loads while the user fills in the form."""
        with self._lock:
            if not self._ended:
                self._send_to_child(None)

    def submit(self, job: Job) -> None:
        """Start a job, in a new child if the last one has died."""
        with self._lock:
            if self._job is not None:
                self._post(Refused(reason=BUSY))
            elif not self._ended:
                self._job, self._submitted = JobHistory(job), time.time()
                self._send_to_child(Start(job=job))

    def stop(self) -> None:
        """Stop the job, test it and save it; a second call skips the test."""
        self._control(Stop())

    def pause(self) -> None:
        """Pause the job at its next batch."""
        self._control(Pause())

    def resume(self) -> None:
        """Resume a paused job."""
        self._control(Resume())

    def kill(self) -> None:
        """Kill the child; its sessions end as "killed"."""
        with self._lock:
            if self._child is not None:
                self._child.kill()

    def close(self, finish: bool) -> None:
        """Let the child exit on its own after its job; it does not need this process for that."""
        with self._lock:
            self._end_messages()
            if self._child is not None:
                self._child.send(Shutdown(mode="finish" if finish else "stop"))
                self._child.hang_up()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the child to exit after :meth:`close`; return whether it has."""
        child = self._child
        return child is None or child.join(timeout)

    def _control(self, command: Command) -> None:
        with self._lock:
            if self._child is not None:
                self._child.send(command)

    def _send_to_child(self, command: Command | None) -> None:
        """Make sure that the child is alive, and send it the command, if any."""
        child = self._child
        if child is not None and child.alive and (command is None or child.send(command)):
            return
        try:
            self._child = Child(self._runner, self._when_abandoned, self._on_message, self._on_exit, self._gpu)
        except TrainingError as error:
            self._post_lost(Lost(status="failed", session_id=None, error=ErrorReport.of(error), log_tail=""))
            return
        if command is not None:
            self._child.send(command)

    def _on_message(self, child: Child, message: Message) -> None:
        with self._lock:
            if child is not self._child:
                return
            if isinstance(message, Idle):
                self._job = None
            elif isinstance(message, JobUpdate) and self._job is not None:
                self._job.apply(message.event)
            self._post(message)

    def _on_exit(self, child: Child, code: int) -> None:
        """Find out why the child died, and end its sessions and its job."""
        job = self._job if child is self._child else None
        lost = _describe(child, code, job, self._submitted)
        with self._lock:
            if child is self._child:
                self._child = None
                self._post_lost(lost)
            else:
                self._post(lost)

    def _post_lost(self, lost: Lost) -> None:
        """Post the end of the job that was lost with the child, then the loss itself."""
        job, self._job = self._job, None
        for event in job.end_all(lost.error) if job else ():
            self._post(JobUpdate(event=event))
        self._post(lost)
        if job is not None:
            self._post(Idle())


def _describe(child: Child, code: int, job: JobHistory | None, submitted: float) -> Lost:
    """Explain the child's exit, and mark the sessions that it left unfinished."""
    folders = lost_folders(job, child.pid, submitted) if job else []
    tail = (log_tail(folders[0] / LOG_NAME) if folders else "") or log_tail(child.log_path, child.log_start)
    error = _reason(child, code, tail)
    status: LostStatus = "killed" if child.killed else "failed"
    for folder in folders:
        mark_lost(folder, status, error)
    return Lost(status=status, session_id=folders[0].name if folders else None, error=error, log_tail=tail)


def _reason(child: Child, code: int, tail: str) -> ErrorReport:
    if child.killed:
        return explain_kill()
    return ErrorReport.of(child.error) if child.error else explain_exit(code, tail)
