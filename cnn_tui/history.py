"""The story of a run, folded from its events. Charts, command line, session files and reports read this."""

from __future__ import annotations

from dataclasses import dataclass, field

from cnn_tui.config.experiment import Experiment
from cnn_tui.events import (
    BatchFinished,
    Environment,
    EpochFinished,
    ErrorReport,
    Event,
    Parameters,
    Phase,
    PhaseName,
    Progress,
    RunFinished,
    RunStarted,
    WarningRaised,
)
from cnn_tui.metrics import Result

MOST_BATCHES = 8192
"""Beyond these every second one is forgotten: no chart has as many columns, and a long run must not fill memory."""
_LEAST_SECONDS, _LEAST_FRACTION = 1.0, 0.01  # before these a pace is only noise


@dataclass
class PhaseRecord:
    """One part of a run; times in seconds since the epoch."""

    name: PhaseName
    detail: str
    started: float
    ended: float | None = None
    progress: Progress | None = None

    @property
    def fraction(self) -> float | None:
        """How much of it is done, None where nobody knows."""
        if self.ended is not None:
            return 1.0
        if self.progress is None or not self.progress.total:
            return None
        return min(1.0, self.progress.done / self.progress.total)


@dataclass
class RunHistory:
    """Everything known of a run so far. Events go in by :meth:`apply` and nowhere else."""

    session_id: str = ""
    experiment: Experiment | None = None
    environment: Environment | None = None
    parameters: Parameters | None = None
    started: float | None = None
    updated: float | None = None
    phases: list[PhaseRecord] = field(default_factory=list)
    batches: list[BatchFinished] = field(default_factory=list)
    epochs: list[EpochFinished] = field(default_factory=list)
    warnings: list[WarningRaised] = field(default_factory=list)
    finished: RunFinished | None = None

    def apply(self, event: Event) -> None:
        """Fold in the next event."""
        self.updated = event.time
        match event:
            case RunStarted():
                self.session_id, self.experiment = event.session_id, event.experiment
                self.environment, self.parameters = event.environment, event.parameters
                self.started = event.time
            case Phase():
                self._end_phase(event.time)
                self.phases.append(PhaseRecord(event.name, event.detail, event.time))
            case Progress():
                if self.phases:
                    self.phases[-1].progress = event
            case BatchFinished():
                self.batches.append(event)
                if len(self.batches) > MOST_BATCHES:
                    del self.batches[1:-1:2]
            case EpochFinished():
                self.epochs.append(event)
            case WarningRaised():
                self.warnings.append(event)
            case RunFinished():
                self._end_phase(event.time)
                self.finished = event

    @property
    def phase(self) -> PhaseRecord | None:
        """The part that the run is in, None before the first and after the end."""
        return self.phases[-1] if self.phases and self.finished is None else None

    @property
    def result(self) -> Result | None:
        """The result, once there is one."""
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
        """A guess for what is left of the present phase at its pace so far; None while there is too little to tell."""
        phase = self.phase
        if phase is None or self.updated is None:
            return None
        elapsed, fraction = self.updated - phase.started, phase.fraction or 0.0
        if elapsed < _LEAST_SECONDS or fraction < _LEAST_FRACTION:
            return None
        return elapsed * (1 - fraction) / fraction

    def _end_phase(self, time: float) -> None:
        if self.phases:
            self.phases[-1].ended = time


def best_epoch(epochs: list[EpochFinished]) -> EpochFinished | None:
    """The earliest epoch with the lowest validation loss, None without validation."""
    measured = [epoch for epoch in epochs if epoch.validation_loss is not None]
    return min(measured, key=lambda epoch: epoch.validation_loss or 0.0, default=None)
