"""All the pictures that a run may choose from."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cnn_tui.engine.data.image_source import PictureSource
from cnn_tui.engine.data.rows import Labels
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.engine.stopping import ShouldStop
from cnn_tui.events import Event


class PictureSet(Protocol):
    """Pictures by their place: those of the training split, then those of the test split, if it is another one.

    A validation split of its own is the last part of the training split.
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names, in the order of the labels."""
        ...

    @property
    def labels(self) -> Labels:
        """The class of each picture."""
        ...

    @property
    def identity(self) -> str:
        """A hash of the pictures and their order, for what is computed from them."""
        ...

    def require(self, places: Tensor, should_stop: ShouldStop) -> Generator[Event, None, dict[int, str]]:
        """Get the pictures at these places, int64 (K,) in ascending order, ready for use.

        Returns:
            Those of them that cannot be read, each with its file and the reason.

        Raises:
            Stopped: ``should_stop`` said so.
        """
        ...

    def repeated(self, indices: Tensor, should_stop: ShouldStop) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Those of the pictures at ``indices``, int64 (K,), that may be there more than once, and hashes to compare.

        Raises:
            Stopped: ``should_stop`` said so.
        """
        ...

    def name(self, index: int) -> str:
        """What a picture is called."""
        ...

    @property
    def value_range(self) -> ValueRange | None:
        """What pictures with more than eight bits are scaled by, once one was required."""
        ...

    def constant(self, places: Tensor) -> list[str]:
        """The files of those of the pictures that are one single value, as far as they are in memory."""
        ...

    def sources(self) -> tuple[PictureSource, PictureSource]:
        """The training and the test split, of which only what was required can be used."""
        ...


class MemorySet:
    """Pictures that are all in memory from the beginning."""

    def __init__(self, train: PictureSource, test: PictureSource, identity: str) -> None:
        self._sources = (train, test)
        self.classes = train.classes
        self.labels = Labels(train.labels, test.labels)
        self.identity = identity
        self.value_range: ValueRange | None = None

    def require(self, places: Tensor, should_stop: ShouldStop) -> Generator[Event, None, dict[int, str]]:
        """See :class:`PictureSet`; there is nothing to do."""
        yield from ()
        return {}

    def repeated(self, indices: Tensor, should_stop: ShouldStop) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """See :class:`PictureSet`; published datasets are taken as they are."""
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)

    def name(self, index: int) -> str:
        """See :class:`PictureSet`."""
        return f"picture {index}"

    def constant(self, places: Tensor) -> list[str]:
        """See :class:`PictureSet`; whoever made a published dataset has seen to that."""
        return []

    def sources(self) -> tuple[PictureSource, PictureSource]:
        """See :class:`PictureSet`."""
        return self._sources
