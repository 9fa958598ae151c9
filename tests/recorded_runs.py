"""Small recorded runs, for tests of what is done with their sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image

from cnn_tui.config.experiment import DataConfig
from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.engine.control import Control, never
from cnn_tui.engine.data import loading
from cnn_tui.history import JobHistory
from cnn_tui.jobs import run_job
from cnn_tui.store.predictions import Predictions
from cnn_tui.store.sessions import find_session
from image_folders import finish


def record_run(name: str, *, data: dict[str, Any], model: dict[str, Any], **training: Any) -> Path:
    """Train one epoch in float32 on the CPU, and return the folder of the session."""
    experiment = {
        "data": {"dataset": "digits", "image_size": 32, **data},
        "model": {"architecture": "shufflenet_v2_x0_5", "weights": "random", **model},
        "training": {"epochs": 1, "batch_size": 16, "device": "cpu", "precision": "float32", **training},
    }
    history = JobHistory(Job(preset=RunPreset.model_validate({"name": name, "experiment": experiment})))
    for event in run_job(history.job, Control()):
        history.apply(event)
    return find_session(history.ended[0])


def write_digits(folder: Path, session: Path) -> list[str]:
    """The test images of a session with grey digits, as files of their own size."""
    predictions, paths = Predictions.load(session), list[str]()
    _, loaded = finish(loading.load(DataConfig(dataset="digits"), 0, never))
    folder.mkdir()
    for number, image in enumerate(loaded.test.images(torch.from_numpy(predictions.index))):
        paths.append(str(folder / f"{number:03}.png"))
        Image.fromarray(image[0].numpy()).save(paths[-1])
    return paths
