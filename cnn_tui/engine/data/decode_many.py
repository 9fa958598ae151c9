"""Decoding, checking and measuring many image files in parallel."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cnn_tui.engine.control import RateLimiter, ShouldStop, Stopped
from cnn_tui.engine.data.decode import UnreadableImageError, decode, stored_size, value_extent
from cnn_tui.engine.data.value_range import SIXTEEN_BITS, ValueRange
from cnn_tui.engine.parallel import WORKERS, in_parallel
from cnn_tui.events import Event, Progress

_CHUNK = 16
_SMALL_IMAGE = 128 * 128  # pixels; below it Pillow mostly holds the GIL, and threads only contend for it
_PROBED_VALUES = 16  # of an image
_MEASURED = 500  # images, at most, that decide the value range


class Unreadable(NamedTuple):
    """Why a file could not be decoded, and whether it never can be: see :class:`UnreadableImageError`."""

    reason: str
    permanent: bool


@dataclass(frozen=True)
class DecodedImages:
    """Decoded images of some files of a list, by their indices in it.

    Attributes:
        indices: int64 (K,), ascending.
        images: uint8 (K, H, W, 3).
        unreadable: the files that could not be decoded, by index; they are not among ``indices``.
    """

    indices: NDArray[np.int64]
    images: NDArray[np.uint8]
    unreadable: Mapping[int, Unreadable]

    @classmethod
    def none(cls, size: tuple[int, int], unreadable: Mapping[int, Unreadable]) -> Self:
        """No images, of a height and width."""
        return cls(np.empty(0, dtype=np.int64), np.empty((0, *size, 3), dtype=np.uint8), unreadable)

    def missing(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of ``wanted`` that are neither decoded nor known to be unreadable."""
        known = np.union1d(self.indices, np.fromiter(self.unreadable, dtype=np.int64))
        return np.setdiff1d(wanted, known, assume_unique=True)

    def merged(self, *others: DecodedImages) -> DecodedImages:
        """The images of all, which have none in common."""
        unreadable = {index: why for part in (self, *others) for index, why in part.unreadable.items()}
        parts = [part for part in (self, *others) if len(part.indices)]
        if len(parts) <= 1:
            return replace(parts[0] if parts else self, unreadable=unreadable)
        indices = np.sort(np.concatenate([part.indices for part in parts]))
        images = np.empty((len(indices), *self.images.shape[1:]), dtype=np.uint8)
        for part in parts:
            images[np.searchsorted(indices, part.indices)] = part.images
        return DecodedImages(indices, images, unreadable)

    def constant_images(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of ``wanted`` of which all values are equal."""
        flat = self.images.reshape(len(self.indices), self.images[:1].size or 1)
        probe = flat[
            :, :: max(1, flat.shape[1] // _PROBED_VALUES)
        ]  # a few values show of nearly all images that they are not
        rows = np.flatnonzero((probe == probe[:, :1]).all(axis=1) & np.isin(self.indices, wanted, assume_unique=True))
        return self.indices[[row for row in rows if (flat[row] == flat[row, 0]).all()]]

    def without_transient_errors(self) -> DecodedImages:
        """The same, without errors that may have passed by the next attempt."""
        return replace(self, unreadable={index: why for index, why in self.unreadable.items() if why.permanent})


def decode_all(
    paths: Sequence[str],
    indices: NDArray[np.int64],
    size: tuple[int, int],
    keeps_size: bool,
    values: ValueRange | None,
    should_stop: ShouldStop,
) -> Generator[Event, None, DecodedImages]:
    """Decode the files at these indices in parallel; emits progress in images.

    Args:
        size: height and width of the result.
        keeps_size: whether most files have this size.
        values: as for :func:`decode`.

    Raises:
        Stopped: ``should_stop`` returned True; it is called every few images.
        UnscaledImageError: an image has more than eight bits and ``values`` is None.
    """
    images = np.empty((len(indices), *size, 3), dtype=np.uint8)

    def fill(which: int) -> None:
        images[which] = decode(paths[indices[which]], size, values)

    small = keeps_size and size[0] * size[1] <= _SMALL_IMAGE
    errors = yield from _for_all(len(indices), fill, should_stop, workers=1 if small else WORKERS)
    unreadable = {int(indices[which]): why for which, why in errors.items()}
    if errors:
        left_out = list(errors)
        indices, images = np.delete(indices, left_out), np.delete(images, left_out, axis=0)
    return DecodedImages(indices, images, unreadable)


def check_all(
    paths: Sequence[str], indices: NDArray[np.int64], values: ValueRange | None, should_stop: ShouldStop
) -> Generator[Event, None, dict[int, Unreadable]]:
    """Find the indices of files whose headers are not those of images.

    Raises:
        Stopped: ``should_stop`` returned True; it is called every few images.
        UnscaledImageError: an image has more than eight bits and ``values`` is None.
    """

    def check(which: int) -> None:
        stored_size(paths[indices[which]], values)

    errors = yield from _for_all(len(indices), check, should_stop)
    return {int(indices[which]): why for which, why in errors.items()}


def find_range(paths: Sequence[str], should_stop: ShouldStop) -> Generator[Event, None, ValueRange]:
    """The range of values that images with more than eight bits use, measured on up to 500 of them.

    The sample does not depend on the limits of a run, so that all runs scale the same files alike. Without such an
    image the range is that of 16 bits.

    Raises:
        Stopped: ``should_stop`` returned True; it is called every few images.
    """
    order = np.random.default_rng(0).permutation(len(paths)).tolist()
    found: list[tuple[float, float]] = []
    limiter = RateLimiter(10)
    with contextlib.closing(in_parallel(_extent, (paths[which] for which in order), ahead=4 * WORKERS)) as extents:
        for done, one in enumerate(extents):
            if done % _CHUNK == 0 and should_stop():
                raise Stopped
            found += [one] if one is not None else []
            if len(found) == _MEASURED:
                break
            if limiter.due():
                yield Progress(done=done + 1, total=None, unit="pictures")
    return ValueRange.of(min(low for low, _ in found), max(high for _, high in found)) if found else SIXTEEN_BITS


def _extent(path: str) -> tuple[float, float] | None:
    try:
        return value_extent(path)
    except UnreadableImageError:
        return None


def _for_all(
    count: int, work: Callable[[int], None], should_stop: ShouldStop, workers: int = WORKERS
) -> Generator[Event, None, dict[int, Unreadable]]:
    """Do ``work`` for each of ``count`` files in parallel; the unreadable ones, and why."""

    def chunk(some: range) -> list[tuple[int, Unreadable]]:
        return list(itertools.chain.from_iterable(_error(which, work) for which in some))

    limiter, done = RateLimiter(10), 0
    errors: dict[int, Unreadable] = {}
    chunks = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    with contextlib.closing(in_parallel(chunk, chunks, ahead=4 * workers, workers=workers)) as results:
        for some, found in zip(chunks, results, strict=True):
            if should_stop():
                raise Stopped
            errors.update(found)
            done = some.stop
            if limiter.due() or done == count:
                yield Progress(done=done, total=count, unit="pictures")
    return errors


def _error(which: int, work: Callable[[int], None]) -> Iterator[tuple[int, Unreadable]]:
    try:
        work(which)
    except UnreadableImageError as error:
        yield which, Unreadable(str(error), error.permanent)
