"""Features of a run's images as batches: stored ones, and those that the backbone computes on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from cnn_tui.engine.data.batches import Batch, BatchSource, Channels
from cnn_tui.engine.data.image_source import positions
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.features.backbone import Backbone
from cnn_tui.engine.features.feature_store import FeatureTable, StoredFeatures, gather


@dataclass(frozen=True)
class BackboneBatches:
    """Features computed for every batch again: of augmented images, or where features cannot be stored."""

    images: BatchSource
    backbone: Backbone

    def batches(self, indices: Tensor, batch_size: int) -> Iterator[Batch]:
        """Features (B, ...) as float32 with their labels, in the order of ``indices``."""
        for images, labels in self.images.batches(indices, batch_size):
            yield self.backbone(images).float(), labels


@dataclass(frozen=True)
class FeatureBatches:
    """Stored features of one split, given as float32 on the labels' device.

    Attributes:
        features: (K, F), or (K, P, C) for feature maps of P positions.
        position: the row in ``features`` of each sample of the split, int64 (N,); -1 where it has none.
        labels: of each sample of the split, int64 (N,).
        compute: computes the features (R, ...) of samples (R,) that are not stored; None where all are.
    """

    features: FeatureTable
    position: Tensor
    labels: Tensor
    compute: Callable[[Tensor], Tensor] | None = None

    @property
    def row_shape(self) -> torch.Size:
        """The shape of one image's features."""
        return self.features.shape[1:]

    @property
    def is_half(self) -> bool:
        """Whether :meth:`stored` returns values of two bytes."""
        return self.features.dtype in (torch.bfloat16, torch.float16)

    @property
    def is_resident(self) -> bool:
        """Whether all features are on the device."""
        return isinstance(self.features, Tensor) and self.compute is None

    def stored(self, indices: Tensor) -> Tensor:
        """A copy of the features (R, ...) at ``indices`` (R,) on the device; packed ones are unpacked."""
        positions = self.position.index_select(0, indices)
        if self.compute is None:
            return gather(self.features, positions)
        available = positions >= 0
        if bool(available.all()):
            return gather(self.features, positions)
        both = torch.cat([gather(self.features, positions[available]), self.compute(indices[~available])])
        order = torch.cat([available.nonzero(), (~available).nonzero()]).flatten()
        return torch.empty_like(both).index_copy_(0, order, both)

    def inputs(self, indices: Tensor) -> Tensor:
        """Features (*D, ...) as float32 at ``indices`` (*D) on the device, of any number of dimensions."""
        features = self.stored(indices.flatten()).float()
        return features.view(*indices.shape, *features.shape[1:])

    def batches(self, indices: Tensor, batch_size: int) -> Iterator[Batch]:
        """Features with their labels, in the order of ``indices``.

        Feature maps come as (B, C, P, 1): a head that treats all positions alike needs no height and width.
        """
        for part in torch.split(indices.to(self.position.device), batch_size):
            features = self.stored(part).float()
            maps = features.transpose(1, 2).unsqueeze(3) if features.ndim == 3 else features
            yield maps, self.labels.index_select(0, part)


@dataclass(frozen=True)
class RunImages:
    """The images that a run needs features of.

    Here an image's index counts over both splits: its index in the training split, or its index in the test split plus
    ``offset``. A folder that is split by seed has one split only, and then both are the same.
    """

    train: BatchSource
    test: BatchSource
    normalisation: tuple[Channels, Channels]
    loaded: LoadedData

    @property
    def offset(self) -> int:
        """The index of the test split's first image."""
        return 0 if self.loaded.test is self.loaded.train else len(self.loaded.train)

    @property
    def count(self) -> int:
        """The number of images in both splits."""
        return self.offset + len(self.loaded.test)

    @property
    def needed(self) -> Tensor:
        """The indices of all images of the run, ascending."""
        loaded = self.loaded
        train = torch.cat([loaded.train_indices, loaded.validation_indices])
        indices: Tensor = torch.unique(torch.cat([train, loaded.test_indices + self.offset]))  # sorted
        return indices

    @property
    def by_use(self) -> Tensor:
        """The needed indices, most used first: a test image is needed once, all others in every epoch."""
        loaded, needed = self.loaded, self.needed
        every_epoch = positions(torch.cat([loaded.train_indices, loaded.validation_indices]), self.count)[needed] >= 0
        return torch.cat([needed[every_epoch], needed[~every_epoch]])

    def batches(self, indices: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Indices (B,) with their prepared images, in the order of ``indices``, which is ascending."""
        in_train = indices < len(self.loaded.train)
        for source, own, offset in (
            (self.train, indices[in_train], 0),
            (self.test, indices[~in_train] - self.offset, self.offset),
        ):
            if not len(own):
                continue
            batches = source.batches(own, batch_size)
            for part, (images, _) in zip(torch.split(own, batch_size), batches, strict=True):
                yield part + offset, images

    def feature_batches(
        self, stored: StoredFeatures, backbone: Backbone, batch_size: int
    ) -> tuple[FeatureBatches, FeatureBatches]:
        """The features of the training and the test split; those that are not stored are computed on demand.

        ``batch_size`` is the number of images that go through the backbone at once.
        """
        device, loaded = backbone.compute.device, self.loaded
        position = positions(stored.indices, self.count).to(device)
        complete = bool((position[self.needed.to(device)] >= 0).all())
        train, test = (
            None if complete else partial(_compute, source, backbone, batch_size) for source in (self.train, self.test)
        )
        return (
            FeatureBatches(stored.features, position[: len(loaded.train)], loaded.train.labels.to(device), train),
            FeatureBatches(stored.features, position[self.offset :], loaded.test.labels.to(device), test),
        )


def _compute(source: BatchSource, backbone: Backbone, batch_size: int, indices: Tensor) -> Tensor:
    """The features (R, ...) at ``indices`` (R,)."""
    return torch.cat([backbone.rows(images) for images, _ in source.batches(indices, batch_size)])
