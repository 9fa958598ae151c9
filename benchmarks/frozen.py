"""What the benchmarks of the frozen part share: real pictures, a backbone, and what the machine can do at best."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.control import never
from cnn_tui.engine.data import loading
from cnn_tui.engine.data.batches import ImageBatches, Preprocess
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.device import compute, synchronize
from cnn_tui.engine.features.backbone import Backbone, split_backbone
from cnn_tui.engine.models.build import build, load_weights

SEVEN = ("vgg16", "vgg19", "resnet18", "resnet34", "resnet50", "alexnet", "googlenet")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Frozen:
    """A backbone, and a feed of the training pictures that it takes."""

    backbone: Backbone
    feed: ImageBatches


def setting(folder: str, architecture: str, **changes: dict[str, Any]) -> Experiment:
    """The report's experiment on a folder of pictures, with random weights; ``changes`` by section."""
    document: dict[str, dict[str, Any]] = {
        "data": {"dataset": "folder", "root": folder, "image_size": 224},
        "model": {"architecture": architecture, "weights": "random", "trainable": "last_layer"},
        "training": {},
    }
    for section, fields in changes.items():
        document[section].update(fields)
    return Experiment.model_validate(document)


def load(experiment: Experiment) -> LoadedData:
    """The pictures of an experiment."""
    return returned(loading.load(experiment.data, experiment.training.seed, never, sampled=True))


def frozen(experiment: Experiment, loaded: LoadedData) -> Frozen:
    """The experiment's backbone as a feature pass runs it."""
    chosen = compute(experiment.training)
    classifier = build(experiment.model, len(loaded.classes), experiment.data.image_size, experiment.training.seed)
    list(load_weights(classifier))
    classifier.network.to(chosen.device).to(memory_format=torch.channels_last)
    classifier.eval_mode()
    preprocess = Preprocess(experiment.data.image_size, *loaded.statistics())
    feed = ImageBatches(loaded.to(chosen.device).train, preprocess, chosen.device)
    return Frozen(Backbone(split_backbone(classifier).backbone, chosen), feed)


def flops(architecture: str) -> float:
    """Floating-point operations for one picture at 224 pixels; two for each multiply-accumulate."""
    return 2e9 * ARCHITECTURES[architecture].gmacs


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations per second of large square matrices: the best of a few products."""
    size = 8192 if device.type == "cuda" else 2048
    matrix = torch.randn(size, size, device=device).to(dtype)
    return 2 * size**3 / min(seconds(lambda: matrix @ matrix, device) for _ in range(6))


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """How long something takes, to its end."""
    synchronize(device)
    started = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - started


def returned(steps: Generator[Any, None, _Value]) -> _Value:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as finished:
            value: _Value = finished.value
            return value
