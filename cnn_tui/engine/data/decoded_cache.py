"""Decoded pictures of a folder, kept on disk so that a file is opened once and not in every run.

An entry holds the pictures that one run decoded: a line of JSON, which says what follows, their places in the listing
and a CRC-32 of each, then the pixels. Entries of one folder stand together, named by a hash of its listing, so that
changed files never meet old pixels. One that tells no range of values has no picture of more than eight bits.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from cnn_tui.engine.data.decode_many import Decoded, Unreadable
from cnn_tui.engine.data.folder_listing import Listing
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.errors import StorageError
from cnn_tui.store.cache_index import AboutPictures, describe, make_room, mark_used, pictures_set
from cnn_tui.store.files import LEAST_FREE_BYTES, ensure_writable, replace_atomic
from cnn_tui.store.names import display

_FORMAT: Literal["cnn-tui decoded pictures 3"] = "cnn-tui decoded pictures 3"
"""To be changed when files would give other pixels; what was kept before is neither used nor called damaged."""

_LONGEST_HEADER = 1 << 26
_ASKED_EVERY = 1000  # pictures
_PLACE, _CHECKSUM = np.dtype("<i8"), np.dtype("<u4")


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["cnn-tui decoded pictures 3"] = _FORMAT
    count: int = Field(ge=0)
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    unreadable: dict[int, str]
    values: ValueRange | None
    """What pictures of more than eight bits were scaled by."""
    sha256: str = ""
    """Of this head without it, and of the places and checksums that follow."""

    def digest(self, index: bytes) -> str:
        """What ``sha256`` has to be."""
        return hashlib.sha256(self.model_copy(update={"sha256": ""}).model_dump_json().encode() + index).hexdigest()


@dataclass(frozen=True)
class _Entry:
    decoded: Decoded
    checksums: NDArray[np.uint32]

    def only(self, wanted: NDArray[np.int64], should_stop: ShouldStop) -> Decoded:
        """Those of the wanted pictures that are here.

        Raises:
            ValueError: one of them is not what was written.
            Stopped: ``should_stop`` said so; it is asked every few pictures.
        """
        own = self.decoded
        rows = np.flatnonzero(np.isin(own.places, wanted, assume_unique=True))
        for number, row in enumerate(rows):
            if number % _ASKED_EVERY == 0 and should_stop():
                raise Stopped
            if zlib.crc32(own.pictures[row]) != self.checksums[row]:
                raise ValueError("a checksum is wrong")
        known = np.intersect1d(wanted, np.fromiter(own.unreadable, dtype=np.int64))
        unreadable = {place: own.unreadable[place] for place in known.tolist()}
        if len(rows) == len(own.places):
            return Decoded(own.places, own.pictures, unreadable)
        return Decoded(own.places[rows], own.pictures[rows], unreadable)


def own_size(listing: Listing) -> tuple[int, int] | None:
    """Height and width of the pictures that are kept at their own size, if there are any."""
    for path in _entries(listing, None):
        with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
            header, _ = _read_head(file)
            return header.height, header.width
    return None


def value_range(listing: Listing) -> ValueRange | None:
    """What pictures with more than eight bits were scaled by, if any are kept."""
    for path in _folder(listing).glob(f"{_key(listing)}-*.pictures"):
        with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
            header, _ = _read_head(file)
            if header.values is not None:
                return header.values
    return None


def is_kept(listing: Listing, image_size: int) -> bool:
    """Whether there are pictures that were made squares of ``image_size``."""
    return bool(_entries(listing, image_size))


def unreadable(listing: Listing, image_size: int | None) -> dict[int, Unreadable]:
    """The places of files that gave no picture when they were to be kept, as far as that is known."""
    found: dict[int, Unreadable] = {}
    for path in _entries(listing, image_size):
        with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
            found.update(_unreadable(_read_head(file)[0]))
    return found


def read(
    listing: Listing,
    image_size: int | None,
    size: tuple[int, int],
    values: ValueRange | None,
    wanted: NDArray[np.int64],
    should_stop: ShouldStop,
) -> tuple[Decoded, tuple[Path, ...]]:
    """What is kept of the pictures at the places ``wanted``, int64 (N,) in ascending order.

    Args:
        image_size: the side that they were brought to; None for those at their own size.
        size: their height and width.
        values: what those with more than eight bits were scaled by.

    Returns:
        The pictures, and the entries that were damaged, which have been removed.

    Raises:
        Stopped: ``should_stop`` said so.
    """
    mark_used(_folder(listing))
    parts, damaged, lacking = [Decoded.none(size, {})], [], wanted
    for path in _entries(listing, image_size):
        with contextlib.suppress(OSError):  # Another process may have removed it, or it cannot be read just now.
            try:
                part = _open(path, size, values).only(lacking, should_stop)
            except ValueError:
                damaged.append(path)
            else:
                parts.append(part)
                lacking = part.lacking(lacking)
    for path in damaged:  # when nothing maps it any more, which Windows asks for
        with contextlib.suppress(OSError):
            path.unlink()
    return parts[0].united(*parts[1:]), tuple(damaged)


def write(listing: Listing, image_size: int | None, values: ValueRange | None, decoded: Decoded) -> None:
    """Keep decoded pictures, as for :func:`read`, beside those of the same listing; what was kept of another one goes.

    Where they are more than may be kept, those of the same listing in other sizes make room.

    Raises:
        StorageError: the disk is full or not to be written to, or this is more than may be kept.
        ConfigError: the limit of what may be kept is no number.
    """
    folder, stem = _folder(listing), _stem(listing, image_size)
    ensure_writable(folder, decoded.pictures.nbytes + LEAST_FREE_BYTES)
    _remove(folder, but=_key(listing))
    try:
        make_room(folder, decoded.pictures.nbytes)
    except StorageError:
        _remove(folder, but=f"{stem}-")
        make_room(folder, decoded.pictures.nbytes)
    describe(folder, AboutPictures(root=display(listing.root)))
    checksums = np.fromiter((zlib.crc32(picture) for picture in decoded.pictures), _CHECKSUM, len(decoded.places))
    index = decoded.places.astype(_PLACE).tobytes() + checksums.tobytes()
    _, height, width, _ = decoded.pictures.shape
    header = _Header(
        count=len(decoded.places),
        height=height,
        width=width,
        unreadable={place: why.reason for place, why in decoded.lasting().unreadable.items()},
        values=values,
    )
    digest = header.digest(index)

    def fill(path: Path) -> None:
        with path.open("xb") as file:
            file.write(header.model_copy(update={"sha256": digest}).model_dump_json().encode() + b"\n" + index)
            file.write(np.ascontiguousarray(decoded.pictures).data)

    replace_atomic(folder / f"{stem}-{digest[:16]}.pictures", fill)


def _open(path: Path, size: tuple[int, int], values: ValueRange | None) -> _Entry:
    with path.open("rb") as file:
        header, index = _read_head(file)
        if (header.height, header.width) != size:
            raise ValueError("its pictures have another size")
        if header.values not in (None, values):
            raise ValueError("its pictures are scaled by another range")
        places = np.frombuffer(index, _PLACE, header.count)
        checksums = np.frombuffer(index, _CHECKSUM, header.count, offset=places.nbytes)
        # Mapped, not read: what the system has in memory already is not copied. "c" keeps writes off the disk.
        shape = (header.count, *size, 3)
        mapped = np.memmap(file, np.uint8, "c", file.tell(), shape) if header.count else np.empty(shape, np.uint8)
    return _Entry(Decoded(places.astype(np.int64), np.asarray(mapped), _unreadable(header)), checksums)


def _read_head(file: BinaryIO) -> tuple[_Header, bytes]:
    """The head of an entry, and the places and checksums behind it."""
    header = _Header.model_validate_json(file.readline(_LONGEST_HEADER))
    index_bytes = header.count * (_PLACE.itemsize + _CHECKSUM.itemsize)
    pixels = header.count * header.height * header.width * 3
    if file.tell() + index_bytes + pixels != os.fstat(file.fileno()).st_size:
        raise ValueError("its length is wrong")
    index = file.read(index_bytes)
    if header.digest(index) != header.sha256:
        raise ValueError("its head is damaged")
    return header, index


def _unreadable(header: _Header) -> dict[int, Unreadable]:
    return {place: Unreadable(reason, lasting=True) for place, reason in header.unreadable.items()}


def _entries(listing: Listing, image_size: int | None) -> list[Path]:
    return sorted(_folder(listing).glob(f"{_stem(listing, image_size)}-*.pictures"))


def _folder(listing: Listing) -> Path:
    return pictures_set(listing.root)


def _stem(listing: Listing, image_size: int | None) -> str:
    return f"{_key(listing)}-{'own' if image_size is None else image_size}"


def _key(listing: Listing) -> str:
    return hashlib.sha256(f"{_FORMAT} {listing.identity}".encode()).hexdigest()[:32]


def _remove(folder: Path, but: str) -> None:
    """Remove the entries whose names do not begin like this. What another process is about to write is none yet."""
    for path in folder.glob("[!.]*.pictures"):
        if not path.name.startswith(but):
            with contextlib.suppress(OSError):
                path.unlink()
