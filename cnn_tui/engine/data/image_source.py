"""Where the pictures of a split come from: memory, or files that are decoded when they are needed."""

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

from cnn_tui.engine.data.decode import UnreadablePictureError, UnscaledPictureError, decode
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.engine.device import free_memory
from cnn_tui.engine.parallel import WORKERS, in_parallel
from cnn_tui.errors import DataError
from cnn_tui.store.names import display

_BATCHES_AHEAD = 2
_DEVICE_SHARE = 0.5  # of the free memory, at most, for pictures; the rest is for the network


class PictureSource(Protocol):
    """N labelled pictures of one size, asked for by row: int64 indices, on any device."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names, in the order of the labels."""
        ...

    @property
    def labels(self) -> Tensor:
        """The class of each picture, int64 (N,)."""
        ...

    def __len__(self) -> int: ...

    def pictures(self, indices: Tensor) -> Tensor:
        """The pictures at these rows, uint8 (B, C, H, W) with C 1 or 3, channels last in memory."""
        ...

    def batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures and labels of the rows in ``order``, ``batch_size`` at a time; the last batch may be smaller."""
        ...


def positions(rows: Tensor, count: int) -> Tensor:
    """Where each of ``count`` rows stands in ``rows``, int64 (K,) and each once; -1 where it does not."""
    return torch.full((count,), -1).index_copy_(0, rows.cpu(), torch.arange(len(rows)))


class MemorySource:
    """Pictures in memory, of the processor or of the device.

    Args:
        pictures: uint8 (K, C, H, W); they are gathered fastest if they have channels last in memory.
        labels: int64 (N,).
        position: which of the pictures a row is, int64 (N,), -1 where it is none; None if they are the rows.
    """

    def __init__(
        self, pictures: Tensor, labels: Tensor, classes: tuple[str, ...], position: Tensor | None = None
    ) -> None:
        self._rows = pictures.permute(0, 2, 3, 1).contiguous()
        self._position = None if position is None else position.to(self._rows.device)
        self.labels = labels.to(self._rows.device)
        self.classes = classes

    def __len__(self) -> int:
        return len(self.labels)

    def pictures(self, indices: Tensor) -> Tensor:
        """See :class:`PictureSource`."""
        rows = indices.to(self._rows.device)
        if self._position is not None:
            rows = self._position.index_select(0, rows)
        return self._rows.index_select(0, rows).permute(0, 3, 1, 2)

    def batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See :class:`PictureSource`."""
        for indices in torch.split(order.to(self._rows.device), batch_size):
            if len(indices):
                yield self.pictures(indices), self.labels.index_select(0, indices)

    @property
    def picture_bytes(self) -> int:
        """How much memory a picture takes."""
        return self._rows.shape[1:].numel()

    def only(self, rows: Tensor) -> MemorySource:
        """The same rows, of which only the pictures at these, int64 (K,), each once, are kept."""
        if len(rows) == len(self._rows):
            return self
        return MemorySource(self.pictures(rows), self.labels, self.classes, positions(rows, len(self)))

    def to(self, device: torch.device) -> MemorySource:
        """The same pictures on a device."""
        return MemorySource(self._rows.to(device).permute(0, 3, 1, 2), self.labels, self.classes, self._position)


class DeviceSource:
    """Pictures that go to a device when they are first asked for, which features that are there already spare them.

    Where they would take more than half of the device's free memory, they stay, and each batch goes by itself.
    """

    def __init__(self, source: MemorySource, rows: Tensor, device: torch.device) -> None:
        """``rows`` are those that will be asked for, int64 (K,), each once."""
        self.labels = source.labels
        self.classes = source.classes
        self._source = source
        self._rows = rows
        self._device = device

    def __len__(self) -> int:
        return len(self._source)

    def pictures(self, indices: Tensor) -> Tensor:
        """See :class:`PictureSource`."""
        return self._there.pictures(indices)

    def batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See :class:`PictureSource`."""
        return self._there.batches(order, batch_size)

    @functools.cached_property
    def _there(self) -> MemorySource:
        if len(self._rows) * self._source.picture_bytes > _DEVICE_SHARE * free_memory(self._device):
            return self._source
        return self._source.only(self._rows).to(self._device)


class FolderSource:
    """Picture files decoded by a pool of threads, each resized to ``size`` (height, width).

    Those with more than eight bits are scaled by ``values``, None where there are none.
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

    def pictures(self, indices: Tensor) -> Tensor:
        """See :class:`PictureSource`.

        Raises:
            DataError: a file is gone or damaged.
        """
        for pictures, _ in self.batches(indices, max(1, len(indices))):
            return pictures
        return torch.empty((0, 3, *self._size), dtype=torch.uint8)

    def batches(self, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """See :class:`PictureSource`; the next batches are decoded while the present one is in use.

        Raises:
            DataError: a file is gone or damaged.
        """
        ahead = max(_BATCHES_AHEAD * batch_size, 2 * WORKERS)
        with contextlib.closing(in_parallel(self._decode, order.tolist(), ahead)) as decoded:
            for indices in torch.split(order.cpu(), batch_size):
                if len(indices):
                    pictures = np.stack(list(itertools.islice(decoded, len(indices))))
                    yield torch.from_numpy(pictures).permute(0, 3, 1, 2), self.labels[indices]

    def _decode(self, row: int) -> NDArray[np.uint8]:
        path = self._paths[row]
        try:
            return decode(path, self._size, self._values)
        except (UnreadablePictureError, UnscaledPictureError) as error:
            raise DataError(
                "A picture cannot be read",
                f"{display(path)}: {error}.",
                "Remove it or put a sound picture in its place.",
            ) from error
