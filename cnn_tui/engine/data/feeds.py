"""Batches for a network: pictures prepared on the way, or features that were computed before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from cnn_tui.engine.data.image_source import PictureSource
from cnn_tui.engine.data.preprocess import Preprocess
from cnn_tui.engine.features.rows import FeatureRows, take

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
    """Features that were computed before, given as float32 on the labels' device.

    Attributes:
        features: (K, F) of the pictures that they were computed for, or (K, P, C) where they are maps of P positions.
        position: where each row of the split stands in ``features``, int64 (N,); -1 where it does not.
        labels: of each row of the split, int64 (N,).
        anew: computes the features (R, ...) of rows (R,) that could not be kept; None where all are.
    """

    features: FeatureRows
    position: Tensor
    labels: Tensor
    anew: Callable[[Tensor], Tensor] | None = None

    @property
    def row_shape(self) -> torch.Size:
        """The shape of a picture's features."""
        return self.features.shape[1:]

    @property
    def is_resident(self) -> bool:
        """Whether all features lie on the device."""
        return isinstance(self.features, Tensor) and self.anew is None

    def kept(self, rows: Tensor) -> Tensor:
        """Features (R, ...) of rows (R,) that lie on the device, in the precision in which they are kept; a copy."""
        positions = self.position.index_select(0, rows)
        if self.anew is None:
            return take(self.features, positions)
        there = positions >= 0
        if bool(there.all()):
            return take(self.features, positions)
        both = torch.cat([take(self.features, positions[there]), self.anew(rows[~there])])
        order = torch.cat([there.nonzero(), (~there).nonzero()]).flatten()
        return torch.empty_like(both).index_copy_(0, order, both)

    def inputs(self, rows: Tensor) -> Tensor:
        """Features (R, ...) of rows (R) that lie on the device, where R may be more than one dimension."""
        features = self.kept(rows.flatten()).float()
        return features.view(*rows.shape, *features.shape[1:])

    def batches(self, rows: Tensor, batch_size: int) -> Iterator[Batch]:
        """See :class:`Feed`; maps as (B, C, P, 1), which is all the same to a head."""
        for part in torch.split(rows.to(self.position.device), batch_size):
            features = self.kept(part).float()
            maps = features.transpose(1, 2).unsqueeze(3) if features.ndim == 3 else features
            yield maps, self.labels.index_select(0, part)
