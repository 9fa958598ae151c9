"""The most probable classes of image files, by the network of a session."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import Experiment
from cnn_tui.engine.control import ShouldStop, WithResult, never
from cnn_tui.engine.data.decode import UnreadableImageError, register_heif
from cnn_tui.engine.device import Compute, compute
from cnn_tui.engine.features.backbone import Backbone, split_backbone
from cnn_tui.engine.inference.image_input import ImageReader, find_image_input
from cnn_tui.engine.inference.restore import class_names, restore
from cnn_tui.engine.models.build import Classifier
from cnn_tui.engine.parallel import in_parallel
from cnn_tui.engine.training.evaluate import Forward, evaluate
from cnn_tui.engine.training.frozen_steps import converted
from cnn_tui.engine.training.head_stack import stackable
from cnn_tui.engine.training.setup import evaluation_batch
from cnn_tui.errors import ConfigError
from cnn_tui.events import Event
from cnn_tui.store.records import SessionRecord


@dataclass(frozen=True)
class ImagePrediction:
    """The classes of one image file.

    Attributes:
        top: up to five classes with their probabilities, the most probable first; empty if it cannot be read.
        problem: why it cannot be read; empty if it can.
    """

    path: str
    top: tuple[tuple[str, float], ...]
    problem: str = ""


def load_predictor(
    record: SessionRecord, folder: Path, should_stop: ShouldStop = never
) -> Generator[Event, None, Predictor]:
    """The network of a session, ready for image files.

    Raises:
        WeightsError: as for :func:`restore`.
        DataError: a session of an earlier version needs its data for this, and they are not available.
        StorageError: a file cannot be read.
        Stopped: ``should_stop`` returned True.
    """
    classifier = yield from restore(record, folder, should_stop)
    image_input = yield from find_image_input(record, classifier, should_stop)
    return Predictor(classifier, ImageReader(image_input, record), record)


class Predictor:
    """Classifies image files as the test of a session classified its images.

    They are prepared in the same way, and computed in the same precision by the same parts of the network.
    """

    def __init__(self, classifier: Classifier, reader: ImageReader, record: SessionRecord) -> None:
        chosen = _compute(record)
        classifier.network.to(chosen.device).to(memory_format=torch.channels_last)
        classifier.eval_mode()
        self._classes = class_names(record)
        self._reader = reader
        self._device = chosen.device
        self._batch = evaluation_batch(record.experiment.data.image_size, chosen.device)
        self._forward = _forward(classifier, record.experiment, chosen)
        register_heif()

    def predict(self, paths: Sequence[str]) -> Iterator[ImagePrediction]:
        """The classes of each file, in the order of ``paths``; the next files are decoded ahead."""
        with closing(in_parallel(self._read, paths, ahead=2 * self._batch)) as images:
            for start in range(0, len(paths), self._batch):
                part = paths[start : start + self._batch]
                yield from self._classify(part, list(islice(images, len(part))))

    def _read(self, path: str) -> Tensor | str:
        """An image as uint8 (C, H, W), or why it cannot be read."""
        try:
            return self._reader.read(path)
        except UnreadableImageError as error:
            return str(error)

    def _classify(self, paths: Sequence[str], images: Sequence[Tensor | str]) -> Iterator[ImagePrediction]:
        read = [image for image in images if isinstance(image, Tensor)]
        tops = iter(self._top_classes(torch.stack(read)) if read else ())
        for path, image in zip(paths, images, strict=True):
            if isinstance(image, Tensor):
                yield ImagePrediction(path, next(tops))
            else:
                yield ImagePrediction(path, (), image)

    def _top_classes(self, images: Tensor) -> list[tuple[tuple[str, float], ...]]:
        """The most probable classes of uint8 (B, C, H, W), by the evaluation that testing uses."""
        inputs = self._reader.preprocess(images.to(self._device))
        labels = torch.zeros(len(images), dtype=torch.int64, device=self._device)  # the loss is not used
        steps = WithResult(evaluate(self._forward, iter([(inputs, labels)]), ranked=len(images)))
        deque(steps, maxlen=0)
        (evaluation,) = steps.value
        assert evaluation.ranking is not None
        names = [[self._classes[index] for index in row] for row in evaluation.ranking.classes.tolist()]
        rows = zip(names, evaluation.ranking.probabilities.tolist(), strict=True)
        return [tuple(zip(*row, strict=True)) for row in rows]


def _compute(record: SessionRecord) -> Compute:
    """The session's precision on its device, or on the default device if that does not exist here."""
    precision = record.environment.precision if record.environment else record.experiment.training.precision
    config = record.experiment.training.model_copy(update={"precision": precision})
    try:
        return compute(config)
    except ConfigError:
        return compute(config.model_copy(update={"device": "auto"}))


def _forward(classifier: Classifier, experiment: Experiment, chosen: Compute) -> Forward:
    """The network from normalised images (B, 3, S, S) to logits (1, B, classes), in the parts that testing uses."""
    if not experiment.model.frozen_part_is_fixed:
        return _whole(classifier, chosen)
    parts = split_backbone(classifier)
    backbone, head = Backbone(parts.backbone, chosen, classifier.origin), parts.head
    if not (experiment.features_are_stored and stackable(head)):
        return lambda images: head(backbone(images).float()).unsqueeze(0)
    # A stack of last layers runs the frozen layers before them in the precision of the backbone.
    frozen: nn.Module = converted(head[:-1], chosen.dtype)
    return lambda images: head[-1](frozen(backbone(images)).float()).unsqueeze(0)


def _whole(classifier: Classifier, chosen: Compute) -> Forward:
    def logits(images: Tensor) -> Tensor:
        with chosen.autocast():
            outputs: Tensor = classifier.network(images)
        return outputs.unsqueeze(0)

    return logits
