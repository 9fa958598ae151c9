"""The trainer's side of a job: accepting it, controlling it, running it."""

from __future__ import annotations

import importlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, cast

from cnn_tui.config.job import Job
from cnn_tui.engine.control import Control
from cnn_tui.errors import CnnTuiError
from cnn_tui.events import ErrorReport, JobEvent
from cnn_tui.history import JobHistory
from cnn_tui.imports import collector_paused
from cnn_tui.trainer.protocol import (
    BUSY,
    Command,
    Idle,
    Message,
    Pause,
    Paused,
    Ready,
    Refused,
    Resume,
    Shutdown,
    ShutdownMode,
    Start,
    Stop,
)


class Runner(Protocol):
    """Runs a job: :func:`cnn_tui.jobs.run_job`, or a script in tests."""

    def __call__(self, job: Job, control: Control, /) -> Iterator[JobEvent]:
        """Yield the job's events."""
        ...


def load_runner(name: str) -> Runner:
    """Import the function that runs jobs by ``module:function``; the engine takes seconds to import.

    Raises:
        ImportError: there is no such module.
    """
    module, _, function = name.partition(":")
    with collector_paused():
        return cast(Runner, getattr(importlib.import_module(module), function))


def job_events(runner: Runner, history: JobHistory, control: Control) -> Iterator[JobEvent]:
    """Run the job of ``history`` and keep the history up to date. An expected failure becomes the job's last event."""
    try:
        for event in runner(history.job, control):
            history.apply(event)
            yield event
    except CnnTuiError as error:
        if history.finished is not None:
            raise
        for event in history.end_all(ErrorReport.of(error)):
            history.apply(event)
            yield event


def ready() -> Ready:
    """The message that the engine is loaded, with PyTorch's version and device if it was imported."""
    if "torch" not in sys.modules:
        return Ready(pid=os.getpid())
    import torch

    from cnn_tui.config.experiment import TrainingConfig
    from cnn_tui.engine.device import compute, device_name

    chosen = compute(TrainingConfig(precision="float32"))
    return Ready(pid=os.getpid(), torch=torch.__version__, device_name=device_name(chosen.device))


def use_gpu(index: int | None) -> None:
    """Let jobs that ask for any GPU use this one."""
    if index is not None and "torch" in sys.modules:
        import torch

        if index < torch.cuda.device_count():
            torch.cuda.set_device(index)


class ReportingControl(Control):
    """A control that sends a message when the job actually pauses and when it resumes."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        super().__init__()
        self._send = send

    def should_stop(self) -> bool:
        """Whether a stop was requested; blocks while the job is paused, and reports that."""
        if not self.paused:
            return super().should_stop()
        self._send(Paused(paused=True))
        stop = super().should_stop()
        self._send(Paused(paused=False))
        return stop


class AcceptedJob(NamedTuple):
    """A job and its control."""

    job: Job
    control: Control


class JobController:
    """Takes commands in one thread and hands jobs to another one, one at a time."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._jobs: queue.SimpleQueue[AcceptedJob | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._current: AcceptedJob | None = None
        self._closing = False
        self.unused = True

    def handle(self, command: Command) -> None:
        """Carry out a command; controlling a job that has just ended does nothing."""
        match command:
            case Start(job=job):
                self._accept(job)
            case Stop():
                self._apply(Control.stop)
            case Pause():
                self._apply(Control.pause)
            case Resume():
                self._apply(Control.resume)
            case Shutdown(mode=mode):
                self.shut_down(mode)

    def shut_down(self, mode: ShutdownMode) -> None:
        """Let :meth:`next_job` end after the current job, which is finished, even if it was paused, or stopped.

        A second call in the mode "stop" skips the test.
        """
        with self._lock:
            again, self._closing = self._closing, True
            if self._current is not None:
                _close(self._current.control, mode, again)
        self._jobs.put(None)

    def next_job(self) -> AcceptedJob | None:
        """Wait for the next job; None at the end."""
        return self._jobs.get()

    def done(self) -> None:
        """Mark the current job as over, so that the next one is accepted."""
        with self._lock:
            self._current = None
        self._send(Idle())

    def _accept(self, job: Job) -> None:
        with self._lock:
            if self._current is None and not self._closing:
                self.unused = False
                self._current = AcceptedJob(job, ReportingControl(self._send))
                self._jobs.put(self._current)
                return
        self._send(Refused(reason=BUSY if not self._closing else "The trainer is shutting down."))

    def _apply(self, action: Callable[[Control], None]) -> None:
        with self._lock:
            if self._current is not None:
                action(self._current.control)


def _close(control: Control, mode: ShutdownMode, again: bool) -> None:
    """Finish or stop a job. One that the user has stopped already is not stopped twice, which would skip its test."""
    if mode == "finish":
        control.resume()
    elif again or not control.stopping:
        control.stop()
