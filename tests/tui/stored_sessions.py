"""Sessions on disk, written without training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cnn_tui import paths
from cnn_tui.config.experiment import DataConfig, Experiment, ModelConfig, OptimizerConfig, TrainingConfig
from cnn_tui.events import EpochFinished, ErrorReport, RunFinished, RunStarted
from cnn_tui.store.event_log import EventLog
from cnn_tui.store.predictions import Predictions, save_thumbnails
from cnn_tui.store.records import SessionRecord, Status
from cnn_tui.store.sessions import EVENTS_FILE, write_record
from samples import ENVIRONMENT, epoch, result

PETS = ("cat", "dog", "emu")
MATRIX = ((7, 3, 0), (1, 8, 1), (0, 0, 0))
HOSTILE = ("[/]", "[red]x", "a\x1b]52;c;eA==\x07", "\u202eabc", "👨‍👩‍👧", "y" * 200)


def store_session(
    session_id: str,
    *,
    name: str = "pets",
    classes: tuple[str, ...] = PETS,
    matrix: tuple[tuple[int, ...], ...] | None = MATRIX,
    status: Status = "done",
    error: ErrorReport | None = None,
    architecture: str = "resnet18",
    learning_rate: float = 0.001,
    epochs: tuple[EpochFinished, ...] = (epoch(1), epoch(2, 0.25)),
) -> Path:
    """Write a session's record, events, predictions and every second test image; without a matrix it has no result."""
    folder = paths.sessions_folder() / session_id
    folder.mkdir(parents=True)
    stored_result = None if matrix is None else result(matrix, classes)
    record = SessionRecord(
        name=name,
        experiment=Experiment(
            data=DataConfig(dataset="digits"),
            model=ModelConfig(architecture=architecture),
            training=TrainingConfig(epochs=2, optimizer=OptimizerConfig(learning_rate=learning_rate)),
        ),
        id=session_id,
        status=status,
        created="2026-11-23T00:15:02Z",
        environment=ENVIRONMENT,
        result=stored_result,
        error=error,
    )
    write_record(folder, record)
    _write_events(folder, record, epochs)
    if matrix is not None:
        _write_predictions(folder, np.array(matrix))
    return folder


def store_hostile_session(session_id: str = "20261123T001502Z-hostile") -> Path:
    """A session whose texts contain markup, control characters and wide characters."""
    matrix = tuple(tuple(row) for row in (np.eye(len(HOSTILE), dtype=int) * 3 + 1).tolist())
    return store_session(session_id, name=f"[bold]{HOSTILE[2]}[/]", classes=HOSTILE, matrix=matrix)


def _write_events(folder: Path, record: SessionRecord, epochs: tuple[EpochFinished, ...]) -> None:
    with EventLog(folder / EVENTS_FILE) as log:
        log.append(
            RunStarted(session_id=record.id, experiment=record.experiment, environment=ENVIRONMENT, parameters=None)
        )
        for epoch_finished in epochs:
            log.append(epoch_finished)
        log.append(RunFinished(status="done", result=record.result))


def _write_predictions(folder: Path, matrix: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
    actual, predicted = (np.repeat(axis.ravel(), matrix.ravel()) for axis in np.indices(matrix.shape))
    index = np.arange(len(actual), dtype=np.int64)
    confidence = np.linspace(0.5, 1.0, len(actual), dtype=np.float32)
    Predictions(actual, predicted, confidence, index).save(folder)
    stored = index[::2]
    save_thumbnails(folder, stored, np.full((len(stored), 8, 8, 3), 200, dtype=np.uint8))
