"""The trainer in a thread of this process: for tests, and for machines where a child process is unwelcome."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Final

from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.trainer.course import Course
from cnn_tui.trainer.endings import explain_exception, lost_folders, mark_lost
from cnn_tui.trainer.jobs import TellingControl
from cnn_tui.trainer.mailbox import Mailbox
from cnn_tui.trainer.protocol import BUSY, ENGINE, STUDIES, Idle, Refused, Start, StartRun, StartStudy
from cnn_tui.trainer.runners import Runners, ready

_NO_KILL = "A run inside the workbench's own process cannot be killed. It stops after its present batch, untested."


class ThreadTrainer(Mailbox):
    """Runs experiments and studies in a thread. See :class:`protocol.Trainer`.

    The process stays until its job is over, told to stop or not, because the thread ends with it otherwise. What
    libraries print is not kept apart, and a crash takes the workbench with it.

    Args:
        runner: what runs presets, as ``module:function``; imported in the thread.
        study_runner: what runs studies, likewise.
    """

    outlives_us: Final = False
    alive: Final = True

    def __init__(self, runner: str = ENGINE, study_runner: str = STUDIES) -> None:
        super().__init__()
        self._runners = Runners(runner, study_runner)
        self._loading = threading.Lock()
        self._loaded = False
        self._lock = threading.Lock()
        self._control: TellingControl | None = None
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """See :class:`protocol.Trainer`."""
        return self._control is not None

    def start(self) -> None:
        """Load the engine in a thread."""
        threading.Thread(target=self._warm_up, name="trainer-start").start()

    def submit(self, preset: RunPreset) -> None:
        """Start a run in a new thread."""
        self._begin(StartRun(preset=preset))

    def submit_study(self, study: StudyPreset, *, plain: bool = False, fresh: bool = False) -> None:
        """Start a study in a new thread."""
        self._begin(StartStudy(study=study, plain=plain, fresh=fresh))

    def _begin(self, command: Start) -> None:
        with self._lock:
            if self._control is not None:
                self._post(Refused(reason=BUSY))
            elif not self._ended:
                self._control = TellingControl(self._post)
                self._thread = threading.Thread(target=self._run, args=(command, self._control), name="trainer")
                self._thread.start()

    def stop(self) -> None:
        """See :class:`protocol.Trainer`."""
        if control := self._control:
            control.stop()

    def pause(self) -> None:
        """See :class:`protocol.Trainer`."""
        if control := self._control:
            control.pause()

    def resume(self) -> None:
        """See :class:`protocol.Trainer`."""
        if control := self._control:
            control.resume()

    def kill(self) -> None:
        """Stop the run without a test, and say that this is all that can be done."""
        if control := self._control:
            self._post(Refused(reason=_NO_KILL))
            control.stop()
            control.stop()

    def close(self, finish: bool) -> None:
        """See :class:`protocol.Trainer`; this process ends only when the run has."""
        self._end_messages()
        control = self._control
        if control is not None and finish:
            control.resume()
        elif control is not None and not control.stopping:
            control.stop()

    def wait(self, timeout: float | None = None) -> bool:
        """See :class:`protocol.Trainer`."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _warm_up(self) -> None:
        with contextlib.suppress(ImportError):  # the job that needs the engine will say what is wrong with it
            self._load()

    def _load(self) -> None:
        with self._loading:
            if not self._loaded:
                self._runners.load()
                self._loaded = True
                self._post(ready())

    def _run(self, command: Start, control: TellingControl) -> None:
        course = Course(command)
        try:
            self._load()
            for message in self._runners.messages(command, control):
                course.note(message)
                self._post(message)
        finally:
            if not course.finished:
                self._break_off(course)
            self._control = None
            self._post(Idle())

    def _break_off(self, course: Course) -> None:
        """End a job that an unforeseen exception broke; the exception itself goes on to the thread's own hook."""
        error = explain_exception(sys.exception())
        for folder in lost_folders(course, os.getpid()):
            mark_lost(folder, "failed", error)
        for message in course.break_off(error):
            self._post(message)
