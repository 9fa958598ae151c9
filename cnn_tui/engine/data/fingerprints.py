"""Which picture files of a folder hold the same bytes: found by their sizes, then by hashes, which are kept on disk.

Only files that share their size with another one are opened, and of large ones only the end is read, unless that is the
same, too. The hashes stand beside the decoded pictures: a digest of the rest, then two numbers of 64 bits for each file
of the listing.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnn_tui.engine.data.file_hashes import UNKNOWN, WHOLE_BYTES, sample_hash, whole_hash
from cnn_tui.engine.data.folder_listing import Listing
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.errors import StorageError
from cnn_tui.store.cache_index import AboutPictures, describe, pictures_set
from cnn_tui.store.files import replace_atomic
from cnn_tui.store.names import display

_ASKED_EVERY = 200  # files
_SUFFIX = ".hashes"
_STORED = np.dtype("<u8")
_DIGEST_BYTES = 16
_Indices = NDArray[np.int64]
_Hashes = NDArray[np.uint64]


class Fingerprints:
    """Hashes of a folder's files, as far as somebody asked for them."""

    def __init__(self, listing: Listing) -> None:
        self._root = listing.root
        self._file = pictures_set(listing.root) / f"{listing.identity[:32]}{_SUFFIX}"
        self._paths = listing.paths
        self._sizes = np.array(listing.sizes, dtype=np.int64)
        self._samples, self._wholes = _read(self._file, len(self._paths))

    def repeated(self, indices: _Indices, should_stop: ShouldStop) -> tuple[_Indices, _Hashes]:
        """Those of the files at ``indices``, int64 (K,), each once, that may not be alone, with hashes of their bytes.

        Files that cannot be read are taken to be alone.

        Raises:
            Stopped: ``should_stop`` said so; what was found until then is forgotten.
        """
        alike = indices[_occurs_again(self._sizes[indices])]
        new = self._fill(self._samples, alike, self._sample, should_stop)
        large = alike[self._sizes[alike] > WHOLE_BYTES]
        large = large[_occurs_again(self._sizes[large], self._samples[large])]
        new |= self._fill(self._wholes, large, self._whole, should_stop)
        if new:
            self._keep()
        small = alike[self._sizes[alike] <= WHOLE_BYTES]
        found = np.concatenate([small, large])
        hashes = np.concatenate([self._samples[small], self._wholes[large]])
        known = hashes != UNKNOWN
        return found[known], hashes[known]

    def _fill(self, hashes: _Hashes, indices: _Indices, compute: Callable[[int], int], should_stop: ShouldStop) -> bool:
        """Compute the hashes that are lacking; whether there were any."""
        lacking = indices[hashes[indices] == UNKNOWN].tolist()
        for number, index in enumerate(lacking):
            if number % _ASKED_EVERY == 0 and should_stop():
                raise Stopped
            with contextlib.suppress(OSError):
                hashes[index] = compute(index)
        return bool(lacking)

    def _sample(self, index: int) -> int:
        return sample_hash(self._paths[index], int(self._sizes[index]))

    def _whole(self, index: int) -> int:
        return whole_hash(self._paths[index])

    def _keep(self) -> None:
        """Write the hashes for later runs, which can do without; those of an older listing go."""
        with contextlib.suppress(StorageError, OSError):
            describe(self._file.parent, AboutPictures(root=display(self._root)))
            replace_atomic(self._file, self._write)
            for path in self._file.parent.glob(f"[!.]*{_SUFFIX}"):
                if path != self._file:
                    path.unlink()

    def _write(self, path: Path) -> None:
        with path.open("xb") as file:
            content = np.concatenate([self._samples, self._wholes]).astype(_STORED).tobytes()
            file.write(_digest(content) + content)


def _read(path: Path, count: int) -> tuple[_Hashes, _Hashes]:
    """The hashes that are kept of ``count`` files; nothing is known where they are missing or damaged."""
    content = b""
    with contextlib.suppress(OSError):
        content = path.read_bytes()
    if len(content) == _DIGEST_BYTES + 2 * count * _STORED.itemsize:
        digest, hashes = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if _digest(hashes) == digest:
            samples, wholes = np.frombuffer(hashes, _STORED).astype(np.uint64).reshape(2, count)
            return samples, wholes
    return np.full(count, UNKNOWN, dtype=np.uint64), np.full(count, UNKNOWN, dtype=np.uint64)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _occurs_again(*columns: NDArray[np.int64] | NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether a row of the columns, each of length K, is there more than once; bool (K,)."""
    order = np.lexsort(columns)
    same = np.ones(max(0, len(order) - 1), dtype=np.bool_)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    again = np.zeros(len(order), dtype=np.bool_)
    again[order[1:]] |= same
    again[order[:-1]] |= same
    return again
