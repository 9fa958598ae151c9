"""Many picture files at once: decoded, looked at, and measured."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cnn_tui.engine.data.decode import UnreadablePictureError, decode, picture_size, reach
from cnn_tui.engine.data.value_range import SIXTEEN_BITS, ValueRange
from cnn_tui.engine.parallel import WORKERS, in_parallel
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.engine.ticker import Ticker
from cnn_tui.events import Event, Progress

_CHUNK = 16
_FEW_PIXELS = 128 * 128  # below it Pillow holds the interpreter's lock most of the time, and threads only contend
_LOOKED_AT = 16  # values of a picture
_MEASURED = 500  # pictures, at most, that decide about a range of values


class Unreadable(NamedTuple):
    """Why a file gave no picture; see :class:`UnreadablePictureError`."""

    reason: str
    lasting: bool


@dataclass(frozen=True)
class Decoded:
    """Pictures of some files of a list, by their places in it.

    Attributes:
        places: int64 (K,), ascending.
        pictures: uint8 (K, H, W, 3).
        unreadable: the places of files that gave no picture; they are not among the others.
    """

    places: NDArray[np.int64]
    pictures: NDArray[np.uint8]
    unreadable: Mapping[int, Unreadable]

    @classmethod
    def none(cls, size: tuple[int, int], unreadable: Mapping[int, Unreadable]) -> Self:
        """No picture at all, of a height and width."""
        return cls(np.empty(0, dtype=np.int64), np.empty((0, *size, 3), dtype=np.uint8), unreadable)

    def lacking(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of ``wanted`` of which neither the picture is here nor that there is none."""
        known = np.union1d(self.places, np.fromiter(self.unreadable, dtype=np.int64))
        return np.setdiff1d(wanted, known, assume_unique=True)

    def united(self, *others: Decoded) -> Decoded:
        """The pictures of all, which have none in common."""
        unreadable = {place: why for part in (self, *others) for place, why in part.unreadable.items()}
        parts = [part for part in (self, *others) if len(part.places)]
        if len(parts) <= 1:
            return replace(parts[0] if parts else self, unreadable=unreadable)
        places = np.sort(np.concatenate([part.places for part in parts]))
        pictures = np.empty((len(places), *self.pictures.shape[1:]), dtype=np.uint8)
        for part in parts:
            pictures[np.searchsorted(places, part.places)] = part.pictures
        return Decoded(places, pictures, unreadable)

    def constant(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of ``wanted`` of which each pixel and colour has one and the same value."""
        flat = self.pictures.reshape(len(self.places), self.pictures[:1].size or 1)
        few = flat[:, :: max(1, flat.shape[1] // _LOOKED_AT)]  # by which nearly all show that they are not
        rows = np.flatnonzero((few == few[:, :1]).all(axis=1) & np.isin(self.places, wanted, assume_unique=True))
        return self.places[[row for row in rows if (flat[row] == flat[row, 0]).all()]]

    def lasting(self) -> Decoded:
        """The same without what may have passed when it is asked for again."""
        return replace(self, unreadable={place: why for place, why in self.unreadable.items() if why.lasting})


def decode_all(
    paths: Sequence[str],
    places: NDArray[np.int64],
    size: tuple[int, int],
    own_size: bool,
    values: ValueRange | None,
    should_stop: ShouldStop,
) -> Generator[Event, None, Decoded]:
    """Decode the files at these places in parallel, telling progress in pictures.

    Args:
        size: the height and width that all of them get.
        own_size: whether most of them have this size.
        values: see :func:`decode`.

    Raises:
        Stopped: ``should_stop`` said so; it is asked every few pictures.
        UnscaledPictureError: see :func:`decode`.
    """
    pictures = np.empty((len(places), *size, 3), dtype=np.uint8)

    def fill(which: int) -> None:
        pictures[which] = decode(paths[places[which]], size, values)

    small = own_size and size[0] * size[1] <= _FEW_PIXELS
    problems = yield from _for_all(len(places), fill, should_stop, workers=1 if small else WORKERS)
    unreadable = {int(places[which]): why for which, why in problems.items()}
    if problems:
        left_out = list(problems)
        places, pictures = np.delete(places, left_out), np.delete(pictures, left_out, axis=0)
    return Decoded(places, pictures, unreadable)


def check_all(
    paths: Sequence[str], places: NDArray[np.int64], values: ValueRange | None, should_stop: ShouldStop
) -> Generator[Event, None, dict[int, Unreadable]]:
    """Find the places of files whose heads are not those of pictures.

    Raises:
        Stopped: ``should_stop`` said so; it is asked every few pictures.
        UnscaledPictureError: see :func:`picture_size`.
    """

    def look(which: int) -> None:
        picture_size(paths[places[which]], values)

    problems = yield from _for_all(len(places), look, should_stop)
    return {int(places[which]): why for which, why in problems.items()}


def find_range(paths: Sequence[str], should_stop: ShouldStop) -> Generator[Event, None, ValueRange]:
    """The range of values that pictures with more than eight bits use: of 500 of them, chosen by their number alone.

    What a run is limited to does not matter, so that all runs scale the same files alike. Where there is no such
    picture, it is that of 16 bits.

    Raises:
        Stopped: ``should_stop`` said so; it is asked every few pictures.
    """
    order = np.random.default_rng(0).permutation(len(paths)).tolist()
    found: list[tuple[float, float]] = []
    ticker = Ticker(10)
    with contextlib.closing(in_parallel(_reach, (paths[which] for which in order), ahead=4 * WORKERS)) as reaches:
        for done, one in enumerate(reaches):
            if done % _CHUNK == 0 and should_stop():
                raise Stopped
            found += [one] if one is not None else []
            if len(found) == _MEASURED:
                break
            if ticker.due():
                yield Progress(done=done + 1, total=None, unit="pictures")
    return ValueRange.of(min(low for low, _ in found), max(high for _, high in found)) if found else SIXTEEN_BITS


def _reach(path: str) -> tuple[float, float] | None:
    try:
        return reach(path)
    except UnreadablePictureError:
        return None


def _for_all(
    count: int, work: Callable[[int], None], should_stop: ShouldStop, workers: int = WORKERS
) -> Generator[Event, None, dict[int, Unreadable]]:
    """Do ``work`` for each of ``count`` files in parallel; which of them are unreadable, and why."""

    def chunk(some: range) -> list[tuple[int, Unreadable]]:
        return list(itertools.chain.from_iterable(_problem(which, work) for which in some))

    ticker, done = Ticker(10), 0
    problems: dict[int, Unreadable] = {}
    chunks = [range(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    with contextlib.closing(in_parallel(chunk, chunks, ahead=4 * workers, workers=workers)) as results:
        for some, found in zip(chunks, results, strict=True):
            if should_stop():
                raise Stopped
            problems.update(found)
            done = some.stop
            if ticker.due() or done == count:
                yield Progress(done=done, total=count, unit="pictures")
    return problems


def _problem(which: int, work: Callable[[int], None]) -> Iterator[tuple[int, Unreadable]]:
    try:
        work(which)
    except UnreadablePictureError as error:
        yield which, Unreadable(str(error), error.lasting)
