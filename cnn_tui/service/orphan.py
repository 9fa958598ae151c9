"""A trainer whose service died while it ran a job: its process finishes the job, and is controlled by signals."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import psutil

from cnn_tui import paths
from cnn_tui.errors import CnnTuiError
from cnn_tui.events import EndStatus, JobEvent, JobFinished, RunEvent
from cnn_tui.history import JobHistory
from cnn_tui.store.job_queue import QueueEntry
from cnn_tui.store.records import KILLED, SessionRecord, iso_time
from cnn_tui.store.session_follower import SessionFollower
from cnn_tui.store.sessions import newest_sessions
from cnn_tui.trainer.message_queue import MessageQueue
from cnn_tui.trainer.protocol import Idle, JobUpdate, Paused

_POLL_SECONDS = 0.5
_NEWEST = 200  # sessions among which those of the process are found


def is_trainer(pid: int) -> bool:
    """Whether a process is a trainer, and not one that got the number of a trainer later."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "cnn_tui.trainer.serve" in process.cmdline()
    except psutil.Error:
        return False


class Orphan(MessageQueue):
    """The part of :class:`protocol.Trainer` that a job needs until it ends; its events come from its sessions."""

    def __init__(self, entry: QueueEntry, pid: int) -> None:
        super().__init__()
        self._pid = pid
        self._history = JobHistory(entry.job)
        self._started = entry.started or entry.submitted
        self._followers: dict[str, tuple[int, SessionFollower]] = {}
        for run, session in entry.sessions.items():
            self._follow(session, run)
        self._killed = False
        threading.Thread(target=self._watch, name=f"orphan-{pid}", daemon=True).start()

    def stop(self) -> None:
        """Stop the job, test it and save it; a second call skips the test."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process and everything it started."""
        self._killed = True
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        """Suspend the process: it has no one to take other commands from."""
        self._signal(signal.SIGSTOP)
        self._post(Paused(paused=True))

    def resume(self) -> None:
        """Let the process go on."""
        self._signal(signal.SIGCONT)
        self._post(Paused(paused=False))

    def _signal(self, number: signal.Signals) -> None:
        if is_trainer(self._pid):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, number)

    def _watch(self) -> None:
        """Post the job's events until its process is gone."""
        pause = threading.Event()
        while is_trainer(self._pid):
            self._find_sessions()
            self._read()
            pause.wait(_POLL_SECONDS)
        self._find_sessions()
        while any(not follower.ended for _, follower in self._followers.values()):
            self._read()
            pause.wait(_POLL_SECONDS)
        self._update(*self._end())
        self._post(Idle())

    def _find_sessions(self) -> None:
        """Follow the sessions that the process has begun."""
        with contextlib.suppress(CnnTuiError):
            for entry in newest_sessions(_NEWEST):
                if entry.record is not None and entry.id not in self._followers and self._is_ours(entry.record):
                    self._follow(entry.id, 0 if entry.record.study is None else entry.record.study.row)

    def _is_ours(self, record: SessionRecord) -> bool:
        """Whether a session is one of the job's; those that have ended no longer name their process."""
        if record.pid is not None:
            return record.pid == self._pid
        study, part = self._history.job.study, record.study
        is_part = study is not None and part is not None and part.name == study.name
        return is_part and record.created >= iso_time(self._started)

    def _follow(self, session: str, run: int) -> None:
        self._followers[session] = run, SessionFollower(paths.sessions_folder() / session)

    def _read(self) -> None:
        for run, follower in self._followers.values():
            try:
                new = () if follower.ended else follower.read().events
            except CnnTuiError:  # the session was deleted: nothing more can be known
                follower.ended = True
                continue
            self._update(*(RunEvent(run=run, event=event) for event in new))

    def _update(self, *events: JobEvent) -> None:
        for event in events:
            self._history.apply(event)
            self._post(JobUpdate(event=event))

    def _end(self) -> Iterator[JobEvent]:
        """The events that end the job, which no session has."""
        if self._killed or self._history.running:
            yield from self._history.end_all(KILLED)
            return
        complete = len(self._history.ended) == len(self._history.job.runs)
        failed = len(self._history.errors)
        status: EndStatus = "failed" if failed else "done" if complete else "stopped"
        yield JobFinished(status=status, failed=failed)
