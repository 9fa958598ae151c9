"""A session copied at arbitrary times, as a power failure would leave it: each copy opens, none lost an epoch."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from cnn_tui import paths
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.engine.control import Control
from cnn_tui.engine.training.checkpoint import Checkpointer
from cnn_tui.jobs import run_job
from cnn_tui.store.checkpoints import newest_checkpoint
from cnn_tui.store.sessions import load_session, read_history

COPIES = 50
SETTINGS = [
    "data.dataset=digits",
    "data.train_limit=60",
    "data.test_limit=20",
    "data.image_size=32",
    "model.architecture=resnet18",
    "model.weights=random",
    "model.trainable=last_layer",
    "training.epochs=1000",
]


def copied(folder: Path, target: Path) -> None:
    """Copy file by file; what is removed or renamed meanwhile is missing in the copy."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            (target / path.relative_to(folder)).parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(path, target / path.relative_to(folder))
            except FileNotFoundError:
                continue


def test_every_copy_opens_and_none_lost_a_finished_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checkpointer, "due_after_epoch", True)
    control, preset = Control(), RunPreset(name="run", experiment=override(Experiment(), SETTINGS))
    run = threading.Thread(target=lambda: [*run_job(Job(preset=preset), control)])
    run.start()
    try:
        while not (folders := [*paths.sessions_folder().glob("*/checkpoint/*.json")]):
            run.join(0.01)
        session, continued = folders[0].parent.parent, 0
        for number in range(COPIES):
            epochs = len(read_history(session).epochs)
            copy = tmp_path / f"{number}"
            copied(session, copy)
            assert load_session(copy).status == "killed"
            assert len(read_history(copy).epochs) >= epochs
            found = newest_checkpoint(copy)
            # The description is copied before its tensors: if both were removed meanwhile, the copy has neither.
            continued += found is not None and len(found[0].epochs) >= epochs - 1
            shutil.rmtree(copy)
        assert run.is_alive()
        assert continued > COPIES // 2
    finally:
        control.stop()
        control.stop()
        run.join()
