"""How new images become the input of a session's network: exactly as its test images did."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cnn_tui.engine.control import ShouldStop
from cnn_tui.engine.data.batches import Preprocess
from cnn_tui.engine.data.decode import decode
from cnn_tui.engine.data.loading import load
from cnn_tui.engine.data.value_range import SIXTEEN_BITS, ValueRange
from cnn_tui.engine.models.build import Classifier
from cnn_tui.engine.training.record import image_input
from cnn_tui.errors import DataError
from cnn_tui.events import Event
from cnn_tui.store.records import ImageInput, SessionRecord


class ImageReader:
    """Reads image files as the images of a session were read, whatever their size and colours."""

    def __init__(self, image_input: ImageInput, record: SessionRecord) -> None:
        scale = record.value_range
        self._input = image_input
        self._values = ValueRange(scale.low, scale.high) if scale else SIXTEEN_BITS
        self.preprocess = Preprocess(record.experiment.data.image_size, image_input.mean, image_input.std)

    def read(self, path: str) -> Tensor:
        """An image as uint8 (C, H, W), for :attr:`preprocess`.

        Raises:
            UnreadableImageError: as for :func:`decode`.
        """
        pixels = decode(path, (self._input.height, self._input.width), self._values)
        if self._input.channels == 1:
            pixels = np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None]
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)


def find_image_input(
    record: SessionRecord, classifier: Classifier, should_stop: ShouldStop
) -> Generator[Event, None, ImageInput]:
    """The recorded one; for a session of an earlier version it is computed again from the data.

    Raises:
        DataError: the data are not available or not those of the session.
        StorageError: a downloaded archive cannot be unpacked.
        Stopped: ``should_stop`` returned True.
    """
    if record.image_input is not None:
        return record.image_input
    experiment = record.experiment
    loaded = yield from load(
        experiment.data,
        experiment.training.seed,
        should_stop,
        sampled=classifier.mean is None or classifier.std is None,
    )
    result = record.result
    tested = sum(map(sum, result.confusion_matrix)) if result else 0
    if result is None or loaded.classes != result.classes or len(loaded.test_indices) != tested:
        raise DataError(
            "The data have changed since the training",
            f"{record.id} was recorded by an earlier version, without how its images were normalised, and "
            f"{experiment.data.label} has other images now.",
            "Run the session again.",
        )
    known = (classifier.mean, classifier.std) if classifier.mean and classifier.std else loaded.statistics()
    return image_input(loaded.test, loaded.test_indices, known)
