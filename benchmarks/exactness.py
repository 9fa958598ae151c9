"""What computing features once changes, and what keeping them in bfloat16 costs.

python benchmarks/exactness.py FOLDER [PICTURES] [EPOCHS]

FOLDER holds pictures as root/train/<class> and root/test/<class>. First the seven models of the report, in float32
and with random weights, are trained with the feature store and without. Then a ResNet-18 is trained from nothing on
PICTURES of the folder, and its frozen layers are used for runs in float32 and in bfloat16, whose accuracies on the
test pictures are compared.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.joint import Artifacts
from cnn_tui.engine.train import train
from cnn_tui.events import EpochFinished, Event, RunFinished
from frozen import SEVEN, setting
from reporting import save

_SIZE = 64  # of the seven's pictures; it changes no rule and saves minutes
_SEEDS = 3
_SEVEN_TRAIN, _SEVEN_TEST = 500, 1000


@dataclass(frozen=True)
class Outcome:
    """What a run came to: the losses of its epochs, and its predictions of the test pictures beside the truth."""

    losses: list[float]
    predicted: Tensor
    actual: Tensor
    weights: dict[str, Tensor]

    @property
    def accuracy(self) -> float:
        """The part that was predicted right."""
        return float((self.predicted == self.actual).double().mean())


def run(experiment: Experiment) -> Outcome:
    """Train and test."""
    kept: list[Artifacts] = []

    def keep(artifacts: Artifacts) -> Iterator[Event]:
        kept.append(artifacts)
        yield from ()

    events = list(train(experiment, keep=keep))
    if not kept:
        raise RuntimeError(f"the run failed: {[event for event in events if isinstance(event, RunFinished)]}")
    losses = [event.train_loss for event in events if isinstance(event, EpochFinished)]
    found = kept[0].evaluation
    return Outcome(losses, found.predicted, found.actual, kept[0].weights)


def store_against_none(folder: str, architecture: str) -> dict[str, Any]:
    """The same run with the feature store and without, in float32."""
    data = {"image_size": _SIZE, "train_limit": _SEVEN_TRAIN, "test_limit": _SEVEN_TEST}
    training = {"epochs": 2, "precision": "float32"}
    stored = run(setting(folder, architecture, data=data, training=training))
    plain = run(setting(folder, architecture, data=data, training=training | {"feature_cache": "off"}))
    differences = [abs(one - other) / other for one, other in zip(stored.losses, plain.losses, strict=True)]
    return {
        "loss_difference": float(f"{max(differences):.1e}"),
        "same_predictions": float((stored.predicted == plain.predicted).double().mean()),
    }


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
    """Measure both in a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["CNN_TUI_HOME"] = home
        figures: dict[str, Any] = {"pictures": pictures}
        figures |= {architecture: store_against_none(folder, architecture) for architecture in SEVEN}
        weights = Path(home) / "resnet18.pth"
        figures["trained_from_nothing"] = round(trained_weights(folder, pictures, epochs, weights), 4)
        figures["frozen"] = precisions(folder, weights, pictures)
        save("exactness", figures)


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]) if len(sys.argv) > 2 else 50_000,
        int(sys.argv[3]) if len(sys.argv) > 3 else 10,
    )
