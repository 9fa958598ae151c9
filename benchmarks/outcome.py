"""The outcome of a run, for the benchmarks that compare runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.training.train import train
from cnn_tui.engine.training.train_group import Artifacts
from cnn_tui.events import EpochFinished, Event, RunFinished


@dataclass(frozen=True)
class Outcome:
    """The training losses of a run's epochs, its test loss, and its predictions for the test images."""

    losses: list[float]
    test_loss: float
    predicted: Tensor
    actual: Tensor
    weights: dict[str, Tensor]

    @property
    def accuracy(self) -> float:
        """The share of correct predictions."""
        return float((self.predicted == self.actual).double().mean())


def run(experiment: Experiment) -> Outcome:
    """Train and test."""
    kept: list[Artifacts] = []

    def keep(artifacts: Artifacts) -> Iterator[Event]:
        kept.append(artifacts)
        yield from ()

    events = list(train(experiment, save=keep))
    if not kept:
        raise RuntimeError(f"the run failed: {[event for event in events if isinstance(event, RunFinished)]}")
    losses = [event.train_loss for event in events if isinstance(event, EpochFinished)]
    found = kept[0].evaluation
    return Outcome(losses, found.loss, found.predicted, found.actual, kept[0].weights)
