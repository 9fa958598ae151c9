"""Jobs on the trainer's side: how they are steered, and that there is never more than one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from cnn_tui.engine.control import Control
from cnn_tui.trainer.protocol import (
    BUSY,
    Command,
    Idle,
    Message,
    Pause,
    Paused,
    Refused,
    Resume,
    Shutdown,
    ShutdownMode,
    Start,
    StartRun,
    StartStudy,
    Stop,
)


class TellingControl(Control):
    """A control that says when its job really begins to wait, and when it goes on."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        super().__init__()
        self._send = send

    def should_stop(self) -> bool:
        """See :class:`Control`."""
        if not self.paused:
            return super().should_stop()
        self._send(Paused(paused=True))
        stop = super().should_stop()
        self._send(Paused(paused=False))
        return stop


@dataclass(frozen=True)
class Job:
    """A run or a study that was asked for."""

    command: Start
    control: Control


class Desk:
    """Takes commands in one thread and hands jobs to another, one at a time."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._current: Job | None = None
        self._closing = False
        self.unused = True

    def handle(self, command: Command) -> None:
        """Do what was asked; steering a job that has just ended does nothing."""
        match command:
            case StartRun() | StartStudy():
                self._accept(command)
            case Stop():
                self._steer(Control.stop)
            case Pause():
                self._steer(Control.pause)
            case Resume():
                self._steer(Control.resume)
            case Shutdown(mode=mode):
                self.shut_down(mode)

    def shut_down(self, mode: ShutdownMode) -> None:
        """Let :meth:`next_job` end after the present job, which is stopped, or, even if it was paused, finished.

        Asked a second time to stop, leave the test out.
        """
        with self._lock:
            again, self._closing = self._closing, True
            if self._current is not None:
                _close(self._current.control, mode, again)
        self._jobs.put(None)

    def next_job(self) -> Job | None:
        """The next job, waited for; None at the end."""
        return self._jobs.get()

    def done(self) -> None:
        """The job is over: take the next one."""
        with self._lock:
            self._current = None
        self._send(Idle())

    def _accept(self, command: Start) -> None:
        with self._lock:
            if self._current is None and not self._closing:
                self.unused = False
                self._current = Job(command, TellingControl(self._send))
                self._jobs.put(self._current)
                return
        self._send(Refused(reason=BUSY if not self._closing else "The trainer is about to end."))

    def _steer(self, how: Callable[[Control], None]) -> None:
        with self._lock:
            if self._current is not None:
                how(self._current.control)


def _close(control: Control, mode: ShutdownMode, again: bool) -> None:
    """A job that the person has stopped already is not stopped twice, which would leave its test out."""
    if mode == "finish":
        control.resume()
    elif again or not control.stopping:
        control.stop()
