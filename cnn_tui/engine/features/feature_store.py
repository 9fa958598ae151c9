"""Features of images in memory and on disk.

On disk they are chunks, each written whole under the hash of its content and checked against it when it is read: a
flipped byte would otherwise load silently.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cnn_tui.engine.features.packed_maps import PACKED, alike, unpacked
from cnn_tui.engine.parallel import WORKERS, in_parallel
from cnn_tui.store.cache_index import CHUNK_SUFFIX
from cnn_tui.store.files import write_atomic

_CHECKED_AHEAD = 2 * WORKERS


@dataclass(frozen=True)
class MappedChunk:
    """Some rows, int64 (K,), of features (N, ...) that are memory-mapped from a file."""

    features: Tensor
    rows: Tensor


class MappedFeatures:
    """Features in memory-mapped files; the operating system caches as much of them as memory allows.

    Training reads them in random order. A row is hundreds of kilobytes, so that this is about as fast as in order.
    """

    def __init__(self, chunks: Sequence[MappedChunk]) -> None:
        """``chunks`` are at least one, each with at least one row."""
        self._chunks = tuple(chunks)
        self._chunk_of = torch.cat([torch.full_like(chunk.rows, number) for number, chunk in enumerate(chunks)])
        self._rows = torch.cat([chunk.rows for chunk in chunks])
        self.shape = torch.Size((len(self._rows), *chunks[0].features.shape[1:]))
        empty = chunks[0].features[:0]
        for chunk in chunks[1:]:
            empty, _ = alike(empty, chunk.features[:0])
        self.dtype = empty.dtype

    @property
    def nbytes(self) -> int:
        """Their size on disk."""
        return self.shape.numel() * self.dtype.itemsize

    def gather(self, positions: Tensor) -> Tensor:
        """The features (B, ...) at these positions, int64 (B,), in memory; packed if all in the files are."""
        gathered = torch.empty((len(positions), *self.shape[1:]), dtype=self.dtype)
        sources = zip(self._chunk_of[positions].tolist(), self._rows[positions].tolist(), strict=True)
        for target, (chunk, row) in zip(gathered, sources, strict=True):
            stored = self._chunks[chunk].features[row]
            target.copy_(stored if self.dtype is PACKED else unpacked(stored.unsqueeze(0)).squeeze(0))
        return gathered

    def joined(self, other: MappedFeatures) -> MappedFeatures:
        """These features followed by others."""
        return MappedFeatures(self._chunks + other._chunks)


FeatureTable = Tensor | MappedFeatures
"""Features (K, ...), one row for each image."""


def gather(table: FeatureTable, positions: Tensor) -> Tensor:
    """The features (B, ...) at positions (B,), on the positions' device; packed ones are unpacked."""
    if isinstance(table, MappedFeatures):
        return unpacked(table.gather(positions.cpu()).to(positions.device, non_blocking=True))
    return unpacked(table.index_select(0, positions))


@dataclass(frozen=True)
class StoredFeatures:
    """Features (K, ...) of the images at ``indices``, int64 (K,), and the folder on disk that they belong to."""

    folder: Path
    indices: Tensor
    features: FeatureTable

    @property
    def in_memory(self) -> bool:
        """Whether they are in memory, not only on disk."""
        return isinstance(self.features, Tensor)

    def joined(self, other: StoredFeatures | None) -> StoredFeatures:
        """These features followed by others, which are stored in the same way."""
        if other is None:
            return self
        indices, own, more = torch.cat([self.indices, other.indices]), self.features, other.features
        if isinstance(own, MappedFeatures) and isinstance(more, MappedFeatures):
            return StoredFeatures(self.folder, indices, own.joined(more))
        if isinstance(own, Tensor) and isinstance(more, Tensor):
            return StoredFeatures(self.folder, indices, torch.cat(alike(own, more)))
        raise TypeError("features in memory and on disk are not joined")


@dataclass(frozen=True)
class ReadResult:
    """What was found on disk.

    Attributes:
        indices: of the images, int64 (K,), each once.
        features: (K, ...), None where K is 0.
        damaged: the number of chunks that could not be used; they are removed.
    """

    indices: Tensor
    features: FeatureTable | None
    damaged: int


