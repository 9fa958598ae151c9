"""The images of a split: in memory, or files that are decoded when they are needed."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnn_tui.engine.data.decode import UnreadableImageError, UnscaledImageError, decode
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.engine.device import free_memory
from cnn_tui.engine.parallel import WORKERS, in_parallel
from cnn_tui.errors import DataError
from cnn_tui.formatting import display

_BATCHES_AHEAD = 2
_DEVICE_FRACTION = 0.5  # of the free memory, at most, for images; the rest is for the network


class ImageSource(Protocol):
    """N labelled images of one size, read by index: int64, on any device."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names, in the order of the labels."""
        ...

    @property
    def labels(self) -> Tensor:
        """The class of each image, int64 (N,)."""
        ...

    def __len__(self) -> int: ...

    def images(self, indices: Tensor) -> Tensor:
        """The images at these indices, uint8 (B, C, H, W) with C 1 or 3, channels last in memory."""
        ...

    def batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels at the indices in ``order``; the last batch may be smaller."""
        ...


def positions(indices: Tensor, count: int) -> Tensor:
    """The inverse of ``indices``, int64 (K,) without repetition: the position of 0 to ``count`` - 1 in it, else -1."""
    return torch.full((count,), -1).index_copy_(0, indices.cpu(), torch.arange(len(indices)))


class MemorySource:
    """Images in the memory of the CPU or of a device.

    Args:
        images: uint8 (K, C, H, W). Those with channels last are not copied; they are stored so to be gathered fast.
        labels: int64 (N,).
        position: the position in ``images`` of each of the N samples, int64 (N,), -1 where it has none; None if K is N.
    """

    def __init__(
        self, images: Tensor, labels: Tensor, classes: tuple[str, ...], position: Tensor | None = None
    ) -> None:
        self._rows = images.permute(0, 2, 3, 1).contiguous()
        self._position = None if position is None else position.to(self._rows.device)
        self.labels = labels.to(self._rows.device)
        self.classes = classes

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, indices: Tensor) -> Tensor:
        """The images at these indices, uint8 (B, C, H, W)."""
        rows = indices.to(self._rows.device)
        if self._position is not None:
            rows = self._position.index_select(0, rows)
        return self._rows.index_select(0, rows).permute(0, 3, 1, 2)

    def batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels at the indices in ``order``."""
        for indices in torch.split(order.to(self._rows.device), batch_size):
            if len(indices):
                yield self.images(indices), self.labels.index_select(0, indices)

    @property
    def image_bytes(self) -> int:
        """The size of one image in memory."""
        return self._rows.shape[1:].numel()

    def only(self, indices: Tensor) -> MemorySource:
        """The same samples with only the images at these indices, int64 (K,) without repetition."""
        if len(indices) == len(self._rows):
            return self
        return MemorySource(self.images(indices), self.labels, self.classes, positions(indices, len(self)))

    def to(self, device: torch.device) -> MemorySource:
        """The same images on a device."""
        return MemorySource(self._rows.to(device).permute(0, 3, 1, 2), self.labels, self.classes, self._position)


class DeviceSource:
    """Images that are copied to a device when they are first used: with cached features they never are.

    If they take more than half of the device's free memory, they stay where they are and each batch is copied.
    """

    def __init__(self, source: MemorySource, indices: Tensor, device: torch.device) -> None:
        """``indices`` are those that will be read, int64 (K,) without repetition."""
        self.labels = source.labels
        self.classes = source.classes
        self._source = source
        self._indices = indices
        self._device = device

    def __len__(self) -> int:
        return len(self._source)

    def images(self, indices: Tensor) -> Tensor:
        """The images at these indices, uint8 (B, C, H, W)."""
        return self._resident.images(indices)

    def batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels at the indices in ``order``."""
        return self._resident.batches(order, batch_size)

    @functools.cached_property
    def _resident(self) -> MemorySource:
        if len(self._indices) * self._source.image_bytes > _DEVICE_FRACTION * free_memory(self._device):
            return self._source
        return self._source.only(self._indices).to(self._device)


class FolderSource:
    """Image files decoded by a pool of threads, resized to ``size`` (height, width).

    Those with more than eight bits are scaled by ``values``, None if there are none.
    """

    def __init__(
        self,
        paths: Sequence[str],
        labels: Tensor,
        classes: tuple[str, ...],
        size: tuple[int, int],
        values: ValueRange | None,
    ) -> None:
        self._paths = paths
        self._size = size
        self._values = values
        self.labels = labels
        self.classes = classes

    def __len__(self) -> int:
        return len(self._paths)

    def images(self, indices: Tensor) -> Tensor:
        """The images at these indices, decoded.

        Raises:
            DataError: a file is gone or damaged.
        """
        for images, _ in self.batches(indices, max(1, len(indices))):
            return images
        return torch.empty((0, 3, *self._size), dtype=torch.uint8)

    def batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels at the indices in ``order``; the next batches are decoded while the current one is used.

        Raises:
            DataError: a file is gone or damaged.
        """
        ahead = max(_BATCHES_AHEAD * batch_size, 2 * WORKERS)
        with contextlib.closing(in_parallel(self._decode, order.tolist(), ahead)) as decoded:
            for indices in torch.split(order.cpu(), batch_size):
                if len(indices):
                    images = np.stack(list(itertools.islice(decoded, len(indices))))
                    yield torch.from_numpy(images).permute(0, 3, 1, 2), self.labels[indices]

    def _decode(self, index: int) -> NDArray[np.uint8]:
        path = self._paths[index]
        try:
            return decode(path, self._size, self._values)
        except (UnreadableImageError, UnscaledImageError) as error:
            raise DataError(
                "An image cannot be read",
                f"{display(path)}: {error}.",
                "Remove it or replace it by an intact image.",
            ) from error
