"""A folder's pictures, each opened when a run first needs it: a limit on a large folder reads only so many files."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Generator, Mapping, Sequence

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from cnn_tui.engine.data import decoded_cache
from cnn_tui.engine.data.decode import UnreadablePictureError, UnscaledPictureError, picture_size
from cnn_tui.engine.data.decode_many import Decoded, Unreadable, check_all, decode_all, find_range
from cnn_tui.engine.data.fingerprints import Fingerprints
from cnn_tui.engine.data.folder_listing import Listing
from cnn_tui.engine.data.image_source import FolderSource, MemorySource, PictureSource, positions
from cnn_tui.engine.data.rows import Labels
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.engine.stopping import ShouldStop
from cnn_tui.errors import StorageError
from cnn_tui.events import Event, WarningRaised
from cnn_tui.store.cache_index import size_limit
from cnn_tui.store.names import display

_LARGEST_SHARE = 0.5  # of the memory that is available
_SAMPLE = 64  # pictures that show whether they have one size
_Places = NDArray[np.int64]


class FolderSet:
    """See :class:`PictureSet`.

    What was required stays in memory and, for later runs, in a cache on disk: at the pictures' own size, if a sample
    of them has the same one and it is not above ``image_size``, else as squares of ``image_size``. Where what a run
    requires does not fit in memory, the files are only looked at, and decoded to that size whenever they are used.

    The first picture with more than eight bits that is required makes the range of their values be measured.
    """

    def __init__(self, listing: Listing, image_size: int) -> None:
        self.classes = listing.classes
        self.value_range: ValueRange | None = None
        self.labels = _labels(listing)
        self._listing = listing
        self._paths = listing.paths
        self._image_size = image_size
        self._own_size = _own_size(listing, image_size)
        self._decoded = self._nothing({})
        self._looked_at = np.zeros(len(self.labels), dtype=np.bool_)
        self._fingerprints = Fingerprints(listing)
        self._in_memory = True
        self._keeps = True  # until that fails, which is told once

    def require(self, places: Tensor, should_stop: ShouldStop) -> Generator[Event, None, dict[int, str]]:
        """See :class:`PictureSet`."""
        wanted = places.numpy()
        if len(self._decoded.lacking(wanted)):
            try:
                yield from self._get(wanted, should_stop)
            except UnscaledPictureError:
                self.value_range = yield from find_range(self._listing.train.paths, should_stop)
                yield from self._get(wanted, should_stop)
        unreadable = self._decoded.unreadable
        found = np.intersect1d(wanted, np.fromiter(unreadable, dtype=np.int64))
        self._decoded = self._decoded.lasting()
        return {place: f"{display(self._paths[place])}: {unreadable[place].reason}" for place in found.tolist()}

    @property
    def identity(self) -> str:
        """See :class:`PictureSet`."""
        if self.value_range is None:
            return self._listing.identity
        return hashlib.sha256(f"{self._listing.identity} {self.value_range!r}".encode()).hexdigest()

    def constant(self, places: Tensor) -> list[str]:
        """See :class:`PictureSet`; what is decoded on demand was not seen yet."""
        return [display(self._paths[place]) for place in self._decoded.constant(places.numpy()).tolist()]

    def sources(self) -> tuple[PictureSource, PictureSource]:
        """See :class:`PictureSet`."""
        train = self._source(0, self.labels.train)
        return train, train if self.labels.test is None else self._source(self.labels.offset, self.labels.test)

    def repeated(self, indices: Tensor, should_stop: ShouldStop) -> tuple[_Places, NDArray[np.uint64]]:
        """See :class:`PictureSet`."""
        return self._fingerprints.repeated(indices.numpy(), should_stop)

    def name(self, index: int) -> str:
        """See :class:`PictureSet`."""
        return display(os.path.relpath(self._paths[index], self._listing.root))

    def _source(self, start: int, labels: Tensor) -> PictureSource:
        stop = start + len(labels)
        if not self._in_memory:
            return FolderSource(self._paths[start:stop], labels, self.classes, self._size, self.value_range)
        first, last = np.searchsorted(self._decoded.places, [start, stop])
        rows = torch.from_numpy(self._decoded.places[first:last] - start)
        pictures = torch.from_numpy(self._decoded.pictures[first:last]).permute(0, 3, 1, 2)
        return MemorySource(pictures, labels, self.classes, positions(rows, len(labels)))

    def _get(self, wanted: _Places, should_stop: ShouldStop) -> Generator[Event, None, None]:
        self.value_range = self.value_range or decoded_cache.value_range(self._listing)
        self._in_memory = self._fits(len(wanted))
        yield from (self._decode if self._in_memory else self._look_at)(wanted, should_stop)

    def _decode(self, wanted: _Places, should_stop: ShouldStop) -> Generator[Event, None, None]:
        """Take from the cache what it has of the wanted pictures, decode the others and put them there."""
        if not self._fits(len(self._decoded.places) + len(self._decoded.lacking(wanted))):
            self._decoded = self._nothing(self._decoded.unreadable)
        cached, damaged = decoded_cache.read(
            self._listing, self._cached_as, self._size, self.value_range, self._decoded.lacking(wanted), should_stop
        )
        for path in damaged:
            yield WarningRaised(
                title="The cache of decoded pictures was damaged",
                detail=f"{path} is not what was written",
                hint="They are decoded again.",
            )
        self._decoded = self._decoded.united(cached)
        del cached  # which may be as large as what it is now part of
        lacking = self._decoded.lacking(wanted)
        if len(lacking):
            size_limit()  # A wrong limit is told before the work, not after it.
            own_size = self._own_size is not None
            new = yield from decode_all(self._paths, lacking, self._size, own_size, self.value_range, should_stop)
            self._decoded = self._decoded.united(new)
            yield from self._keep(new)

    def _look_at(self, wanted: _Places, should_stop: ShouldStop) -> Generator[Event, None, None]:
        """Find the wanted files that have no picture's head, and those that the cache knows to be damaged behind it."""
        known = {**decoded_cache.unreadable(self._listing, self._cached_as), **self._decoded.unreadable}
        self._decoded = self._nothing(known)
        places = self._decoded.lacking(wanted[~self._looked_at[wanted]])
        found = yield from check_all(self._paths, places, self.value_range, should_stop)
        self._looked_at[places] = True
        self._looked_at[list(found)] = False  # a fault may pass
        self._decoded = self._nothing({**known, **found})

    def _keep(self, decoded: Decoded) -> Generator[Event, None, None]:
        if not self._keeps:
            return
        try:
            decoded_cache.write(self._listing, self._cached_as, self.value_range, decoded)
        except StorageError as error:
            self._keeps = False
            yield WarningRaised(
                title="The decoded pictures are not kept", detail=f"{error.title}: {error.detail}", hint=error.hint
            )

    @property
    def _size(self) -> tuple[int, int]:
        return self._own_size or (self._image_size, self._image_size)

    @property
    def _cached_as(self) -> int | None:
        return None if self._own_size else self._image_size

    def _nothing(self, unreadable: Mapping[int, Unreadable]) -> Decoded:
        return Decoded.none(self._size, unreadable)

    def _fits(self, count: int) -> bool:
        """Whether so many pictures fit in memory, where those that are there can make room."""
        height, width = self._size
        available = psutil.virtual_memory().available + self._decoded.pictures.nbytes
        return count * height * width * 3 <= _LARGEST_SHARE * available


def _labels(listing: Listing) -> Labels:
    validation = () if listing.validation is None else listing.validation.labels
    test = None if listing.test is None else torch.tensor(listing.test.labels)
    return Labels(torch.tensor(listing.train.labels + validation), test, len(validation))


def _own_size(listing: Listing, image_size: int) -> tuple[int, int] | None:
    """The size that the pictures have, if it is one and needs no shrinking; what the cache has tells it, too."""
    size = decoded_cache.own_size(listing)
    if size is None and not decoded_cache.is_kept(listing, image_size):
        size = _common_size(listing.paths)
    return size if size is not None and max(size) <= image_size else None


def _common_size(files: Sequence[str]) -> tuple[int, int] | None:
    """Height and width of a sample of pictures, if it is the same for all that can be read."""
    sizes = set()
    for path in files[:: max(1, len(files) // _SAMPLE)]:
        with contextlib.suppress(UnreadablePictureError):
            sizes.add(picture_size(path))
    return sizes.pop() if len(sizes) == 1 else None
