"""What keeping features in bfloat16 costs in accuracy.

python benchmarks/bfloat16.py FOLDER [PICTURES] [EPOCHS]

FOLDER holds pictures as root/train/<class> and root/test/<class>. A ResNet-18 is trained from nothing on PICTURES of
them, and its frozen layers are used for runs in float32 and in bfloat16, whose accuracies on the test pictures are
compared.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import nn

from frozen import setting
from outcome import Outcome, run
from reporting import save

_SEEDS = 3


def trained_weights(folder: str, pictures: int, epochs: int, path: Path) -> float:
    """Train a ResNet-18 from nothing at 32 pixels and save it without its last layer's sense; its accuracy."""
    outcome = run(
        setting(
            folder,
            "resnet18",
            data={"image_size": 32, "train_limit": pictures, "augment": "flip"},
            model={"trainable": "all"},
            training={"epochs": epochs, "batch_size": 128},
        )
    )
    anew = {f"fc.{name}": tensor for name, tensor in nn.Linear(512, 1000).state_dict().items()}
    torch.save(outcome.weights | anew, path)
    return outcome.accuracy


def precisions(folder: str, weights: Path, pictures: int) -> dict[str, Any]:
    """The last layer learnt on features in float32 and in bfloat16, for a few seeds."""
    found: dict[str, list[Outcome]] = {
        precision: [
            run(
                setting(
                    folder,
                    "resnet18",
                    data={"image_size": 32, "train_limit": pictures},
                    model={"weights": str(weights)},
                    training={"epochs": 10, "precision": precision, "seed": seed},
                )
            )
            for seed in range(_SEEDS)
        ]
        for precision in ("float32", "bfloat16")
    }
    accuracies = {precision: [outcome.accuracy for outcome in outcomes] for precision, outcomes in found.items()}
    pairs = zip(found["float32"], found["bfloat16"], strict=True)
    return {
        **{f"accuracy_{precision}": [round(value, 4) for value in values] for precision, values in accuracies.items()},
        "bfloat16_costs": round(mean(accuracies["float32"]) - mean(accuracies["bfloat16"]), 4),
        "same_predictions": round(mean(float((a.predicted == b.predicted).double().mean()) for a, b in pairs), 4),
    }


def main(folder: str, pictures: int, epochs: int) -> None:
    """Measure in a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["CNN_TUI_HOME"] = home
        weights = Path(home) / "resnet18.pth"
        trained = round(trained_weights(folder, pictures, epochs, weights), 4)
        save(
            "bfloat16", {"pictures": pictures, "trained_from_nothing": trained} | precisions(folder, weights, pictures)
        )


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]) if len(sys.argv) > 2 else 50_000,
        int(sys.argv[3]) if len(sys.argv) > 3 else 10,
    )
