"""The time of a last layer's epoch on stored features, against what its arithmetic and its memory traffic need here.

python benchmarks/heads.py

ResNet-18's last layer sees the features themselves; before VGG-16's there are two dropouts and a frozen layer, which
run in every step. Budget: at most three times the floor for ResNet-18's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from cnn_tui.config.experiment import ModelConfig, TrainingConfig
from cnn_tui.engine.control import never
from cnn_tui.engine.device import Compute, compute
from cnn_tui.engine.features.feature_batches import FeatureBatches
from cnn_tui.engine.features.split_backbone import split_backbone
from cnn_tui.engine.models.build import build, load_weights
from cnn_tui.engine.training.head_stack import HeadStack
from cnn_tui.engine.training.learner import TrainingSetup
from frozen import matmul_rate
from reporting import save

ROWS, CLASSES, BATCH = 45_000, 10, 32
FEATURES = {"resnet18": 512, "vgg16": 4096}
FLOAT = 4
PASSES_OVER_BATCH = 4  # read from the store, written in order, read forward, read backward
PASSES_OVER_STATE = 8  # weights, gradient and two moments, each read and written


def material(architecture: str, chosen: Compute) -> TrainingSetup:
    """A network's head, and features for as many pictures as CIFAR-10 has for training."""
    model = ModelConfig(architecture=architecture, weights="random", trainable="last_layer")
    classifier = build(model, CLASSES, 224, 0)
    list(load_weights(classifier))
    features = torch.rand(ROWS, FEATURES[architecture])
    feed = FeatureBatches(features, torch.arange(ROWS), torch.randint(0, CLASSES, (ROWS,)))
    return TrainingSetup(classifier, split_backbone(classifier).head, feed, feed, feed, chosen, 4096)


def best(work: Callable[[], object], times: int = 5) -> float:
    """The least seconds that it took."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def floor(layers: Iterator[nn.Linear], chosen: Compute) -> tuple[float, float]:
    """Seconds that an epoch's arithmetic takes at the rate of large products, and its traffic at a copy's.

    Only the last of the layers learns, in float32; the others are run in the precision of the frozen network.
    """
    *frozen, last = layers
    source, target = torch.rand(2**25), torch.empty(2**25)
    bandwidth = 2 * source.nbytes / best(lambda: target.copy_(source))
    work = 2 * 2 * ROWS * last.in_features * CLASSES  # logits and gradient
    arithmetic = work / matmul_rate(chosen.device, torch.float32)
    if frozen:
        work = sum(2 * ROWS * layer.in_features * layer.out_features for layer in frozen)
        arithmetic += work / matmul_rate(chosen.device, chosen.dtype)
    traffic = PASSES_OVER_BATCH * ROWS * last.in_features * FLOAT
    traffic += PASSES_OVER_STATE * -(-ROWS // BATCH) * (last.in_features + 1) * CLASSES * FLOAT
    return arithmetic, traffic / bandwidth


def measure(architecture: str) -> dict[str, Any]:
    """One epoch of one head."""
    steps, chosen = -(-ROWS // BATCH), compute(TrainingConfig(device="cpu"))
    parts = material(architecture, chosen)
    learner = HeadStack(parts, [TrainingConfig(batch_size=BATCH)])

    def epoch() -> None:
        for _ in learner.steps([torch.randperm(ROWS)], [1.0] * steps, never):
            pass

    seconds = best(epoch)
    layers = (layer for layer in parts.head or () if isinstance(layer, nn.Linear))
    arithmetic, traffic = floor(layers, chosen)
    return {
        "precision of frozen layers": chosen.precision,
        "epoch of 45,000 rows, ms": round(1000 * seconds, 1),
        "a step of 32, us": round(1e6 * seconds / steps, 1),
        "arithmetic alone, ms": round(1000 * arithmetic, 1),
        "memory traffic alone, ms": round(1000 * traffic, 1),
        "ratio": round(seconds / (arithmetic + traffic), 2),
    }


def main() -> None:
    """Measure both heads."""
    save("heads", {name: measure(name) for name in FEATURES} | {"budget": "at most 3 times for resnet18"})


if __name__ == "__main__":
    main()
