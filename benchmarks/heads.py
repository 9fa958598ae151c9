"""The time of a head's epoch on stored features, against what its arithmetic and its memory traffic need here.

python benchmarks/heads.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import nn

from cnn_tui.config.experiment import ModelConfig, TrainingConfig
from cnn_tui.engine.device import Compute
from cnn_tui.engine.feeds import FeatureFeed
from cnn_tui.engine.learner import Material
from cnn_tui.engine.models import build, load_weights
from cnn_tui.engine.stack import HeadStack
from cnn_tui.engine.stopping import never
from reporting import save

ROWS, FEATURES, CLASSES, BATCH = 45_000, 512, 10, 32
FLOAT = 4
PASSES_OVER_BATCH = 4  # read from the store, written in order, read forward, read backward
PASSES_OVER_STATE = 8  # weights, gradient and two moments, each read and written


def material() -> Material:
    """ResNet-18's last layer and features for as many pictures as CIFAR-10 has for training."""
    classifier = build(ModelConfig(weights="random", trainable="last_layer"), CLASSES, 32, 0)
    list(load_weights(classifier))
    head = nn.Sequential(classifier.network.get_submodule("fc"))
    feed = FeatureFeed(torch.rand(ROWS, FEATURES), torch.arange(ROWS), torch.randint(0, CLASSES, (ROWS,)))
    return Material(classifier, head, feed, feed, feed, Compute(torch.device("cpu"), torch.float32), 4096)


def best(work: Callable[[], object], times: int = 5) -> float:
    """The least seconds that it took."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def floor() -> tuple[float, float]:
    """Seconds that an epoch's arithmetic takes at the rate of large products, and its traffic at a copy's."""
    size = 2048
    left, right = torch.rand(size, size), torch.rand(size, size)
    rate = 2 * size**3 / best(lambda: left @ right)
    source, target = torch.rand(2**25), torch.empty(2**25)
    bandwidth = 2 * source.nbytes / best(lambda: target.copy_(source))
    steps = -(-ROWS // BATCH)
    work = 2 * 2 * ROWS * FEATURES * CLASSES  # logits and gradient
    traffic = PASSES_OVER_BATCH * ROWS * FEATURES * FLOAT
    traffic += PASSES_OVER_STATE * steps * (FEATURES + 1) * CLASSES * FLOAT
    return work / rate, traffic / bandwidth


def main() -> None:
    """Compare one epoch of one head."""
    steps = -(-ROWS // BATCH)
    learner = HeadStack(material(), [TrainingConfig(batch_size=BATCH)])

    def epoch() -> None:
        for _ in learner.steps([torch.randperm(ROWS)], [1.0] * steps, never):
            pass

    seconds = best(epoch)
    arithmetic, traffic = floor()
    save(
        "heads",
        {
            "epoch of 45,000 rows, ms": round(1000 * seconds, 1),
            "a step of 32, us": round(1e6 * seconds / steps, 1),
            "arithmetic alone, ms": round(1000 * arithmetic, 1),
            "memory traffic alone, ms": round(1000 * traffic, 1),
            "ratio": round(seconds / (arithmetic + traffic), 2),
            "budget": "at most 3 times",
        },
    )


if __name__ == "__main__":
    main()
