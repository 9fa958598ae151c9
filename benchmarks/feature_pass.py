"""The feature pass on the processor against the machine's own matrix multiplication, in the same precision.

python benchmarks/feature_pass.py FOLDER

FOLDER holds pictures, one folder for each class. Budget: at least 80 % of the rate of large square matrices for
VGG-16 and ResNet-18 at 224 pixels, and at most 5 % of the time for preparing the pictures.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import torch

from cnn_tui.engine.features.backbone import feature_batch
from frozen import Frozen, flops, frozen, load, matmul_rate, setting
from reporting import save

_PICTURES = {"resnet18": 256, "vgg16": 48}
_ROUNDS = 5
_SIZE = 224


@dataclass(frozen=True)
class Timing:
    """One pass over some pictures, in seconds: in all, and of that for preparing them."""

    whole: float
    preparing: float


def run_once(parts: Frozen, pictures: int) -> Timing:
    """Time a pass, as the program runs it but for keeping the features."""
    batches = parts.feed.batches(torch.arange(pictures), feature_batch(_SIZE, torch.device("cpu")))
    started, preparing = time.perf_counter(), 0.0
    while True:
        asked = time.perf_counter()
        batch = next(batches, None)
        preparing += time.perf_counter() - asked
        if batch is None:
            return Timing(time.perf_counter() - started, preparing)
        parts.backbone(batch[0])


def measure(folder: str, architecture: str) -> dict[str, Any]:
    """The best of a few passes beside the best of as many multiplications, taken in turns."""
    experiment = setting(folder, architecture, training={"device": "cpu"})
    parts, pictures = frozen(experiment, load(experiment)), _PICTURES[architecture]
    device, dtype = parts.backbone.compute.device, parts.backbone.compute.dtype
    run_once(parts, pictures // 8)
    rates, timings = [], []
    for _ in range(_ROUNDS):
        rates.append(matmul_rate(device, dtype))
        timings.append(run_once(parts, pictures))
    best = min(timings, key=lambda timing: timing.whole)
    achieved = flops(architecture) * pictures / best.whole
    return {
        "precision": parts.backbone.compute.precision,
        "images_per_second": round(pictures / best.whole, 1),
        "gflops": round(achieved / 1e9, 1),
        "matmul_gflops": round(max(rates) / 1e9, 1),
        "of_matmul": round(achieved / max(rates), 3),
        "preparing": round(best.preparing / best.whole, 3),
    }


def main(folder: str) -> None:
    """Measure both networks and compare with the budget."""
    figures: dict[str, Any] = {"threads": torch.get_num_threads(), "batch": feature_batch(_SIZE, torch.device("cpu"))}
    for architecture in _PICTURES:
        figures[architecture] = measure(folder, architecture)
    figures["budget"] = "of_matmul at least 0.8, preparing at most 0.05"
    save("feature_pass", figures)


if __name__ == "__main__":
    main(sys.argv[1])