def read(folder: Path, wanted: Tensor) -> ReadResult:
    """Read the features of the images ``wanted``, int64 (N,) with N > 0, that a folder has into memory."""
    missing = torch.zeros(int(wanted.max()) + 1, dtype=torch.bool)
    missing[wanted] = True
    indices, features, damaged = torch.empty_like(wanted), None, 0
    count = 0
    for path in sorted(folder.glob(f"*{CHUNK_SUFFIX}")):
        chunk = _read_chunk(path)
        if chunk is None:
            damaged += 1
            path.unlink(missing_ok=True)
            continue
        rows = _rows(chunk["indices"], missing)
        found = slice(count, count + len(rows))
        if features is None:
            features = chunk["features"].new_empty((len(wanted), *chunk["features"].shape[1:]))
        features = put_rows(features, count, chunk["features"].index_select(0, rows))
        indices[found] = chunk["indices"][rows]
        # Two processes may have computed the same image: take the first one found.
        missing[indices[found]] = False
        count += len(rows)
    return ReadResult(indices[:count], features[:count] if features is not None and count else None, damaged)


def read_mapped(folder: Path, wanted: Tensor) -> ReadResult:
    """Like :func:`read`, but the features stay on disk and are mapped; their chunks are checked once, now."""
    missing = torch.zeros(int(wanted.max()) + 1, dtype=torch.bool)
    missing[wanted] = True
    indices, chunks, damaged = [], [], 0
    paths = sorted(folder.glob(f"*{CHUNK_SUFFIX}"))
    for path, is_whole in zip(paths, in_parallel(_is_whole, paths, _CHECKED_AHEAD), strict=True):
        if not is_whole:
            damaged += 1
            path.unlink(missing_ok=True)
            continue
        chunk = map_chunk(path)
        rows = _rows(chunk["indices"], missing)
        if len(rows):
            indices.append(chunk["indices"][rows])
            chunks.append(MappedChunk(chunk["features"], rows))
            missing[indices[-1]] = False
    return ReadResult(torch.cat([wanted[:0], *indices]), MappedFeatures(chunks) if chunks else None, damaged)


def map_chunk(path: Path) -> dict[str, Tensor]:
    """A chunk whose tensors are read from disk where and when they are used."""
    return safetensors.torch.load_file(path)


def clear(folder: Path) -> None:
    """Remove all chunks of a folder."""
    for path in folder.glob(f"*{CHUNK_SUFFIX}"):
        path.unlink(missing_ok=True)


def write(folder: Path, indices: Tensor, features: Tensor) -> Path:
    """Add a chunk: the features (K, ...) of the images at ``indices`` (K,).

    Raises:
        StorageError: the disk is full, read-only or fails.
    """
    data = safetensors.torch.save({"indices": indices.cpu().contiguous(), "features": features.cpu().contiguous()})
    path = folder / f"{hashlib.sha256(data).hexdigest()}{CHUNK_SUFFIX}"
    write_atomic(path, data)
    return path


def put_rows(features: Tensor, start: int, rows: Tensor) -> Tensor:
    """Write rows after the first ``start``; the features, converted if they and the rows are in different forms."""
    if features.dtype is not rows.dtype:
        filled, rows = alike(features[:start], rows)
        features = filled.new_empty(features.shape)
        features[:start] = filled
    features[start : start + len(rows)] = rows
    return features


def _rows(indices: Tensor, missing: Tensor) -> Tensor:
    """The rows of a chunk whose images are missing."""
    known = indices.clamp(max=len(missing) - 1)
    return torch.nonzero((indices < len(missing)) & missing[known]).flatten()


def _is_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == path.stem
    except OSError:
        return False


def _read_chunk(path: Path) -> dict[str, Tensor] | None:
    """A chunk whose content matches its name, None if it does not."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != path.stem:
            return None
        return safetensors.torch.load(data)
    except (OSError, SafetensorError):
        return None
