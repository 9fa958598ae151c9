"""The trainer in a thread of this process: for tests, and for machines where a child process is unwelcome."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import Final

from cnn_tui.config.preset import RunPreset
from cnn_tui.events import RunFinished, RunStarted
from cnn_tui.trainer.endings import explain_exception, mark_lost, session_folder
from cnn_tui.trainer.jobs import TellingControl
from cnn_tui.trainer.mailbox import Mailbox
from cnn_tui.trainer.protocol import BUSY, ENGINE, Idle, Refused, RunEvent
from cnn_tui.trainer.runners import Runner, events_of, load_runner, ready

_NO_KILL = "A run inside the workbench's own process cannot be killed. It stops after its present batch, untested."


class ThreadTrainer(Mailbox):
    """Runs experiments in a thread. See :class:`protocol.Trainer`.

    The process stays until its run is over, told to stop or not, because the thread ends with it otherwise. What
    libraries print is not kept apart, and a crash takes the workbench with it.

    Args:
        runner: what runs presets, as ``module:function``; imported in the thread.
    """

    outlives_us: Final = False
    alive: Final = True

    def __init__(self, runner: str = ENGINE) -> None:
        super().__init__()
        self._name = runner
        self._runner: Runner | None = None
        self._loading = threading.Lock()
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
        with self._lock:
            if self._control is not None:
                self._post(Refused(reason=BUSY))
            elif not self._ended:
                self._control = TellingControl(self._post)
                self._thread = threading.Thread(target=self._run, args=(preset, self._control), name="trainer")
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
        with contextlib.suppress(ImportError):  # the run that needs the engine will say what is wrong with it
            self._load()

    def _load(self) -> Runner:
        with self._loading:
            if self._runner is None:
                self._runner = load_runner(self._name)
                self._post(ready())
            return self._runner

    def _run(self, preset: RunPreset, control: TellingControl) -> None:
        session_id, finished = None, False
        try:
            for event in events_of(self._load(), preset, control):
                if isinstance(event, RunStarted):
                    session_id = event.session_id
                finished = isinstance(event, RunFinished)
                self._post(RunEvent(event=event))
        finally:
            if not finished:
                self._break_off(session_id)
            self._control = None
            self._post(Idle())

    def _break_off(self, session_id: str | None) -> None:
        """End a run that an unforeseen exception broke; the exception itself goes on to the thread's own hook."""
        error = explain_exception(sys.exception())
        folder = session_folder(session_id, os.getpid())
        if folder is not None:
            mark_lost(folder, "failed", error)
        self._post(RunEvent(event=RunFinished(status="failed", error=error)))
