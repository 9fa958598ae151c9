"""What has to be fetched before an experiment can run, found out without PyTorch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cnn_tui import paths
from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import Experiment

_SIZE_TOLERANCE = 1024  # torchvision states the size of a weights file in thousandths of a MiB


@dataclass(frozen=True)
class Download:
    """Something that has to be fetched before training."""

    title: str
    bytes: int


def missing_downloads(experiment: Experiment) -> tuple[Download, ...]:
    """What an experiment needs and this machine does not have."""
    return tuple(_missing(experiment))


def _missing(experiment: Experiment) -> Iterator[Download]:
    dataset, model = DATASETS[experiment.data.dataset], experiment.model
    missing = dataset.missing(paths.datasets_folder() / dataset.name)
    if missing:
        yield Download(dataset.title, sum(file.bytes for file in missing))
    if model.weights == "imagenet" and not has_imagenet_weights(model.architecture):
        yield Download(f"ImageNet weights of {model.architecture}", ARCHITECTURES[model.architecture].weights_bytes)


def has_imagenet_weights(architecture: str) -> bool:
    """Whether the file of torchvision's weights is here, in this program's folder or in PyTorch's own."""
    name, size = _letters(architecture), ARCHITECTURES[architecture].weights_bytes
    return any(
        _letters(path.name).startswith(name) and abs(path.stat().st_size - size) < _SIZE_TOLERANCE
        for folder in (paths.weights_folder(), _pytorch_folder())
        for path in folder.glob("*.pth")
        if path.is_file()
    )


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name)


def _pytorch_folder() -> Path:
    """Where PyTorch keeps what it downloads."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub" / "checkpoints"
