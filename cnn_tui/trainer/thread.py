"""The trainer as a thread of this process: for tests, and where a child process is not wanted."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from typing import Final

from cnn_tui.config.job import Job
from cnn_tui.history import JobHistory
from cnn_tui.trainer.controller import ReportingControl, Runner, job_events, load_runner, ready
from cnn_tui.trainer.crash_report import explain_exception, lost_folders, mark_lost
from cnn_tui.trainer.message_queue import MessageQueue
from cnn_tui.trainer.protocol import BUSY, RUN_JOB, Idle, JobUpdate, Refused

_NO_KILL = "A job inside the workbench's own process cannot be killed. It stops after its current batch, untested."


class ThreadTrainer(MessageQueue):
    """Implements :class:`protocol.Trainer` with a thread.

    The process cannot exit before its job is over. Output of libraries is not captured, and a crash of the engine
    crashes the workbench too.

    Args:
        runner: the function that runs jobs, as ``module:function``; imported in the thread.
    """

    outlives_us: Final = False
    queues: Final = False
    alive: Final = True

    def __init__(self, runner: str = RUN_JOB) -> None:
        super().__init__()
        self._name = runner
        self._runner: Runner | None = None
        self._loading = threading.Lock()
        self._lock = threading.Lock()
        self._control: ReportingControl | None = None
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return self._control is not None

    def start(self) -> None:
        """Load the engine in a thread."""
        threading.Thread(target=self._preload, name="trainer-start").start()

    def submit(self, job: Job) -> None:
        """Start a job in a new thread."""
        with self._lock:
            if self._control is not None:
                self._post(Refused(reason=BUSY))
            elif not self._ended:
                self._control = ReportingControl(self._post)
                self._thread = threading.Thread(target=self._run, args=(job, self._control), name="trainer")
                self._thread.start()

    def stop(self) -> None:
        """Stop the job, test it and save it; a second call skips the test."""
        if control := self._control:
            control.stop()

    def pause(self) -> None:
        """Pause the job at its next batch."""
        if control := self._control:
            control.pause()

    def resume(self) -> None:
        """Resume a paused job."""
        if control := self._control:
            control.resume()

    def kill(self) -> None:
        """Stop the job without a test, and report that a thread cannot be killed."""
        if control := self._control:
            self._post(Refused(reason=_NO_KILL))
            control.stop()
            control.stop()

    def close(self, finish: bool) -> None:
        """Stop receiving messages; the process can exit once the job is over."""
        self._end_messages()
        control = self._control
        if control is not None and finish:
            control.resume()
        elif control is not None and not control.stopping:
            control.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the thread to end; return whether it has."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _preload(self) -> None:
        with contextlib.suppress(ImportError):  # the first job reports it
            self._load()

    def _load(self) -> Runner:
        with self._loading:
            if self._runner is None:
                self._runner = load_runner(self._name)
                self._post(ready())
            return self._runner

    def _run(self, job: Job, control: ReportingControl) -> None:
        history, submitted = JobHistory(job), time.time()
        try:
            for event in job_events(self._load(), history, control):
                self._post(JobUpdate(event=event))
        finally:
            if history.finished is None:
                self._break_off(history, submitted)
            self._control = None
            self._post(Idle())

    def _break_off(self, history: JobHistory, submitted: float) -> None:
        """End a job after an unexpected exception, which continues to the thread's excepthook."""
        error = explain_exception(sys.exception())
        for folder in lost_folders(history, os.getpid(), submitted):
            mark_lost(folder, "failed", error)
        for event in history.end_all(error):
            self._post(JobUpdate(event=event))
