"""An on-disk cache of a folder's decoded images, so that a file is opened once and not in every run.

An entry holds the images that one run decoded: a line of JSON that describes them, their indices in the listing and a
CRC-32 of each, then the pixels. Entries are named by a hash of the folder's listing, so that old pixels of changed
files are never used. An entry without a value range has no image of more than eight bits.
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

from cnn_tui.engine.control import ShouldStop, Stopped
from cnn_tui.engine.data.decode_many import DecodedImages, Unreadable
from cnn_tui.engine.data.folder_listing import FolderListing
from cnn_tui.engine.data.value_range import ValueRange
from cnn_tui.errors import StorageError
from cnn_tui.formatting import display
from cnn_tui.store.cache_index import DecodedSetInfo, begin_set, decoded_set_folder, evict, mark_used
from cnn_tui.store.files import LEAST_FREE_BYTES, ensure_writable, replace_atomic

_FORMAT: Literal["cnn-tui decoded pictures 3"] = "cnn-tui decoded pictures 3"
"""Change it when the same files give other pixels; older entries are then ignored."""

_LONGEST_HEADER = 1 << 26
_STOP_CHECK_INTERVAL = 1000  # images
_INDEX, _CHECKSUM = np.dtype("<i8"), np.dtype("<u4")


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["cnn-tui decoded pictures 3"] = _FORMAT
    count: int = Field(ge=0)
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    unreadable: dict[int, str]
    values: ValueRange | None
    """The range by which images of more than eight bits were scaled."""
    sha256: str = ""
    """Of this header without this field, and of the indices and checksums that follow."""

    def digest(self, table: bytes) -> str:
        """The expected ``sha256``."""
        return hashlib.sha256(self.model_copy(update={"sha256": ""}).model_dump_json().encode() + table).hexdigest()


@dataclass(frozen=True)
class _Entry:
    decoded: DecodedImages
    checksums: NDArray[np.uint32]

    def only(self, wanted: NDArray[np.int64], should_stop: ShouldStop) -> DecodedImages:
        """Those of the wanted images that the entry has.

        Raises:
            ValueError: one of them is damaged.
            Stopped: ``should_stop`` returned True.
        """
        own = self.decoded
        rows = np.flatnonzero(np.isin(own.indices, wanted, assume_unique=True))
        for number, row in enumerate(rows):
            if number % _STOP_CHECK_INTERVAL == 0 and should_stop():
                raise Stopped
            if zlib.crc32(own.images[row]) != self.checksums[row]:
                raise ValueError("a checksum is wrong")
        known = np.intersect1d(wanted, np.fromiter(own.unreadable, dtype=np.int64))
        unreadable = {index: own.unreadable[index] for index in known.tolist()}
        if len(rows) == len(own.indices):
            return DecodedImages(own.indices, own.images, unreadable)
        return DecodedImages(own.indices[rows], own.images[rows], unreadable)


def original_size(listing: FolderListing) -> tuple[int, int] | None:
    """Height and width of the images that are cached at their original size, if there are any."""
    for path in _entries(listing, None):
        with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
            header, _ = _read_header(file)
            return header.height, header.width
    return None


def value_range(listing: FolderListing) -> ValueRange | None:
    """The range by which images with more than eight bits were scaled, if any are cached."""
    for path in _folder(listing).glob(f"{_key(listing)}-*.pictures"):
        with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
            header, _ = _read_header(file)
            if header.values is not None:
                return header.values
    return None


def has_size(listing: FolderListing, image_size: int) -> bool:
    """Whether there are images resized to squares of ``image_size``."""
    return bool(_entries(listing, image_size))


def unreadable(listing: FolderListing, image_size: int | None) -> dict[int, Unreadable]:
    """The files that are known to be unreadable, by index."""
    found: dict[int, Unreadable] = {}
    for path in _entries(listing, image_size):
        with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
            found.update(_unreadable(_read_header(file)[0]))
    return found


def read(
    listing: FolderListing,
    image_size: int | None,
    size: tuple[int, int],
    values: ValueRange | None,
    wanted: NDArray[np.int64],
    should_stop: ShouldStop,
) -> tuple[DecodedImages, tuple[Path, ...]]:
    """Read the cached images at the indices ``wanted``, int64 (N,) ascending.

    Args:
        image_size: the side that they were resized to; None for those at their original size.
        size: their height and width.
        values: the range by which those with more than eight bits were scaled.

    Returns:
        The images, and the damaged entries, which have been removed.

    Raises:
        Stopped: ``should_stop`` returned True.
    """
    mark_used(_folder(listing))
    parts, damaged, missing = [DecodedImages.none(size, {})], [], wanted
    for path in _entries(listing, image_size):
        with contextlib.suppress(OSError):  # another process may have removed it
            try:
                part = _open(path, size, values).only(missing, should_stop)
            except ValueError:
                damaged.append(path)
            else:
                parts.append(part)
                missing = part.missing(missing)
    for path in damaged:  # after the loop: Windows cannot remove a file that is still mapped
        with contextlib.suppress(OSError):
            path.unlink()
    return parts[0].merged(*parts[1:]), tuple(damaged)


def write(listing: FolderListing, image_size: int | None, values: ValueRange | None, decoded: DecodedImages) -> None:
    """Add decoded images, with arguments as for :func:`read`, and remove entries of older listings.

    If they exceed the limit, entries of the same listing in other sizes are removed, too.

    Raises:
        StorageError: the disk is full or not writable, or the images exceed the limit.
        ConfigError: the limit is not a number.
    """
    folder, stem = _folder(listing), _stem(listing, image_size)
    ensure_writable(folder, decoded.images.nbytes + LEAST_FREE_BYTES)
    _remove(folder, but=_key(listing))
    try:
        evict(folder, decoded.images.nbytes)
    except StorageError:
        _remove(folder, but=f"{stem}-")
        evict(folder, decoded.images.nbytes)
    begin_set(folder, DecodedSetInfo(root=display(listing.root)))
    checksums = np.fromiter((zlib.crc32(image) for image in decoded.images), _CHECKSUM, len(decoded.indices))
    table = decoded.indices.astype(_INDEX).tobytes() + checksums.tobytes()
    _, height, width, _ = decoded.images.shape
    header = _Header(
        count=len(decoded.indices),
        height=height,
        width=width,
        unreadable={index: why.reason for index, why in decoded.without_transient_errors().unreadable.items()},
        values=values,
    )
    digest = header.digest(table)

    def fill(path: Path) -> None:
        with path.open("xb") as file:
            file.write(header.model_copy(update={"sha256": digest}).model_dump_json().encode() + b"\n" + table)
            file.write(np.ascontiguousarray(decoded.images).data)

    replace_atomic(folder / f"{stem}-{digest[:16]}.pictures", fill)


def _open(path: Path, size: tuple[int, int], values: ValueRange | None) -> _Entry:
    with path.open("rb") as file:
        header, table = _read_header(file)
        if (header.height, header.width) != size:
            raise ValueError("its images have another size")
        if header.values not in (None, values):
            raise ValueError("its images are scaled by another range")
        indices = np.frombuffer(table, _INDEX, header.count)
        checksums = np.frombuffer(table, _CHECKSUM, header.count, offset=indices.nbytes)
        # Mapped, not read: pages in the system's cache are not copied. Mode "c" keeps writes off the disk.
        shape = (header.count, *size, 3)
        mapped = np.memmap(file, np.uint8, "c", file.tell(), shape) if header.count else np.empty(shape, np.uint8)
    return _Entry(DecodedImages(indices.astype(np.int64), np.asarray(mapped), _unreadable(header)), checksums)


def _read_header(file: BinaryIO) -> tuple[_Header, bytes]:
    """The header of an entry, and the indices and checksums after it."""
    header = _Header.model_validate_json(file.readline(_LONGEST_HEADER))
    table_bytes = header.count * (_INDEX.itemsize + _CHECKSUM.itemsize)
    pixels = header.count * header.height * header.width * 3
    if file.tell() + table_bytes + pixels != os.fstat(file.fileno()).st_size:
        raise ValueError("its length is wrong")
    table = file.read(table_bytes)
    if header.digest(table) != header.sha256:
        raise ValueError("its header is damaged")
    return header, table


def _unreadable(header: _Header) -> dict[int, Unreadable]:
    return {index: Unreadable(reason, permanent=True) for index, reason in header.unreadable.items()}


def _entries(listing: FolderListing, image_size: int | None) -> list[Path]:
    return sorted(_folder(listing).glob(f"{_stem(listing, image_size)}-*.pictures"))


def _folder(listing: FolderListing) -> Path:
    return decoded_set_folder(listing.root)


def _stem(listing: FolderListing, image_size: int | None) -> str:
    return f"{_key(listing)}-{'own' if image_size is None else image_size}"


def _key(listing: FolderListing) -> str:
    return hashlib.sha256(f"{_FORMAT} {listing.identity}".encode()).hexdigest()[:32]


def _remove(folder: Path, but: str) -> None:
    """Remove the entries whose names do not start with ``but``; unfinished files of other processes are not touched."""
    for path in folder.glob("[!.]*.pictures"):
        if not path.name.startswith(but):
            with contextlib.suppress(OSError):
                path.unlink()
