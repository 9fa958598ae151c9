"""Decoded pictures of a folder, kept on disk so that a file is opened once and not in every run.

An entry holds the pictures that one run decoded: a line of JSON, which says what follows, their places in the listing
and a CRC-32 of each, then the pixels. Entries of one folder stand together, named by a hash of its listing, so that
changed files never meet old pixels.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from cnn_tui.engine.decode import Decoded
from cnn_tui.engine.folder import Listing, display
from cnn_tui.store.cache_index import AboutPictures, describe, make_room, mark_used, pictures_folder
from cnn_tui.store.files import LEAST_FREE_BYTES, ensure_writable, replace_atomic

_LONGEST_HEADER = 1 << 26
_PLACE, _CHECKSUM = np.dtype("<i8"), np.dtype("<u4")


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["cnn-tui decoded pictures 2"] = "cnn-tui decoded pictures 2"
    count: int = Field(ge=0)
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    unreadable: dict[int, str]
    sha256: str
    """Of the places and checksums."""


@dataclass(frozen=True)
class _Entry:
    decoded: Decoded
    checksums: NDArray[np.uint32]

    def only(self, wanted: NDArray[np.int64]) -> Decoded:
        """Those of the wanted pictures that are here.

        Raises:
            ValueError: one of them is not what was written.
        """
        own = self.decoded
        rows = np.flatnonzero(np.isin(own.places, wanted, assume_unique=True))
        if any(zlib.crc32(own.pictures[row]) != self.checksums[row] for row in rows):
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
            header = _Header.model_validate_json(file.readline(_LONGEST_HEADER))
            return header.height, header.width
    return None


def is_kept(listing: Listing, image_size: int) -> bool:
    """Whether there are pictures that were made squares of ``image_size``."""
    return bool(_entries(listing, image_size))


def read(
    listing: Listing, image_size: int | None, size: tuple[int, int], wanted: NDArray[np.int64]
) -> tuple[Decoded, tuple[Path, ...]]:
    """What is kept of the pictures at the places ``wanted``, int64 (N,) in ascending order.

    Args:
        image_size: the side that they were brought to; None for those at their own size.
        size: their height and width.

    Returns:
        The pictures, and the entries that were damaged, which have been removed.
    """
    found, damaged = Decoded.none(size, {}), []
    mark_used(_folder(listing))
    for path in _entries(listing, image_size):
        try:
            entry = _open(path)
            if entry.decoded.pictures.shape[1:3] != size:
                raise ValueError("its pictures have another size")
            part = entry.only(found.lacking(wanted))
        except (OSError, ValueError):
            with contextlib.suppress(OSError):
                path.unlink()
            damaged.append(path)
        else:
            found = found.united(part)
    return found, tuple(damaged)


def write(listing: Listing, image_size: int | None, decoded: Decoded) -> None:
    """Keep decoded pictures beside those of the same listing; what was kept of another one goes.

    Raises:
        StorageError: the disk is full or not to be written to, or this is more than may be kept.
        ConfigError: the limit of what may be kept is no number.
    """
    folder = _folder(listing)
    describe(folder, AboutPictures(root=display(listing.root)))
    _remove_others(folder, listing.identity)
    make_room(folder, decoded.pictures.nbytes)
    ensure_writable(folder, decoded.pictures.nbytes + LEAST_FREE_BYTES)
    checksums = np.fromiter((zlib.crc32(picture) for picture in decoded.pictures), _CHECKSUM, len(decoded.places))
    index = decoded.places.astype(_PLACE).tobytes() + checksums.tobytes()
    _, height, width, _ = decoded.pictures.shape
    header = _Header(
        count=len(decoded.places),
        height=height,
        width=width,
        unreadable=dict(decoded.unreadable),
        sha256=hashlib.sha256(index).hexdigest(),
    )

    def fill(path: Path) -> None:
        with path.open("xb") as file:
            file.write(header.model_dump_json().encode() + b"\n" + index)
            file.write(np.ascontiguousarray(decoded.pictures).data)

    replace_atomic(folder / f"{_stem(listing, image_size)}-{header.sha256[:16]}.pictures", fill)


def _open(path: Path) -> _Entry:
    with path.open("rb") as file:
        header = _Header.model_validate_json(file.readline(_LONGEST_HEADER))
        shape = (header.count, header.height, header.width, 3)
        index_bytes = header.count * (_PLACE.itemsize + _CHECKSUM.itemsize)
        if file.tell() + index_bytes + math.prod(shape) != os.fstat(file.fileno()).st_size:
            raise ValueError("its length is wrong")
        index = file.read(index_bytes)
        if hashlib.sha256(index).hexdigest() != header.sha256:
            raise ValueError("its index is damaged")
        places = np.frombuffer(index, _PLACE, header.count)
        checksums = np.frombuffer(index, _CHECKSUM, header.count, offset=places.nbytes)
        # Mapped, not read: what the system has in memory already is not copied. "c" keeps writes off the disk.
        mapped = np.memmap(file, np.uint8, "c", file.tell(), shape) if header.count else np.empty(shape, np.uint8)
    return _Entry(Decoded(places.astype(np.int64), np.asarray(mapped), header.unreadable), checksums)


def _entries(listing: Listing, image_size: int | None) -> list[Path]:
    return sorted(_folder(listing).glob(f"{_stem(listing, image_size)}-*.pictures"))


def _folder(listing: Listing) -> Path:
    return pictures_folder() / hashlib.sha256(os.fsencode(listing.root)).hexdigest()[:16]


def _stem(listing: Listing, image_size: int | None) -> str:
    return f"{listing.identity[:32]}-{'own' if image_size is None else image_size}"


def _remove_others(folder: Path, identity: str) -> None:
    for path in folder.glob("*.pictures"):
        if not path.name.startswith(identity[:32]):
            with contextlib.suppress(OSError):
                path.unlink()
