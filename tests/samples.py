"""Events and results for tests."""

from __future__ import annotations

import numpy as np

from cnn_tui.config.experiment import (
    Experiment,
    TrainingConfig,
)
from cnn_tui.events import (
    BatchFinished,
    Environment,
    EpochFinished,
    Event,
    Parameters,
    Phase,
    RunFinished,
    RunStarted,
)
from cnn_tui.metrics import Result, score

ENVIRONMENT = Environment(
    program="0.1.0",
    python="3.11.9",
    torch="2.10.0",
    torchvision="0.25.0",
    platform="Linux",
    device="cpu",
    device_name="A processor",
    precision="float32",
    cpu_count=2,
    memory_bytes=8 * 2**30,
)


def result(matrix: tuple[tuple[int, ...], ...] = ((3, 1), (0, 4)), classes: tuple[str, ...] = ("cat", "dog")) -> Result:
    """A result with these counts."""
    return Result(
        **score(np.array(matrix), classes).model_dump(),
        test_loss=0.5,
        best_epoch=2,
        epochs_run=2,
        train_seconds=1.5,
        total_seconds=2.5,
        images_per_second=100.0,
        peak_memory_bytes=1_000,
    )


def epoch(number: int, validation_loss: float | None = 0.5) -> EpochFinished:
    """The end of an epoch."""
    return EpochFinished(
        epoch=number,
        train_loss=1.0 / number,
        train_accuracy=0.5,
        validation_loss=validation_loss,
        validation_accuracy=None if validation_loss is None else 0.75,
        learning_rate=0.001,
        seconds=0.25,
        time=100.0 + number,
    )


def batch(epoch: int = 1, step: int = 1, steps: int = 4, **changes: float) -> BatchFinished:
    """A training step."""
    fields = {"loss": 0.4, "accuracy": 0.5, "images_per_second": 1234.0, "learning_rate": 0.001, "time": 100.5}
    return BatchFinished.model_validate({"epoch": epoch, "step": step, "steps": steps, **fields, **changes})


def started(session_id: str = "some-session", epochs: int = 2) -> RunStarted:
    """The first event of a run."""
    experiment = Experiment(training=TrainingConfig(epochs=epochs))
    parameters = Parameters(total=1_000, trainable=10)
    return RunStarted(
        session_id=session_id, experiment=experiment, environment=ENVIRONMENT, parameters=parameters, time=100.0
    )


def story(session_id: str = "some-session") -> list[Event]:
    """A run of two epochs, from start to end."""
    return [
        started(session_id),
        Phase(name="training", time=100.2),
        batch(loss=2.0, accuracy=0.25, images_per_second=50.0),
        epoch(1),
        epoch(2, 0.25),
        RunFinished(status="done", result=result(), time=110.0),
    ]
