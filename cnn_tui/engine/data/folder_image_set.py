"""A folder's images, each read when a run first needs it: with a limit, only that many files are opened."""

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

from cnn_tui.engine.control import ShouldStop
from cnn_tui.engine.data import decoded_cache
from cnn_tui.engine.data.decode import UnreadableImageError, UnscaledImageError, stored_size
from cnn_tui.engine.data.decode_many import DecodedImages, Unreadable, check_all, decode_all, find_range
from cnn_tui.engine.data.duplicates import FileHashes
from cnn_tui.engine.data.folder_listing import FolderListing
from cnn_tui.engine.data.image_source import FolderSource, ImageSource, MemorySource, positions
from cnn_tui.engine.data.sample_selection import Labels
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.errors import StorageError
from cnn_tui.events import Event, WarningRaised
from cnn_tui.formatting import display
from cnn_tui.store.cache_index import size_limit

_MEMORY_FRACTION = 0.5  # of the available memory, at most, for images
_SAMPLE = 64  # images that decide whether all have one size
_Indices = NDArray[np.int64]


class FolderImageSet:
    """An :class:`ImageSet` of files.

    Loaded images stay in memory and, for later runs, in a cache on disk: at their original size if a sample of them has
    one size not above ``image_size``, else as squares of ``image_size``. If the images of a run do not fit in memory,
    only their headers are checked, and the files are decoded whenever they are used.

    The value range is measured when the first image with more than eight bits is loaded.
    """

    def __init__(self, listing: FolderListing, image_size: int) -> None:
        self.classes = listing.classes
        self.value_range: ValueRange | None = None
        self.labels = _labels(listing)
        self._listing = listing
        self._paths = listing.paths
        self._image_size = image_size
        self._original_size = _original_size(listing, image_size)
        self._decoded = self._empty({})
        self._checked = np.zeros(len(self.labels), dtype=np.bool_)
        self._hashes = FileHashes(listing)
        self._in_memory = True
        self._caches = True  # until writing fails, which is reported once

    def load(self, indices: Tensor, should_stop: ShouldStop) -> Generator[Event, None, dict[int, str]]:
        """Read the images from memory, cache or files; returns the unreadable ones with file and reason."""
        wanted = indices.numpy()
        if len(self._decoded.missing(wanted)):
            try:
                yield from self._load(wanted, should_stop)
            except UnscaledImageError:
                self.value_range = yield from find_range(self._listing.train.paths, should_stop)
                yield from self._load(wanted, should_stop)
        unreadable = self._decoded.unreadable
        found = np.intersect1d(wanted, np.fromiter(unreadable, dtype=np.int64))
        # An error that may pass, such as one of the network, is not remembered.
        self._decoded = self._decoded.without_transient_errors()
        return {index: f"{display(self._paths[index])}: {unreadable[index].reason}" for index in found.tolist()}

    @property
    def identity(self) -> str:
        """A hash of the listing and of the value range, which decides the pixels of images with more than 8 bits."""
        if self.value_range is None:
            return self._listing.identity
        return hashlib.sha256(f"{self._listing.identity} {self.value_range!r}".encode()).hexdigest()

    def constant_images(self, indices: Tensor) -> list[str]:
        """The files of images with a single value; images that are decoded on demand are not known yet."""
        return [display(self._paths[index]) for index in self._decoded.constant_images(indices.numpy()).tolist()]

    def sources(self) -> tuple[ImageSource, ImageSource]:
        """The training and the test split; without a test split the same one twice."""
        train = self._source(0, self.labels.train)
        return train, train if self.labels.test is None else self._source(self.labels.offset, self.labels.test)

    def duplicate_candidates(self, indices: Tensor, should_stop: ShouldStop) -> tuple[_Indices, NDArray[np.uint64]]:
        """Those of the images that may have a duplicate, with hashes of their files."""
        return self._hashes.duplicate_candidates(indices.numpy(), should_stop)

    def name(self, index: int) -> str:
        """The path of an image in the folder."""
        return display(os.path.relpath(self._paths[index], self._listing.root))

    def _source(self, start: int, labels: Tensor) -> ImageSource:
        stop = start + len(labels)
        if not self._in_memory:
            return FolderSource(self._paths[start:stop], labels, self.classes, self._size, self.value_range)
        first, last = np.searchsorted(self._decoded.indices, [start, stop])
        rows = torch.from_numpy(self._decoded.indices[first:last] - start)
        images = torch.from_numpy(self._decoded.images[first:last]).permute(0, 3, 1, 2)
        return MemorySource(images, labels, self.classes, positions(rows, len(labels)))

    def _load(self, wanted: _Indices, should_stop: ShouldStop) -> Generator[Event, None, None]:
        self.value_range = self.value_range or decoded_cache.value_range(self._listing)
        self._in_memory = self._fits(len(wanted))
        yield from (self._decode if self._in_memory else self._check)(wanted, should_stop)

    def _decode(self, wanted: _Indices, should_stop: ShouldStop) -> Generator[Event, None, None]:
        """Read the wanted images from the cache, decode the others and add them to it."""
        if not self._fits(len(self._decoded.indices) + len(self._decoded.missing(wanted))):
            self._decoded = self._empty(self._decoded.unreadable)
        cached, damaged = decoded_cache.read(
            self._listing, self._cached_size, self._size, self.value_range, self._decoded.missing(wanted), should_stop
        )
        for path in damaged:
            yield WarningRaised(
                title="The cache of decoded images was damaged",
                detail=f"{path} does not match its checksum",
                hint="They are decoded again.",
            )
        self._decoded = self._decoded.merged(cached)
        del cached  # may be as large as the set that it was merged into
        missing = self._decoded.missing(wanted)
        if len(missing):
            size_limit()  # an invalid limit is reported before the work, not after it
            keeps_size = self._original_size is not None
            new = yield from decode_all(self._paths, missing, self._size, keeps_size, self.value_range, should_stop)
            self._decoded = self._decoded.merged(new)
            yield from self._write(new)

    def _check(self, wanted: _Indices, should_stop: ShouldStop) -> Generator[Event, None, None]:
        """Find wanted files without an image header, and those that the cache knows to be damaged after the header."""
        known = {**decoded_cache.unreadable(self._listing, self._cached_size), **self._decoded.unreadable}
        self._decoded = self._empty(known)
        indices = self._decoded.missing(wanted[~self._checked[wanted]])
        found = yield from check_all(self._paths, indices, self.value_range, should_stop)
        self._checked[indices] = True
        self._checked[list(found)] = False  # the error may be transient
        self._decoded = self._empty({**known, **found})

    def _write(self, decoded: DecodedImages) -> Generator[Event, None, None]:
        if not self._caches:
            return
        try:
            decoded_cache.write(self._listing, self._cached_size, self.value_range, decoded)
        except StorageError as error:
            self._caches = False
            yield WarningRaised(
                title="The decoded images cannot be cached", detail=f"{error.title}: {error.detail}", hint=error.hint
            )

    @property
    def _size(self) -> tuple[int, int]:
        return self._original_size or (self._image_size, self._image_size)

    @property
    def _cached_size(self) -> int | None:
        return None if self._original_size else self._image_size

    def _empty(self, unreadable: Mapping[int, Unreadable]) -> DecodedImages:
        return DecodedImages.none(self._size, unreadable)

    def _fits(self, count: int) -> bool:
        """Whether that many images fit in memory, counting the space of those that are loaded."""
        height, width = self._size
        available = psutil.virtual_memory().available + self._decoded.images.nbytes
        return count * height * width * 3 <= _MEMORY_FRACTION * available


def _labels(listing: FolderListing) -> Labels:
    validation = () if listing.validation is None else listing.validation.labels
    test = None if listing.test is None else torch.tensor(listing.test.labels)
    return Labels(torch.tensor(listing.train.labels + validation), test, len(validation))


def _original_size(listing: FolderListing, image_size: int) -> tuple[int, int] | None:
    """Height and width of the images if all have the same and need no shrinking; from the cache if it knows them."""
    size = decoded_cache.original_size(listing)
    if size is None and not decoded_cache.has_size(listing, image_size):
        size = _common_size(listing.paths)
    return size if size is not None and max(size) <= image_size else None


def _common_size(files: Sequence[str]) -> tuple[int, int] | None:
    """Height and width of a sample of the images, if it is the same for all that can be read."""
    sizes = set()
    for path in files[:: max(1, len(files) // _SAMPLE)]:
        with contextlib.suppress(UnreadableImageError):
            sizes.add(stored_size(path))
    return sizes.pop() if len(sizes) == 1 else None
