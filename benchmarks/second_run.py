"""How soon a second run with another learning rate trains, in the trainer process that the workbench keeps.

python benchmarks/second_run.py FOLDER [ARCHITECTURE] [IMAGE_SIZE]

FOLDER holds pictures; 2,000 of them are trained on, with the last layer of a frozen network with random weights.
Budget: the first epoch ends within a second of the start.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import BatchFinished, EpochFinished, Phase, RunEvent
from cnn_tui.trainer.process import ProcessTrainer
from cnn_tui.trainer.protocol import Idle, JobUpdate, Trainer
from frozen import setting
from reporting import save

_PATIENCE = 600.0
_RATES = (0.001, 0.002, 0.003, 0.004)


def run(trainer: Trainer, preset: RunPreset) -> dict[str, Any]:
    """Run a preset; what the features were, and the seconds from the start to the first batch and epoch."""
    found: dict[str, Any] = {}
    started = time.perf_counter()
    trainer.submit(Job(preset=preset))
    while not isinstance(message := trainer.next_message(_PATIENCE), Idle):
        if message is None:
            raise RuntimeError("the trainer says nothing")
        update = message.event if isinstance(message, JobUpdate) else None
        event = update.event if isinstance(update, RunEvent) else None
        if isinstance(event, Phase) and event.name == "features":
            found["features"] = event.detail
        for kind, name in ((BatchFinished, "first_batch"), (EpochFinished, "first_epoch")):
            if isinstance(event, kind):
                found.setdefault(name, round(time.perf_counter() - started, 3))
    return found


def main(folder: str, architecture: str, size: int) -> None:
    """One run that computes the features, and three that find them."""
    trainer = ProcessTrainer()
    data = {"image_size": size, "train_limit": 2000, "test_limit": 500}
    try:
        trainer.start()
        runs = [
            run(
                trainer,
                RunPreset(
                    name="second run",
                    experiment=setting(
                        folder, architecture, data=data, training={"epochs": 5, "optimizer": {"learning_rate": rate}}
                    ),
                ),
            )
            for rate in _RATES
        ]
    finally:
        trainer.close(finish=False)
        trainer.wait(10)
    save(
        "second_run",
        {"architecture": architecture, "image_size": size, "first": runs[0], "later": runs[1:], "budget_seconds": 1.0},
    )


if __name__ == "__main__":
    main(
        sys.argv[1],
        sys.argv[2] if len(sys.argv) > 2 else "resnet18",
        int(sys.argv[3]) if len(sys.argv) > 3 else 224,
    )
