"""Picture files to eight-bit RGB, whatever they are stored as."""

from __future__ import annotations

import contextlib
import itertools
import struct
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from cnn_tui.engine.parallel import WORKERS, in_parallel
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.engine.ticker import Ticker
from cnn_tui.events import Event, Progress

_CHUNK = 16
_FEW_PIXELS = 128 * 128  # below it Pillow holds the interpreter's lock most of the time, and threads only contend
_SIXTEEN_BIT = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_ORIENTATION = 0x0112
_FIRST_SIDEWAYS_ORIENTATION = 5
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises for files that are damaged, of an unknown kind or too large to be meant seriously."""


class UnreadablePictureError(Exception):
    """A file that is no picture, or a damaged one.

    Attributes:
        lasting: whether it lies in what the file holds; else another time, or with other rights, it may be readable.
    """

    def __init__(self, reason: str, lasting: bool) -> None:
        super().__init__(reason)
        self.lasting = lasting


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

    def lasting(self) -> Decoded:
        """The same without what may have passed when it is asked for again."""
        return replace(self, unreadable={place: why for place, why in self.unreadable.items() if why.lasting})


def decode(path: str, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Read a picture as uint8 (H, W, 3), resized to ``size`` (height, width) if that is given.

    It is turned as its EXIF orientation says and put on white where it is transparent. Of 16 bits the upper eight
    are taken, of an animation the first frame.

    Raises:
        UnreadablePictureError: the file is gone, damaged, no picture, or larger than Pillow's limit.
    """
    try:
        with Image.open(path) as image:
            picture = _rgb(_upright(image))
            if size is not None and picture.size != (size[1], size[0]):
                picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
            return np.asarray(picture)
    except _DAMAGE as error:
        raise _unreadable(error) from error


def picture_size(path: str) -> tuple[int, int]:
    """Height and width of a picture as :func:`decode` would give it, from the file's head.

    Raises:
        UnreadablePictureError: as there.
    """
    try:
        with Image.open(path) as image:
            sideways = image.getexif().get(_ORIENTATION, 1) >= _FIRST_SIDEWAYS_ORIENTATION
            return (image.width, image.height) if sideways else (image.height, image.width)
    except _DAMAGE as error:
        raise _unreadable(error) from error


def decode_all(
    paths: Sequence[str], places: NDArray[np.int64], size: tuple[int, int], own_size: bool, should_stop: ShouldStop
) -> Generator[Event, None, Decoded]:
    """Decode the files at these places in parallel, telling progress in pictures.

    Args:
        size: the height and width that all of them get.
        own_size: whether most of them have this size.

    Raises:
        Stopped: ``should_stop`` said so; it is asked every few pictures.
    """
    pictures = np.empty((len(places), *size, 3), dtype=np.uint8)

    def fill(which: int) -> None:
        pictures[which] = decode(paths[places[which]], size)

    small = own_size and size[0] * size[1] <= _FEW_PIXELS
    problems = yield from _for_all(len(places), fill, should_stop, workers=1 if small else WORKERS)
    unreadable = {int(places[which]): why for which, why in problems.items()}
    if problems:
        left_out = list(problems)
        places, pictures = np.delete(places, left_out), np.delete(pictures, left_out, axis=0)
    return Decoded(places, pictures, unreadable)


def check_all(
    paths: Sequence[str], places: NDArray[np.int64], should_stop: ShouldStop
) -> Generator[Event, None, dict[int, Unreadable]]:
    """Find the places of files whose heads are not those of pictures.

    Raises:
        Stopped: ``should_stop`` said so; it is asked every few pictures.
    """

    def look(which: int) -> None:
        picture_size(paths[places[which]])

    problems = yield from _for_all(len(places), look, should_stop)
    return {int(places[which]): why for which, why in problems.items()}


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


def _upright(image: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(image) if image.getexif().get(_ORIENTATION, 1) != 1 else image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT:
        upper = np.clip(np.asarray(image), 0, 0xFFFF).astype(np.uint16) >> 8
        image = Image.fromarray(upper.astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _unreadable(error: Exception) -> UnreadablePictureError:
    # The system gives its faults a number; what Pillow finds in a file has none.
    return UnreadablePictureError(_reason(error), lasting=not isinstance(error, OSError) or error.errno is None)


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "no picture of a known kind"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
