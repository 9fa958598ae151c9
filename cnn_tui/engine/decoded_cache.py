"""Decoded pictures of a folder, kept on disk so that the files are opened once and not in every run.

An entry is a line of JSON, which says what follows and carries its SHA-256, and the pixels. Entries of one folder
stand together, named by a hash of its listing, so that changed files never meet old pixels.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from cnn_tui import paths
from cnn_tui.engine.decode import Decoded
from cnn_tui.engine.folder import Listing
from cnn_tui.store.files import LEAST_FREE_BYTES, ensure_writable, replace_atomic

_LONGEST_HEADER = 1 << 26


class DamagedCacheError(Exception):
    """An entry that is not what was written."""


class _Header(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["cnn-tui decoded pictures 1"] = "cnn-tui decoded pictures 1"
    count: int = Field(ge=0)
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    unreadable: tuple[tuple[int, str], ...]
    sha256: str


def read(listing: Listing, image_size: int, most_bytes: int) -> Decoded | None:
    """What is kept for these files: at their own size if that is at most ``image_size``, else at ``image_size``.

    An entry of more than ``most_bytes`` is not read.

    Raises:
        DamagedCacheError: there is an entry, and it is damaged; it has been removed.
    """
    for path in _entries(listing, image_size):
        if not path.is_file() or path.stat().st_size > most_bytes:
            continue
        try:
            decoded = _read(path)
        except (OSError, ValueError) as error:
            path.unlink(missing_ok=True)
            raise DamagedCacheError(f"{path} is not what was written") from error
        if max(decoded.pictures.shape[1:3]) <= image_size:
            return decoded
    return None


def write(listing: Listing, decoded: Decoded, image_size: int | None) -> None:
    """Keep decoded pictures, which have their own size (None) or ``image_size``; what was kept before them goes.

    Raises:
        StorageError: the disk is full or not to be written to.
    """
    path = _entry(listing, image_size)
    ensure_writable(path.parent, decoded.pictures.nbytes + LEAST_FREE_BYTES)
    _remove_others(path.parent, listing.identity)
    replace_atomic(path, lambda temporary: _write(temporary, decoded))


def _entries(listing: Listing, image_size: int) -> Iterator[Path]:
    yield _entry(listing, None)
    yield _entry(listing, image_size)


def _entry(listing: Listing, image_size: int | None) -> Path:
    folder = hashlib.sha256(os.fsencode(listing.root)).hexdigest()[:16]
    rule = "native" if image_size is None else str(image_size)
    return paths.cache_folder() / "decoded" / folder / f"{listing.identity[:32]}-{rule}.pictures"


def _remove_others(folder: Path, identity: str) -> None:
    for path in folder.glob("*.pictures"):
        if not path.name.startswith(identity[:32]):
            with contextlib.suppress(OSError):
                path.unlink()


def _write(path: Path, decoded: Decoded) -> None:
    count, height, width, _ = decoded.pictures.shape
    pixels = np.ascontiguousarray(decoded.pictures)
    header = _Header(
        count=count,
        height=height,
        width=width,
        unreadable=decoded.unreadable,
        sha256=hashlib.sha256(pixels.data).hexdigest(),
    )
    with path.open("xb") as file:
        file.write(header.model_dump_json().encode() + b"\n")
        file.write(pixels.data)


def _read(path: Path) -> Decoded:
    with path.open("rb") as file:
        header = _Header.model_validate_json(file.readline(_LONGEST_HEADER))
        # Mapped, not read: what the system has in memory already is not copied. "c" keeps writes off the disk.
        content = np.memmap(file, dtype=np.uint8, mode="c", offset=file.tell())
        pixels = np.asarray(content).reshape(header.count, header.height, header.width, 3)
    if hashlib.sha256(pixels.data).hexdigest() != header.sha256:
        raise ValueError("its checksum is wrong")
    return Decoded(pixels, header.unreadable)
