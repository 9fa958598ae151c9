"""The state of a run and of a job, built from their events. All front ends, session files and reports read it here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.job import Job
from cnn_tui.events import (
    BatchFinished,
    Environment,
    EpochFinished,
    ErrorReport,
    Event,
    JobEvent,
    JobFinished,
    JobWaiting,
    Parameters,
    Phase,
    PhaseName,
    Progress,
    RunEvent,
    RunFinished,
    RunResumed,
    RunReused,
    RunStarted,
    WarningRaised,
)
from cnn_tui.metrics import Result

MOST_BATCHES = 8192
"""Above this number every second batch is dropped: no chart has as many columns, and memory stays bounded."""
_ROUNDING = 0.999
_OF_TRAINING: tuple[PhaseName, ...] = ("training", "testing")  # all other phases come before
_LEAST_SECONDS, _LEAST_FRACTION = 1.0, 0.01  # below these an estimate of the time left would be noise


@dataclass
class PhaseRecord:
    """A phase of a run; times in seconds since the epoch.

    Attributes:
        resumed_at: the fraction that was completed before the run was interrupted.
    """

    name: PhaseName
    detail: str
    started: float
    ended: float | None = None
    progress: Progress | None = None
    resumed_at: float = 0.0

    @property
    def fraction(self) -> float | None:
        """The completed fraction, None if unknown."""
        if self.ended is not None:
            return 1.0
        if self.progress is None or not self.progress.total:
            return None
        return min(1.0, self.progress.done / self.progress.total)


@dataclass
class RunHistory:
    """The state of a run so far. It changes only through :meth:`apply`.

    Attributes:
        batches: the reported steps and always the latest; of a long run as many as :data:`MOST_BATCHES`, evenly spaced.
        batch_spacing: the least distance of the batches in epochs: 0 until some were dropped, then doubled each time.
    """

    session_id: str = ""
    experiment: Experiment | None = None
    environment: Environment | None = None
    parameters: Parameters | None = None
    started: float | None = None
    updated: float | None = None
    phases: list[PhaseRecord] = field(default_factory=list)
    batches: list[BatchFinished] = field(default_factory=list)
    batch_spacing: float = 0.0
    epochs: list[EpochFinished] = field(default_factory=list)
    warnings: list[WarningRaised] = field(default_factory=list)
    finished: RunFinished | None = None

    def apply(self, event: Event) -> None:
        """Update the state with the next event."""
        before, self.updated = self.updated, event.time
        match event:
            case RunStarted():
                self.session_id, self.experiment = event.session_id, event.experiment
                self.environment, self.parameters = event.environment, event.parameters
                self.started = event.time
            case Phase():
                if before is not None and self._is_resumed_by(event):
                    self._end_phase(before)
                    self.started = None if self.started is None else self.started + event.time - before
                else:
                    self._end_phase(event.time)
                self.phases.append(PhaseRecord(event.name, event.detail, event.time))
            case RunResumed():
                if self.phases:
                    self.phases[-1].resumed_at = event.done / event.total
            case Progress():
                if self.phases:
                    self.phases[-1].progress = event
            case BatchFinished():
                self._add_batch(event)
            case EpochFinished():
                self.epochs.append(event)
            case WarningRaised():
                self.warnings.append(event)
            case RunFinished():
                self._end_phase(event.time)
                self.finished = event

    @property
    def phase(self) -> PhaseRecord | None:
        """The current phase, None before the first and after the end of the run."""
        return self.phases[-1] if self.phases and self.finished is None else None

    @property
    def result(self) -> Result | None:
        """The result, None if there is none (yet)."""
        return self.finished.result if self.finished else None

    @property
    def error(self) -> ErrorReport | None:
        """Why the run failed, if it did."""
        return self.finished.error if self.finished else None

    @property
    def best_epoch(self) -> EpochFinished | None:
        """The epoch with the lowest validation loss, None without validation."""
        return best_epoch(self.epochs)

    def seconds_left(self) -> float | None:
        """Estimate the time left in the current phase from its pace so far; None while it is too early to tell."""
        phase = self.phase
        if phase is None or self.updated is None:
            return None
        elapsed, fraction = self.updated - phase.started, phase.fraction or 0.0
        since_start = fraction - phase.resumed_at
        if elapsed < _LEAST_SECONDS or since_start < _LEAST_FRACTION:
            return None
        return elapsed * (1 - fraction) / since_start

    def _add_batch(self, batch: BatchFinished) -> None:
        """Add the latest batch; it replaces the one before it if that was too near to its predecessor.

        Otherwise the start of a long run would be thinned with every later half of the batches, until it is gone.
        """
        kept = self.batches
        if len(kept) > 1 and position(kept[-1]) - position(kept[-2]) < _ROUNDING * self.batch_spacing:
            kept.pop()
        kept.append(batch)
        if len(kept) > MOST_BATCHES:
            del kept[1:-1:2]
            mean = (position(kept[-1]) - position(kept[0])) / (len(kept) - 1)
            self.batch_spacing = 2 * self.batch_spacing or mean

    def _is_resumed_by(self, event: Phase) -> bool:
        """Whether another process begins with this phase. The time until then is not part of the run."""
        return bool(self.phases) and self.phases[-1].name in _OF_TRAINING and event.name not in _OF_TRAINING

    def _end_phase(self, time: float) -> None:
        if self.phases:
            self.phases[-1].ended = time


def position(batch: BatchFinished) -> float:
    """The end of a step in epochs: 1.5 after half of the second epoch."""
    return batch.epoch - 1 + batch.step / max(1, batch.steps)


def best_epoch(epochs: list[EpochFinished]) -> EpochFinished | None:
    """The earliest epoch with the lowest validation loss, None without validation."""
    measured = [epoch for epoch in epochs if epoch.validation_loss is not None]
    return min(measured, key=lambda epoch: epoch.validation_loss or 0.0, default=None)


@dataclass
class JobHistory:
    """The state of a job so far. It changes only through :meth:`apply`.

    Attributes:
        running: the started, unfinished runs by index, in the order in which they started.
        ended: the session of every finished or reused run by index; empty for a run that failed before it had one.
        reused: the number of runs whose results come from an earlier study.
        errors: the errors of failed runs by index.
        current: the index of the run to show: of those running the one that started last, else the one that ended last.
        current_run: the state of that run.
        waiting: why the job has not begun, None once it has.
        finished: the last event of the job, None before.
    """

    job: Job
    running: dict[int, RunHistory] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    reused: int = 0
    errors: dict[int, ErrorReport] = field(default_factory=dict)
    current: int = 0
    current_run: RunHistory = field(default_factory=RunHistory)
    waiting: JobWaiting | None = None
    finished: JobFinished | None = None

    def apply(self, event: JobEvent) -> RunHistory | None:
        """Update the state with the next event; return the run that the event belongs to, if any."""
        self.waiting = event if isinstance(event, JobWaiting) else None
        match event:
            case RunReused():
                self.reused += 1
                self.ended[event.run] = event.session_id
            case RunEvent():
                return self._apply_to_run(event.run, event.event)
            case JobFinished():
                self.finished = event
            case _:
                pass
        return None

    def end_all(self, error: ErrorReport) -> Iterator[JobEvent]:
        """The events that end an unfinished job after ``error``: one for every open run, and one for the job."""
        if self.finished is not None:
            return
        runs = list(self.running) or [0] * (self.job.study is None and not self.ended)
        for run in runs:
            yield RunEvent(run=run, event=RunFinished(status="failed", error=error))
        yield JobFinished(status="failed", failed=len(self.errors) + len(runs), error=error)

    def _apply_to_run(self, run: int, event: Event) -> RunHistory:
        history = self.running.get(run) or self.running.setdefault(run, RunHistory())
        history.apply(event)
        if isinstance(event, RunFinished):
            del self.running[run]
            self.ended[run] = history.session_id
            if event.error is not None:
                self.errors[run] = event.error
        self.current, self.current_run = next(reversed(self.running.items()), (run, history))
        return history
