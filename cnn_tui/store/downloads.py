"""The downloads that an experiment needs, determined without PyTorch."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cnn_tui import paths
from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import Experiment

_SIZE_TOLERANCE = 1024  # torchvision gives the size of a weights file in thousandths of a MiB


@dataclass(frozen=True)
class Download:
    """A download needed before training."""

    title: str
    bytes: int


def missing_downloads(experiment: Experiment) -> tuple[Download, ...]:
    """The downloads that an experiment needs and that are not on this machine yet."""
    dataset, model = DATASETS[experiment.data.dataset], experiment.model
    downloads = []
    missing = dataset.missing(paths.datasets_folder() / dataset.name)
    if missing:
        downloads.append(Download(dataset.title, sum(file.bytes for file in missing)))
    if model.weights == "imagenet" and not has_imagenet_weights(model.architecture):
        size = ARCHITECTURES[model.architecture].weights_bytes
        downloads.append(Download(f"ImageNet weights of {model.architecture}", size))
    return tuple(downloads)


def has_imagenet_weights(architecture: str) -> bool:
    """Whether torchvision's weights are in this program's folder or in PyTorch's."""
    name, size = _alphanumeric(architecture), ARCHITECTURES[architecture].weights_bytes
    return any(
        _alphanumeric(path.name).startswith(name) and abs(path.stat().st_size - size) < _SIZE_TOLERANCE
        for folder in (paths.weights_folder(), _pytorch_folder())
        for path in folder.glob("*.pth")
        if path.is_file()
    )


def _alphanumeric(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name)


def _pytorch_folder() -> Path:
    """The folder of PyTorch's downloads."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub" / "checkpoints"
