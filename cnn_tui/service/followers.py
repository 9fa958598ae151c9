"""The clients that follow jobs."""

from __future__ import annotations

from typing import Protocol

from cnn_tui.service.backlog import Backlog
from cnn_tui.service.orphan import Orphan
from cnn_tui.store.job_queue import QueueEntry
from cnn_tui.trainer.process import ProcessTrainer
from cnn_tui.trainer.protocol import JobUpdate, Joined, Message, Paused, Ready


class Follower(Protocol):
    """A client that receives the messages of a job."""

    def send_message(self, message: Message) -> None:
        """Send a message to the client."""
        ...


class ActiveJob:
    """A job that runs.

    Attributes:
        backlog: its events so far.
        sessions: the sessions of its runs by index.
        engine: what its trainer has loaded, None before.
    """

    def __init__(self, entry: QueueEntry, trainer: ProcessTrainer | Orphan, engine: Ready | None) -> None:
        self.entry = entry
        self.trainer = trainer
        self.backlog = Backlog(entry.job)
        self.sessions = dict(entry.sessions)
        self.paused = entry.paused
        self.engine = engine


class Followers:
    """Which client follows which job, by its number; None for those that wait for one."""

    def __init__(self) -> None:
        self._jobs: dict[Follower, int | None] = {}

    def add(self, follower: Follower) -> None:
        """Add a client that follows no job yet."""
        self._jobs[follower] = None

    def remove(self, follower: Follower) -> None:
        """Send a client nothing more."""
        self._jobs.pop(follower, None)

    def attach(self, follower: Follower, active: ActiveJob) -> None:
        """Send a client a job's events so far, and from now on its messages."""
        self._jobs[follower] = active.entry.id
        if active.engine is not None:
            follower.send_message(active.engine)
        follower.send_message(Joined(number=active.entry.id, job=active.entry.job))
        for event in active.backlog.events():
            follower.send_message(JobUpdate(event=event))
        if active.paused:
            follower.send_message(Paused(paused=True))

    def attach_waiting(self, active: ActiveJob) -> None:
        """Attach all clients without a job."""
        for follower in [follower for follower, number in self._jobs.items() if number is None]:
            self.attach(follower, active)

    def detach(self, number: int) -> None:
        """Let the clients of a job wait for another one."""
        self._jobs.update({follower: None for follower, followed in self._jobs.items() if followed == number})

    def send(self, number: int | None, message: Message) -> None:
        """Send a message to the clients of a job, or to those without one."""
        for follower in [follower for follower, followed in self._jobs.items() if followed == number]:
            follower.send_message(message)

    def send_all(self, message: Message) -> None:
        """Send a message to all clients."""
        for follower in list(self._jobs):
            follower.send_message(message)
