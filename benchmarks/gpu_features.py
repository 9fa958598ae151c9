"""The feature passes of the report's seven models on a GPU.

python benchmarks/gpu_features.py FOLDER [PICTURES]

FOLDER holds pictures, one folder for each class; of fewer than PICTURES (60,000) some are used again. Budget on one
H200: all seven in 20 s at 224 pixels. Timed is what the program does for each picture, from bytes on the device to
features; building the networks is not.
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from cnn_tui.engine.features.backbone import feature_batch
from frozen import SEVEN, Frozen, flops, frozen, load, matmul_rate, seconds, setting
from reporting import save

_BUDGET = 20
_SIZE = 224
_WARM_UP_BATCHES = 3


def run(parts: Frozen, rows: torch.Tensor, batch: int) -> None:
    """Compute the features of these rows and keep them on the device, as a pass does."""
    done, features = 0, torch.empty(0)
    for pictures, _ in parts.feed.batches(rows, batch):
        found = parts.backbone(pictures)
        if not done:
            features = found.new_empty((len(rows), *found.shape[1:]))
        features[done : done + len(found)] = found
        done += len(found)


def prepare(parts: Frozen, rows: torch.Tensor, batch: int) -> None:
    """Only resize and normalise them."""
    for _ in parts.feed.batches(rows, batch):
        pass


def measure(architecture: str, folder: str, pictures: int, rate: float) -> dict[str, Any]:
    """Time one model's pass over so many pictures; ``rate`` is that of large square matrices."""
    experiment = setting(folder, architecture, training={"device": "cuda"})
    loaded = load(experiment)
    parts = frozen(experiment, loaded)
    device = parts.backbone.compute.device
    batch = feature_batch(_SIZE, device)
    known = torch.cat([loaded.train_indices, loaded.validation_indices])
    rows = known[torch.arange(pictures) % len(known)]
    run(parts, rows[: _WARM_UP_BATCHES * batch], batch)
    took = seconds(lambda: run(parts, rows, batch), device)
    return {
        "seconds": round(took, 2),
        "pictures_per_second": round(pictures / took),
        "of_matmul": round(flops(architecture) * pictures / took / rate, 3),
        "preparing": round(seconds(lambda: prepare(parts, rows, batch), device) / took, 3),
        "batch": batch,
    }


def main(folder: str, pictures: int) -> None:
    """Measure all seven, and their sum beside the budget."""
    if not torch.cuda.is_available():
        print("There is no GPU that PyTorch can use: nothing was measured.")
        return
    rate = matmul_rate(torch.device("cuda"), torch.bfloat16)
    table = {}
    print(f"{'model':<12}{'seconds':>9}{'pictures/s':>12}{'of matmul':>11}{'preparing':>11}")
    for architecture in SEVEN:
        row = table[architecture] = measure(architecture, folder, pictures, rate)
        print(
            f"{architecture:<12}{row['seconds']:>9}{row['pictures_per_second']:>12,}"
            f"{row['of_matmul']:>11}{row['preparing']:>11}"
        )
        torch.cuda.empty_cache()
    save(
        "gpu_features",
        {
            "gpu": torch.cuda.get_device_name(),
            "pictures": pictures,
            "matmul_tflops": round(rate / 1e12, 1),
            **table,
            "total_seconds": round(sum(row["seconds"] for row in table.values()), 1),
            "budget_seconds": _BUDGET,
        },
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60_000)
