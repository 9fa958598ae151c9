"""All the images that a run may select from."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cnn_tui.engine.control import ShouldStop
from cnn_tui.engine.data.image_source import ImageSource
from cnn_tui.engine.data.sample_selection import Labels
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.events import Event


class ImageSet(Protocol):
    """Images by index: those of the training split, then those of the test split if the dataset has one.

    A validation split of the dataset itself is the last part of the training split.
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names, in the order of the labels."""
        ...

    @property
    def labels(self) -> Labels:
        """The class of each image."""
        ...

    @property
    def identity(self) -> str:
        """A hash of the images and their order: the key for everything that is computed from them."""
        ...

    def load(self, indices: Tensor, should_stop: ShouldStop) -> Generator[Event, None, dict[int, str]]:
        """Read the images at these indices, int64 (K,) ascending, so that :meth:`sources` can give them.

        Returns:
            Those that cannot be read, each with its file and the reason.

        Raises:
            Stopped: ``should_stop`` returned True.
        """
        ...

    def duplicate_candidates(
        self, indices: Tensor, should_stop: ShouldStop
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Those of the images at ``indices``, int64 (K,), that may occur more than once, with hashes to compare.

        Raises:
            Stopped: ``should_stop`` returned True.
        """
        ...

    def name(self, index: int) -> str:
        """The name of an image for messages."""
        ...

    @property
    def value_range(self) -> ValueRange | None:
        """The range by which images with more than eight bits are scaled, once one was loaded."""
        ...

    def constant_images(self, indices: Tensor) -> list[str]:
        """The files of those images that have a single value, as far as they are in memory."""
        ...

    def sources(self) -> tuple[ImageSource, ImageSource]:
        """The training and the test split, of which only images that were loaded can be read."""
        ...


class MemoryImageSet:
    """Images that are all in memory from the start."""

    def __init__(self, train: ImageSource, test: ImageSource, identity: str) -> None:
        self._sources = (train, test)
        self.classes = train.classes
        self.labels = Labels(train.labels, test.labels)
        self.identity = identity
        self.value_range: ValueRange | None = None

    def load(self, indices: Tensor, should_stop: ShouldStop) -> Generator[Event, None, dict[int, str]]:
        """Nothing to do: all images are loaded."""
        yield from ()
        return {}

    def duplicate_candidates(
        self, indices: Tensor, should_stop: ShouldStop
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """None: published datasets are used as they are, duplicates included."""
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)

    def name(self, index: int) -> str:
        """The index itself: the images have no files."""
        return f"image {index}"

    def constant_images(self, indices: Tensor) -> list[str]:
        """None: published datasets are not checked."""
        return []

    def sources(self) -> tuple[ImageSource, ImageSource]:
        """The training and the test split."""
        return self._sources
