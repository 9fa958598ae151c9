"""Images that occur more than once in a run: leaks between its splits, and labels that contradict each other.

Files with the same bytes are found by size, then by hash. Only files that share their size with another one are opened,
and of large ones the whole is read only if the end is the same, too: most folders are checked without reading them. The
hashes are cached beside the decoded images: a digest of the rest, then two 64-bit numbers for each file of the listing.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from cnn_tui.engine.control import ShouldStop, Stopped
from cnn_tui.engine.data.file_hashes import UNKNOWN, WHOLE_BYTES, sample_hash, whole_hash
from cnn_tui.engine.data.folder_listing import FolderListing
from cnn_tui.engine.data.sample_selection import Labels, Selection
from cnn_tui.errors import StorageError
from cnn_tui.events import WarningRaised
from cnn_tui.formatting import display
from cnn_tui.store.cache_index import DecodedSetInfo, begin_set, decoded_set_folder
from cnn_tui.store.files import replace_atomic

_STOP_CHECK_INTERVAL = 200  # files
_SUFFIX = ".hashes"
_STORED = np.dtype("<u8")
_DIGEST_BYTES = 16
_MAX_EXAMPLES = 3
_TRAIN, _VALIDATION, _TEST = range(3)
_Indices = NDArray[np.int64]
_Hashes = NDArray[np.uint64]


class FileHashes:
    """Hashes of a folder's files, computed when they are first needed."""

    def __init__(self, listing: FolderListing) -> None:
        self._root = listing.root
        self._file = decoded_set_folder(listing.root) / f"{listing.identity[:32]}{_SUFFIX}"
        self._paths = listing.paths
        self._sizes = np.array(listing.sizes, dtype=np.int64)
        self._samples, self._wholes = _read(self._file, len(self._paths))

    def duplicate_candidates(self, indices: _Indices, should_stop: ShouldStop) -> tuple[_Indices, _Hashes]:
        """Those of the files at ``indices``, int64 (K,), that may have a duplicate, with hashes to compare.

        Files that cannot be read count as unique.

        Raises:
            Stopped: ``should_stop`` returned True; the hashes computed so far are lost.
        """
        same_size = indices[_occurs_again(self._sizes[indices])]
        is_new = self._fill(self._samples, same_size, self._sample, should_stop)
        large = same_size[self._sizes[same_size] > WHOLE_BYTES]
        large = large[_occurs_again(self._sizes[large], self._samples[large])]
        is_new |= self._fill(self._wholes, large, self._whole, should_stop)
        if is_new:
            self._save()
        small = same_size[self._sizes[same_size] <= WHOLE_BYTES]
        candidates = np.concatenate([small, large])
        hashes = np.concatenate([self._samples[small], self._wholes[large]])
        known = hashes != UNKNOWN
        return candidates[known], hashes[known]

    def _fill(self, hashes: _Hashes, indices: _Indices, compute: Callable[[int], int], should_stop: ShouldStop) -> bool:
        """Compute the missing hashes; whether there were any."""
        missing = indices[hashes[indices] == UNKNOWN].tolist()
        for number, index in enumerate(missing):
            if number % _STOP_CHECK_INTERVAL == 0 and should_stop():
                raise Stopped
            with contextlib.suppress(OSError):
                hashes[index] = compute(index)
        return bool(missing)

    def _sample(self, index: int) -> int:
        return sample_hash(self._paths[index], int(self._sizes[index]))

    def _whole(self, index: int) -> int:
        return whole_hash(self._paths[index])

    def _save(self) -> None:
        """Write the hashes for later runs and remove those of older listings; failing to is harmless."""
        with contextlib.suppress(StorageError, OSError):
            begin_set(self._file.parent, DecodedSetInfo(root=display(self._root)))
            replace_atomic(self._file, self._write)
            for path in self._file.parent.glob(f"[!.]*{_SUFFIX}"):
                if path != self._file:
                    path.unlink()

    def _write(self, path: Path) -> None:
        with path.open("xb") as file:
            content = np.concatenate([self._samples, self._wholes]).astype(_STORED).tobytes()
            file.write(_digest(content) + content)


@dataclass
class Duplicates:
    """Duplicated images, each with one that it equals, by their index among all images.

    Attributes:
        test: test images that are also in the training or validation part.
        validation: validation images that are also in the training part.
        classes: images of which a copy is in another class.
    """

    test: dict[int, int] = field(default_factory=dict)
    validation: dict[int, int] = field(default_factory=dict)
    classes: dict[int, int] = field(default_factory=dict)

    def add(self, labels: Labels, selection: Selection, indices: _Indices, hashes: _Hashes) -> None:
        """Find the duplicates in one run.

        Args:
            indices: of images that may have a duplicate, int64 (K,).
            hashes: equal for equal images, uint64 (K,).
        """
        part = _parts(labels, selection)[indices]
        order = np.lexsort((indices, part, hashes))  # within a group training comes first, test last
        order = order[part[order] >= 0]
        indices, part, hashes = indices[order], part[order], hashes[order]
        starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]])) if len(hashes) else order
        first = np.repeat(starts, np.diff(np.append(starts, len(hashes))))  # position of each group's first image
        original = indices[first]
        label = (labels.train if labels.test is None else torch.cat([labels.train, labels.test])).numpy()
        for found, chosen in (
            (self.test, (part == _TEST) & (part[first] < _TEST)),
            (self.validation, (part == _VALIDATION) & (part[first] == _TRAIN)),
            (self.classes, label[indices] != label[original]),
        ):
            found.update(zip(indices[chosen].tolist(), original[chosen].tolist(), strict=True))

    def warning(self, name: Callable[[int], str]) -> WarningRaised | None:
        """The duplicates as a warning, None if there are none; ``name`` gives the name of an image."""
        parts = [
            _describe(found, what, name)
            for found, what in (
                (self.test, "test {} also in the training or validation set"),
                (self.validation, "validation {} also in the training set"),
                (self.classes, "{} also in another class"),
            )
            if found
        ]
        if not parts:
            return None
        hint = "Keep one of each."
        if self.test:
            hint += " A network that has seen the test images scores better than it would on new ones."
        return WarningRaised(title="Some images occur more than once", detail="; ".join(parts), hint=hint)


def _read(path: Path, count: int) -> tuple[_Hashes, _Hashes]:
    """The cached hashes of ``count`` files; all unknown where the cache is missing or damaged."""
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
    """Whether a row of the columns, each of length K, occurs more than once; bool (K,)."""
    order = np.lexsort(columns)
    same = np.ones(max(0, len(order) - 1), dtype=np.bool_)
    for column in columns:
        same &= column[order][1:] == column[order][:-1]
    again = np.zeros(len(order), dtype=np.bool_)
    again[order[1:]] |= same
    again[order[:-1]] |= same
    return again


def _parts(labels: Labels, selection: Selection) -> NDArray[np.int8]:
    """The part of a run that each of all images belongs to, -1 for none."""
    parts = torch.full((len(labels),), -1, dtype=torch.int8)
    parts[selection.train] = _TRAIN
    parts[selection.validation] = _VALIDATION
    parts[selection.test + labels.offset] = _TEST
    return parts.numpy()


def _describe(found: dict[int, int], what: str, name: Callable[[int], str]) -> str:
    shown = ", ".join(f"{name(one)} = {name(other)}" for one, other in sorted(found.items())[:_MAX_EXAMPLES])
    more = ", …" if len(found) > _MAX_EXAMPLES else ""
    noun = "image is" if len(found) == 1 else "images are"
    return f"{len(found):,} {what.format(noun)} ({shown}{more})"
