"""Which device a job needs, decided without PyTorch: the service only schedules."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path

from cnn_tui.config.job import Job


def gpu_names() -> list[str]:
    """The NVIDIA GPUs that jobs may use, as PyTorch names them."""
    count = len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        count = min(count, len([name for name in visible.split(",") if name.strip() not in ("", "-1")]))
    return [f"cuda:{index}" for index in range(count)]


def usable_devices(job: Job, gpus: list[str]) -> list[str]:
    """The devices on which a job could run, the best first."""
    wanted = {preset.experiment.training.device for preset in job.runs}
    device = wanted.pop() if len(wanted) == 1 else "auto"
    if device in ("auto", "cuda"):
        return gpus or [default_device(gpus)]
    return [device]


def default_device(gpus: list[str]) -> str:
    """The device of jobs that do not ask for a certain one, while all are free."""
    return gpus[0] if gpus else "mps" if sys.platform == "darwin" else "cpu"


def gpu_index(device: str) -> int | None:
    """The index of a GPU, None for another device."""
    kind, _, index = device.partition(":")
    return int(index) if kind == "cuda" and index else None


def first_free(devices: list[str], used: Collection[str]) -> str | None:
    """The first device that is not in use, None if all are."""
    return next((device for device in devices if device not in used), None)
