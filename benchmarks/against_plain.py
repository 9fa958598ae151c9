"""The program against the plain loop of a tutorial, on the same pictures.

python benchmarks/against_plain.py FOLDER [PICTURES]

FOLDER holds pictures as root/train/<class> and root/test/<class>. Budgets, on a processor: a whole run of 20 epochs
of a frozen ResNet-18 at 224 pixels 50 times as fast; head epochs 5 times; training all layers 1.5 times (5 times on
a GPU). One epoch of the plain loop is measured, the other 19 take as long: both numbers are printed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import plain_loop
from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.training.setup import RunCache
from cnn_tui.engine.training.train import train
from cnn_tui.events import EpochFinished, Event, RunFinished
from cnn_tui.metrics import Result
from frozen import setting
from reporting import save

_EPOCHS = 20
_HEAD_EPOCHS = 100
_TEST_PICTURES = 100


def part_of(folder: Path, target: Path, pictures: int) -> int:
    """Link the first pictures of each class into a folder of its own; how many classes there are."""
    for split, count in (("train", pictures), ("test", _TEST_PICTURES)):
        classes = sorted(entry for entry in (folder / split).iterdir() if entry.is_dir())
        for source in classes:
            (target / split / source.name).mkdir(parents=True)
            for path in sorted(source.iterdir())[: count // len(classes)]:
                (target / split / source.name / path.name).symlink_to(path.resolve())
    return len(classes)


def run(experiment: Experiment, memory: RunCache) -> tuple[Result, list[Event], float]:
    """A whole run of the program, and its seconds."""
    started = time.perf_counter()
    events = list(train(experiment, cache=memory))
    finished = events[-1]
    if not isinstance(finished, RunFinished) or finished.result is None:
        raise RuntimeError(f"the run failed: {finished}")
    return finished.result, events, time.perf_counter() - started


def frozen_run(root: Path, classes: int, pictures: int) -> dict[str, Any]:
    """A frozen backbone at 224 pixels, and its head alone."""
    memory = RunCache()
    data, training = {"validation_fraction": 0.0}, {"epochs": _EPOCHS}
    _, _, ours = run(setting(str(root), "resnet18", data=data, training=training), memory)
    longer, _, _ = run(setting(str(root), "resnet18", data=data, training={"epochs": _HEAD_EPOCHS}), memory)
    head = longer.train_seconds / longer.epochs_run
    batches = plain_loop.loader(root / "train", 224, pictures)
    (epoch,) = plain_loop.train(plain_loop.network("resnet18", classes, frozen=True), batches, 1)
    labels = torch.arange(pictures) % classes
    plain_head = min(plain_loop.train_head(torch.randn(pictures, 512), labels, classes, 5))
    return {
        "frozen at 224": {
            "plain_epoch_seconds": round(epoch, 2),
            "plain_20_epochs_seconds": round(_EPOCHS * epoch, 1),
            "whole_run_seconds": round(ours, 2),
            "times_as_fast": round(_EPOCHS * epoch / ours, 1),
            "budget": 50,
        },
        "head epochs": {
            "plain_epoch_seconds": round(plain_head, 4),
            "epoch_seconds": round(head, 5),
            "times_as_fast": round(plain_head / head, 1),
            "budget": 5,
        },
    }


def whole_network(root: Path, classes: int, pictures: int, size: int) -> dict[str, Any]:
    """Training all layers: the faster of two epochs each, since the first one warms up."""
    changes: dict[str, dict[str, Any]] = {
        "data": {"image_size": size, "validation_fraction": 0.0},
        "model": {"trainable": "all"},
        "training": {"epochs": 2},
    }
    _, events, _ = run(setting(str(root), "resnet18", **changes), RunCache())
    ours = min(event.seconds for event in events if isinstance(event, EpochFinished))
    batches = plain_loop.loader(root / "train", size, pictures)
    plain = min(plain_loop.train(plain_loop.network("resnet18", classes, frozen=False), batches, 2))
    return {
        f"all layers at {size}": {
            "plain_epoch_seconds": round(plain, 2),
            "epoch_seconds": round(ours, 2),
            "times_as_fast": round(plain / ours, 2),
            "budget": 5 if torch.cuda.is_available() else 1.5,
        }
    }


def main(folder: str, pictures: int) -> None:
    """Measure all of it in a home of its own, so that nothing is there beforehand."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["CNN_TUI_HOME"] = home
        root = Path(home) / "pictures"
        classes = part_of(Path(folder).expanduser(), root, pictures)
        figures: dict[str, Any] = {"pictures": pictures, "device": str(plain_loop.device())}
        figures |= frozen_run(root, classes, pictures)
        for size in (32, 64):
            figures |= whole_network(root, classes, pictures, size)
        save("against_plain", figures)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000)
