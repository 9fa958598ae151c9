"""The time of a last layer's epoch on stored features, against what its arithmetic and its memory traffic need here.

python benchmarks/heads.py

ResNet-18's last layer sees the features themselves; before VGG-16's there are two dropouts and a frozen layer, which
run in every step. SqueezeNet's sees each of 169 positions, behind a dropout, of packed features of which nine in ten
are zero, as with ImageNet's weights. Budget: at most three times the floor for ResNet-18's; 1.2 s for SqueezeNet's
6,000 images on two cores.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cnn_tui.config.experiment import ModelConfig, TrainingConfig
from cnn_tui.engine.control import never
from cnn_tui.engine.device import Compute, compute
from cnn_tui.engine.features.backbone import split_backbone
from cnn_tui.engine.features.feature_batches import FeatureBatches
from cnn_tui.engine.features.packed_maps import packed
from cnn_tui.engine.models.build import build, load_weights
from cnn_tui.engine.training.head_stack import HeadStack
from cnn_tui.engine.training.learner import Learner, TrainingSetup
from cnn_tui.engine.training.map_stack import MapStack
from frozen import matmul_rate
from reporting import save

CLASSES, BATCH = 10, 32
FLOAT, HALF = 4, 2
_ABOVE_ZERO, _PACKED_TOGETHER = 0.1, 64
PASSES_OVER_BATCH = 4  # read from the store, written in order, read forward, read backward
PASSES_OVER_STATE = 8  # weights, gradient and two moments, each read and written


@dataclass(frozen=True)
class Head:
    """A head, and how many pictures' features it is measured on: as many as CIFAR-10 has for training, if they fit."""

    architecture: str
    shape: tuple[int, ...]
    rows: int = 45_000

    @property
    def is_on_maps(self) -> bool:
        """Whether its last layer sees every position of a map."""
        return len(self.shape) > 1

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-self.rows // BATCH)


HEADS = (Head("resnet18", (512,)), Head("vgg16", (4096,)), Head("squeezenet1_1", (169, 512), 6_000))


def material(head: Head, chosen: Compute) -> TrainingSetup:
    """A network's head, and features."""
    model = ModelConfig(architecture=head.architecture, weights="random", trainable="last_layer")
    classifier = build(model, CLASSES, 224, 0)
    list(load_weights(classifier))
    features = sparse_maps(head) if head.is_on_maps else torch.rand(head.rows, *head.shape)
    feed = FeatureBatches(features, torch.arange(head.rows), torch.randint(0, CLASSES, (head.rows,)))
    normalisation = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    return TrainingSetup(classifier, split_backbone(classifier).head, feed, feed, feed, chosen, 4096, normalisation)


def sparse_maps(head: Head) -> torch.Tensor:
    """Packed maps with a tenth of their values above zero."""
    parts = torch.split(torch.arange(head.rows), _PACKED_TOGETHER)
    shapes = [(len(part), *head.shape) for part in parts]
    return torch.cat([packed(torch.rand(shape) * (torch.rand(shape) < _ABOVE_ZERO)) for shape in shapes])


def best(work: Callable[[], object], times: int = 5) -> float:
    """The least seconds that it took."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def floor(head: Head, layers: Sequence[nn.Linear], chosen: Compute) -> tuple[float, float]:
    """Seconds that an epoch's arithmetic takes at the rate of large products, and its traffic at a copy's.

    Only the last of the layers learns, in float32; the others are run in the precision of the frozen network. Maps are
    read from memory once, and all else is done in a cache.
    """
    inputs = layers[-1].in_features if layers else head.shape[-1]
    elements, frozen = head.rows * math.prod((*head.shape[:-1], inputs)), layers[:-1]
    source, target = torch.rand(2**25), torch.empty(2**25)
    bandwidth = 2 * source.nbytes / best(lambda: target.copy_(source))
    arithmetic = 2 * 2 * elements * CLASSES / matmul_rate(chosen.device, torch.float32)  # logits and gradient
    if frozen:
        work = sum(2 * head.rows * layer.in_features * layer.out_features for layer in frozen)
        arithmetic += work / matmul_rate(chosen.device, chosen.dtype)
    traffic = elements * (HALF if head.is_on_maps else PASSES_OVER_BATCH * FLOAT)
    traffic += PASSES_OVER_STATE * head.steps * (inputs + 1) * CLASSES * FLOAT
    return arithmetic, traffic / bandwidth


def measure(head: Head) -> dict[str, Any]:
    """One epoch of one head."""
    chosen = compute(TrainingConfig(device="cpu"))
    parts, config = material(head, chosen), TrainingConfig(batch_size=BATCH)
    learner: Learner = (MapStack if head.is_on_maps else HeadStack)(parts, [config])

    def epoch() -> None:
        for _ in learner.steps([torch.randperm(head.rows)], [1.0] * head.steps, never):
            pass

    seconds = best(epoch)
    layers = [layer for layer in parts.head or () if isinstance(layer, nn.Linear)]
    arithmetic, traffic = floor(head, layers, chosen)
    return {
        "precision of frozen layers": chosen.precision,
        f"epoch of {head.rows:,} rows, ms": round(1000 * seconds, 1),
        "a step of 32, us": round(1e6 * seconds / head.steps, 1),
        "arithmetic alone, ms": round(1000 * arithmetic, 1),
        "memory traffic alone, ms": round(1000 * traffic, 1),
        "ratio": round(seconds / (arithmetic + traffic), 2),
    }


def main() -> None:
    """Measure each head."""
    figures = {head.architecture: measure(head) for head in HEADS}
    save("heads", figures | {"budget": "at most 3 times for resnet18, 1.2 s for squeezenet1_1"})


if __name__ == "__main__":
    main()
