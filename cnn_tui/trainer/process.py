"""The trainer as a child process: see ``serve`` for its other end."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import TrainingError
from cnn_tui.events import RunFinished, RunStarted
from cnn_tui.trainer.child import Child
from cnn_tui.trainer.endings import (
    LOG_NAME,
    LostStatus,
    explain_exit,
    explain_kill,
    log_tail,
    mark_lost,
    report,
    session_folder,
)
from cnn_tui.trainer.mailbox import Mailbox
from cnn_tui.trainer.protocol import (
    BUSY,
    ENGINE,
    Command,
    Idle,
    Lost,
    Message,
    Pause,
    Refused,
    Resume,
    RunEvent,
    Shutdown,
    ShutdownMode,
    StartRun,
    Stop,
)


@dataclass
class _Run:
    """What is known of the run that is going on."""

    session_id: str | None = None
    finished: bool = False


class ProcessTrainer(Mailbox):
    """Runs experiments in a child process, which stays warm between runs. See :class:`protocol.Trainer`.

    Args:
        when_abandoned: what becomes of a run when this process is gone without a word.
        runner: what runs presets in the child, as ``module:function``.
    """

    outlives_us: Final = True

    def __init__(self, when_abandoned: ShutdownMode = "finish", runner: str = ENGINE) -> None:
        super().__init__()
        self._when_abandoned: ShutdownMode = when_abandoned
        self._runner = runner
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._run: _Run | None = None

    @property
    def busy(self) -> bool:
        """See :class:`protocol.Trainer`."""
        return self._run is not None

    @property
    def alive(self) -> bool:
        """See :class:`protocol.Trainer`."""
        child = self._child
        return child is not None and child.alive

    def start(self) -> None:
        """Start the child, so that PyTorch is loaded while the person fills in the form."""
        with self._lock:
            if not self._ended:
                self._reach(None)

    def submit(self, preset: RunPreset) -> None:
        """Start a run, in a new child if the last one has died."""
        with self._lock:
            if self._run is not None:
                self._post(Refused(reason=BUSY))
            elif not self._ended:
                self._run = _Run()
                self._reach(StartRun(preset=preset))

    def stop(self) -> None:
        """See :class:`protocol.Trainer`."""
        self._steer(Stop())

    def pause(self) -> None:
        """See :class:`protocol.Trainer`."""
        self._steer(Pause())

    def resume(self) -> None:
        """See :class:`protocol.Trainer`."""
        self._steer(Resume())

    def kill(self) -> None:
        """End the child this instant; its run ends as "killed"."""
        with self._lock:
            if self._child is not None:
                self._child.kill()

    def close(self, finish: bool) -> None:
        """Let the child end by itself, which takes as long as its run; it does not need this process for that."""
        with self._lock:
            self._end_messages()
            if self._child is not None:
                self._child.send(Shutdown(mode="finish" if finish else "stop"))
                self._child.hang_up()

    def wait(self, timeout: float | None = None) -> bool:
        """See :class:`protocol.Trainer`."""
        child = self._child
        return child is None or child.join(timeout)

    def _steer(self, command: Command) -> None:
        with self._lock:
            if self._child is not None:
                self._child.send(command)

    def _reach(self, command: Command | None) -> None:
        """Have a living child, and pass a command on to it."""
        child = self._child
        if child is not None and child.alive and (command is None or child.send(command)):
            return
        try:
            self._child = Child(self._runner, self._when_abandoned, self._on_message, self._on_end)
        except TrainingError as error:
            self._tell_lost(Lost(status="failed", session_id=None, error=report(error), log_tail=""))
            return
        if command is not None:
            self._child.send(command)

    def _on_message(self, child: Child, message: Message) -> None:
        with self._lock:
            if child is self._child:
                self._note(message)
                self._post(message)

    def _note(self, message: Message) -> None:
        if isinstance(message, Idle):
            self._run = None
        elif isinstance(message, RunEvent) and self._run is not None:
            if isinstance(message.event, RunStarted):
                self._run.session_id = message.event.session_id
            self._run.finished = isinstance(message.event, RunFinished)

    def _on_end(self, child: Child, code: int) -> None:
        """Find out why the child ended, put it on record and tell it; a run that comes meanwhile is refused."""
        run = self._run if child is self._child else None
        lost = _describe(child, code, run)
        with self._lock:
            if child is self._child:
                self._child = None
                self._tell_lost(lost)
            else:
                self._post(lost)

    def _tell_lost(self, lost: Lost) -> None:
        """Say that the child is gone, and bring the run that went with it to its end."""
        run, self._run = self._run, None
        if run is not None and not run.finished:
            self._post(RunEvent(event=RunFinished(status="failed", error=lost.error)))
        self._post(lost)
        if run is not None:
            self._post(Idle())


def _describe(child: Child, code: int, run: _Run | None) -> Lost:
    """Say why a child ended, and mark the session of the run that it had not finished."""
    folder = session_folder(run.session_id, child.pid) if run else None
    tail = (log_tail(folder / LOG_NAME) if folder else "") or log_tail(child.log_path, child.log_start)
    error = explain_kill() if child.killed else report(child.problem) if child.problem else explain_exit(code, tail)
    status: LostStatus = "killed" if child.killed else "failed"
    if folder is not None:
        mark_lost(folder, status, error)
    return Lost(status=status, session_id=folder.name if folder else None, error=error, log_tail=tail)
