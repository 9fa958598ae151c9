"""The pictures of a run by their place: their row in the training split, or their row in the test split behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from cnn_tui.engine.data.feeds import FeatureFeed, Feed
from cnn_tui.engine.data.image_source import positions
from cnn_tui.engine.data.loading import LoadedData
from cnn_tui.engine.data.preprocess import Channels
from cnn_tui.engine.features.backbone import Backbone
from cnn_tui.engine.features.rows import Features


@dataclass(frozen=True)
class Pictures:
    """The feeds of both splits, how they are normalised, and which of their pictures a run needs."""

    train: Feed
    test: Feed
    normalisation: tuple[Channels, Channels]
    loaded: LoadedData

    @property
    def offset(self) -> int:
        """The place of the test split's first picture."""
        return 0 if self.loaded.test is self.loaded.train else len(self.loaded.train)

    @property
    def count(self) -> int:
        """How many places there are."""
        return self.offset + len(self.loaded.test)

    @property
    def needed(self) -> Tensor:
        """The places of all pictures of the run, in order."""
        loaded = self.loaded
        train = torch.cat([loaded.train_indices, loaded.validation_indices])
        places: Tensor = torch.unique(torch.cat([train, loaded.test_indices + self.offset]))  # sorted
        return places

    @property
    def by_use(self) -> Tensor:
        """Those that are needed, the most useful first: a test picture is looked at once, all others in every epoch."""
        loaded, needed = self.loaded, self.needed
        often = torch.isin(needed, torch.cat([loaded.train_indices, loaded.validation_indices]))
        return torch.cat([needed[often], needed[~often]])

    def batches(self, places: Tensor, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Places (B,) with their prepared pictures, in the order of ``places``, which is ascending."""
        in_train = places < len(self.loaded.train)
        for feed, rows, offset in (
            (self.train, places[in_train], 0),
            (self.test, places[~in_train] - self.offset, self.offset),
        ):
            if not len(rows):
                continue
            for part, (pictures, _) in zip(torch.split(rows, batch), feed.batches(rows, batch), strict=True):
                yield part + offset, pictures

    def feeds(self, kept: Features, backbone: Backbone, batch: int) -> tuple[FeatureFeed, FeatureFeed]:
        """The training and the test split's feed of features, of which those that are not kept are computed.

        ``batch`` is how many pictures go through the backbone at once.
        """
        device, loaded = backbone.compute.device, self.loaded
        position = positions(kept.places, self.count).to(device)
        whole = bool(torch.isin(self.needed, kept.places).all())
        train, test = (None if whole else partial(_anew, feed, backbone, batch) for feed in (self.train, self.test))
        return (
            FeatureFeed(kept.features, position[: len(loaded.train)], loaded.train.labels.to(device), train),
            FeatureFeed(kept.features, position[self.offset :], loaded.test.labels.to(device), test),
        )


def _anew(feed: Feed, backbone: Backbone, batch: int, rows: Tensor) -> Tensor:
    """The features (R, ...) of rows (R,) as they would be kept."""
    return torch.cat([backbone.rows(pictures) for pictures, _ in feed.batches(rows, batch)])
