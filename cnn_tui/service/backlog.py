"""The events of a job so far, for clients that join it later."""

from __future__ import annotations

from collections.abc import Iterator

from cnn_tui.config.job import Job
from cnn_tui.events import BatchFinished, JobEvent, Progress, RunEvent
from cnn_tui.history import JobHistory, RunHistory

_MOST_STEPS = 20_000
"""Sent to a client that joins: more than all its charts have columns, and a few megabytes."""


class Backlog:
    """Keeps every event but steps and progress, of which it keeps what histories keep.

    A client that applies :meth:`events` has the history of one that was there from the start.
    """

    def __init__(self, job: Job) -> None:
        self._history = JobHistory(job)
        self._events: list[JobEvent] = []

    def add(self, event: JobEvent) -> None:
        """Add the next event."""
        self._history.apply(event)
        match event:
            case RunEvent(event=BatchFinished() | Progress()):
                pass
            case _:
                self._events.append(event)

    @property
    def history(self) -> JobHistory:
        """The state of the job."""
        return self._history

    def events(self) -> Iterator[JobEvent]:
        """All events, those of running runs without steps that a chart could not show."""
        yield from self._events
        running = self._history.running
        spacing = 1 + sum(len(history.batches) for history in running.values()) // _MOST_STEPS
        for run, history in running.items():
            for step in _steps(history, spacing):
                yield RunEvent(run=run, event=step)


def _steps(history: RunHistory, spacing: int) -> Iterator[BatchFinished | Progress]:
    yield from history.batches[:-1:spacing]
    yield from history.batches[-1:]
    if history.phase is not None and history.phase.progress is not None:
        yield history.phase.progress
