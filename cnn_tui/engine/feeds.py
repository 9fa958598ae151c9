"""Batches for a network: pictures prepared on the way, or features that were computed before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cnn_tui.engine.preprocess import Preprocess
from cnn_tui.engine.sources import PictureSource

Batch = tuple[Tensor, Tensor]


class Feed(Protocol):
    """Rows of one split as (inputs, labels) on the device."""

    def batches(self, rows: Tensor, batch_size: int) -> Iterator[Batch]:
        """The rows in their order, ``batch_size`` at a time; the last batch may be smaller."""
        ...


@dataclass(frozen=True)
class PictureFeed:
    """Pictures of a source, resized and normalised on the device: (B, 3, S, S) floats."""

    source: PictureSource
    preprocess: Preprocess
    device: torch.device

    def batches(self, rows: Tensor, batch_size: int) -> Iterator[Batch]:
        """See :class:`Feed`."""
        for pictures, labels in self.source.batches(rows, batch_size):
            yield (
                self.preprocess(pictures.to(self.device, non_blocking=True)),
                labels.to(self.device, non_blocking=True),
            )


@dataclass(frozen=True)
class FeatureFeed:
    """Features that were computed before, resident on the device and given as float32.

    Attributes:
        features: (K, ...) of the pictures that they were computed for.
        position: where each row of the split stands in ``features``, int64 (N,).
        labels: of each row of the split, int64 (N,).
    """

    features: Tensor
    position: Tensor
    labels: Tensor

    def inputs(self, rows: Tensor) -> Tensor:
        """Features (R, ...) of rows (R) that lie on the device, where R may be more than one dimension."""
        features = self.features.index_select(0, self.position.index_select(0, rows.flatten())).float()
        return features.view(*rows.shape, *features.shape[1:])

    def batches(self, rows: Tensor, batch_size: int) -> Iterator[Batch]:
        """See :class:`Feed`."""
        rows = rows.to(self.position.device)
        for part, positions in zip(
            torch.split(rows, batch_size), torch.split(self.position[rows], batch_size), strict=True
        ):
            yield self.features.index_select(0, positions).float(), self.labels.index_select(0, part)
