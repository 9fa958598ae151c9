"""Batches of one split for a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cnn_tui.engine.data.image_source import ImageSource
from cnn_tui.engine.data.preprocess import Preprocess

Batch = tuple[Tensor, Tensor]
"""Inputs (B, ...) and labels, int64 (B,)."""


class BatchSource(Protocol):
    """Samples of one split as (inputs, labels) on the device."""

    def batches(self, indices: Tensor, batch_size: int) -> Iterator[Batch]:
        """The samples at ``indices``, int64 (N,), in that order; the last batch may be smaller."""
        ...


@dataclass(frozen=True)
class ImageBatches:
    """Images resized and normalised on the device: float32 (B, 3, S, S)."""

    source: ImageSource
    preprocess: Preprocess
    device: torch.device

    def batches(self, indices: Tensor, batch_size: int) -> Iterator[Batch]:
        """The prepared images at ``indices`` with their labels, in that order."""
        for images, labels in self.source.batches(indices, batch_size):
            yield (
                self.preprocess(images.to(self.device, non_blocking=True)),
                labels.to(self.device, non_blocking=True),
            )
