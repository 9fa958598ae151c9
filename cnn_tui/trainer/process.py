"""The trainer as a child process: see ``serve`` for its other end."""

from __future__ import annotations

import threading
from typing import Final

from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import TrainingError
from cnn_tui.events import ErrorReport
from cnn_tui.trainer.child import Child
from cnn_tui.trainer.course import Course
from cnn_tui.trainer.endings import (
    LOG_NAME,
    LostStatus,
    explain_exit,
    explain_kill,
    log_tail,
    lost_folders,
    mark_lost,
)
from cnn_tui.trainer.mailbox import Mailbox
from cnn_tui.trainer.protocol import (
    BUSY,
    ENGINE,
    STUDIES,
    Command,
    Idle,
    Lost,
    Message,
    Pause,
    Refused,
    Resume,
    Shutdown,
    ShutdownMode,
    Start,
    StartRun,
    StartStudy,
    Stop,
)


class ProcessTrainer(Mailbox):
    """Runs experiments and studies in a child process, which stays warm between jobs. See :class:`protocol.Trainer`.

    Args:
        when_abandoned: what becomes of a job when this process is gone without a word.
        runner: what runs presets in the child, as ``module:function``.
        study_runner: what runs studies there, likewise.
    """

    outlives_us: Final = True

    def __init__(
        self, when_abandoned: ShutdownMode = "finish", runner: str = ENGINE, study_runner: str = STUDIES
    ) -> None:
        super().__init__()
        self._when_abandoned: ShutdownMode = when_abandoned
        self._runners = runner, study_runner
        self._lock = threading.RLock()
        self._child: Child | None = None
        self._course: Course | None = None

    @property
    def busy(self) -> bool:
        """See :class:`protocol.Trainer`."""
        return self._course is not None

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
        self._begin(StartRun(preset=preset))

    def submit_study(self, study: StudyPreset, *, plain: bool = False, fresh: bool = False) -> None:
        """Start a study, in a new child if the last one has died."""
        self._begin(StartStudy(study=study, plain=plain, fresh=fresh))

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
        """End the child this instant; its sessions end as "killed"."""
        with self._lock:
            if self._child is not None:
                self._child.kill()

    def close(self, finish: bool) -> None:
        """Let the child end by itself, which takes as long as its job; it does not need this process for that."""
        with self._lock:
            self._end_messages()
            if self._child is not None:
                self._child.send(Shutdown(mode="finish" if finish else "stop"))
                self._child.hang_up()

    def wait(self, timeout: float | None = None) -> bool:
        """See :class:`protocol.Trainer`."""
        child = self._child
        return child is None or child.join(timeout)

    def _begin(self, command: Start) -> None:
        with self._lock:
            if self._course is not None:
                self._post(Refused(reason=BUSY))
            elif not self._ended:
                self._course = Course(command)
                self._reach(command)

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
            self._child = Child(self._runners, self._when_abandoned, self._on_message, self._on_end)
        except TrainingError as error:
            self._tell_lost(Lost(status="failed", session_id=None, error=ErrorReport.of(error), log_tail=""))
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
            self._course = None
        elif self._course is not None:
            self._course.note(message)

    def _on_end(self, child: Child, code: int) -> None:
        """Find out why the child ended, put it on record and tell it; a job that comes meanwhile is refused."""
        course = self._course if child is self._child else None
        lost = _describe(child, code, course)
        with self._lock:
            if child is self._child:
                self._child = None
                self._tell_lost(lost)
            else:
                self._post(lost)

    def _tell_lost(self, lost: Lost) -> None:
        """Say that the child is gone, and bring the job that went with it to its end."""
        course, self._course = self._course, None
        for message in course.break_off(lost.error) if course else ():
            self._post(message)
        self._post(lost)
        if course is not None:
            self._post(Idle())


def _describe(child: Child, code: int, course: Course | None) -> Lost:
    """Say why a child ended, and mark the sessions that it had not finished."""
    folders = lost_folders(course, child.pid) if course else []
    tail = (log_tail(folders[0] / LOG_NAME) if folders else "") or log_tail(child.log_path, child.log_start)
    error = _why(child, code, tail)
    status: LostStatus = "killed" if child.killed else "failed"
    for folder in folders:
        mark_lost(folder, status, error)
    return Lost(status=status, session_id=folders[0].name if folders else None, error=error, log_tail=tail)


def _why(child: Child, code: int, tail: str) -> ErrorReport:
    if child.killed:
        return explain_kill()
    return ErrorReport.of(child.problem) if child.problem else explain_exit(code, tail)
