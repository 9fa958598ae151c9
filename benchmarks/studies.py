"""What studies save: rows that share their training against the same rows one after the other.

python benchmarks/studies.py FOLDER [PICTURES]

FOLDER holds pictures, ``train/<class>`` and ``test/<class>``. The frozen backbone's features are computed before, so
that neither side pays for them, but for the study of epochs, where both sides do and the sum counts.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torchvision.models import resnet18

from cnn_tui.config.job import Job
from cnn_tui.config.study import StudyPreset
from cnn_tui.engine.control import Control
from cnn_tui.events import EpochFinished, RunEvent
from cnn_tui.jobs import run_job
from reporting import save

RATE = "training.optimizer.learning_rate"
REPORT_EPOCHS = [1, 3, 5, 7, 10, 15, 20, 40, 80]


def study(folder: str, weights: Path, pictures: int, factor: str, values: list[Any], epochs: int) -> StudyPreset:
    """ResNet-18's last layer, trained in batches of 32 on pictures of 64 pixels."""
    return StudyPreset.model_validate(
        {
            "name": "benchmark",
            "base": {
                "data": {
                    "dataset": "folder",
                    "root": folder,
                    "image_size": 64,
                    "train_limit": pictures,
                    "test_limit": 1000,
                },
                "model": {"architecture": "resnet18", "weights": str(weights), "trainable": "last_layer"},
                "training": {"epochs": epochs, "batch_size": 32},
            },
            "factor": factor,
            "values": values,
        }
    )


def run(one: StudyPreset, plain: bool) -> tuple[float, int]:
    """Seconds that a study takes, and how many epochs were told."""
    started, epochs = time.perf_counter(), 0
    for told in run_job(Job(preset=one, plain=plain, fresh=True), Control()):
        epochs += isinstance(told, RunEvent) and isinstance(told.event, EpochFinished)
    return time.perf_counter() - started, epochs


def compared(one: StudyPreset) -> dict[str, Any]:
    """Both ways, the shared one first and again last, so that a warm start favours neither."""
    together, _ = run(one, plain=False)
    apart, epochs = run(one, plain=True)
    again, _ = run(one, plain=False)
    together = min(together, again)
    return {
        "rows": len(one.values),
        "epochs in all rows": epochs,
        "together, s": round(together, 2),
        "one after the other, s": round(apart, 2),
        "times as fast": round(apart / together, 1),
    }


def rates(count: int) -> list[float]:
    """Learning rates from 0.1 to 0.000001, even on a logarithmic scale."""
    return [10 ** (-1 - 5 * place / (count - 1)) for place in range(count)]


def main(folder: str, pictures: int) -> None:
    """Learning rates together, then numbers of epochs together."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["CNN_TUI_HOME"] = home
        weights = Path(home) / "weights.pth"
        torch.manual_seed(0)
        torch.save(resnet18(num_classes=1000).state_dict(), weights)

        def made(factor: str, values: list[Any], epochs: int) -> StudyPreset:
            return study(folder, weights, pictures, factor, values, epochs)

        run(made("training.epochs", [1], 1), plain=True)  # computes the features
        figures: dict[str, Any] = {"pictures": pictures, "device": "cuda" if torch.cuda.is_available() else "cpu"}
        figures["6 learning rates, 20 epochs"] = compared(made(RATE, rates(6), 20)) | {"budget": "4 times on a CPU"}
        figures["64 learning rates, 20 epochs"] = compared(made(RATE, rates(64), 20)) | {"budget": "20 times on a GPU"}
        figures["9 numbers of epochs"] = compared(made("training.epochs", REPORT_EPOCHS, 1)) | {"budget": "2 times"}
        save("studies", figures)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5000)
